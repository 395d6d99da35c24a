import { PatternList } from '../patterns.ts';

/**
 * Patterns of `find`: those of backup and restore, but each by itself, so `!` means nothing special; one that matches is
 * enough. What a pattern matches it also finds everything below of.
 */
export class FindPatterns {
  readonly #ignoreCase: boolean;
  readonly #patterns: readonly {
    readonly list: PatternList;
    /** For an anchored pattern, what folders above a match must look like, by their depth. */
    readonly above: readonly PatternList[] | undefined;
  }[];

  /** @throws usage.option for malformed patterns */
  constructor(patterns: readonly string[], options: { readonly ignoreCase?: boolean | undefined } = {}) {
    this.#ignoreCase = options.ignoreCase ?? false;
    this.#patterns = patterns.map((given) => {
      const text = this.#ignoreCase ? given.toLowerCase() : given;
      return { list: literalBang(text), above: text.startsWith('/') ? prefixes(text) : undefined };
    });
  }

  /** Parts are names from the root on, as `patternText` gives them. */
  matches(parts: readonly string[]): boolean {
    const compared = this.#compared(parts);
    return this.#patterns.some(({ list }) => list.matches(compared));
  }

  /** False when nothing below the folder can match. */
  mayMatchBelow(parts: readonly string[]): boolean {
    const compared = this.#compared(parts);
    return this.#patterns.some(({ above }) => {
      // A folder deeper than the pattern's own parts lies in one that must have matched them all.
      const at = above?.[Math.min(parts.length, above.length) - 1];
      return at === undefined || at.matches(compared);
    });
  }

  #compared(parts: readonly string[]): readonly string[] {
    return this.#ignoreCase ? parts.map((part) => part.toLowerCase()) : parts;
  }
}

function literalBang(text: string): PatternList {
  return new PatternList([text.startsWith('!') ? `\\${text}` : text]);
}

/** The pattern's beginnings up to the first `**`, from which on every depth is possible. */
function prefixes(text: string): readonly PatternList[] | undefined {
  const names = text.split('/').filter((name) => name !== '' && name !== '.');
  const deep = names.indexOf('**');
  const fixed = deep < 0 ? names : names.slice(0, deep);
  return fixed.length === 0
    ? undefined
    : fixed.map((_, at) => new PatternList([`/${fixed.slice(0, at + 1).join('/')}`]));
}
