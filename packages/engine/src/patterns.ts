import { isUtf8 } from 'node:buffer';
import { HoldfastError } from '@holdfast/core';
import { limits } from './limits.ts';

/**
 * Patterns that choose files, with restic's meaning:
 * - `*` is any number of characters but `/`, `?` one, `[a-z]` and `[^a-z]` one of a class, `\x` the character x.
 * - `**` as a whole part of the path is any number of folders, also none.
 * - A pattern that begins with `/` is anchored at the root; any other may match anywhere in the path: `cache`,
 *   `*.tmp` and `build/out` match at every depth.
 * - What matches a folder matches everything below it. A trailing `/` means nothing.
 * - `!pattern` takes back what earlier patterns of the list matched; the last one that matches decides. As in restic
 *   (and git), nothing below a folder that is left out is looked at, so it can't be taken back.
 * Names that are not UTF-8 are matched byte by byte, each byte as the character of the same number.
 */
export class PatternList {
  readonly #patterns: readonly Pattern[];

  /** @throws usage.option for a pattern that is malformed or too long. */
  constructor(patterns: readonly string[]) {
    if (patterns.length > limits.maxPatterns)
      throw new HoldfastError('usage.option', {
        message: `There are ${patterns.length} patterns; ${limits.maxPatterns} are the limit.`,
      });
    this.#patterns = patterns.filter((pattern) => pattern.trim() !== '').map(parsePattern);
  }

  get empty(): boolean {
    return this.#patterns.length === 0;
  }

  /** True when the path, or a folder above it, is chosen. Parts are the names from the root on. */
  matches(parts: readonly string[]): boolean {
    let chosen = false;
    for (const pattern of this.#patterns)
      if (pattern.negated === chosen && matchesAt(pattern, parts)) chosen = !pattern.negated;
    return chosen;
  }
}

/** A name as patterns see it. */
export function patternText(name: Uint8Array): string {
  const bytes = Buffer.from(name.buffer, name.byteOffset, name.byteLength);
  return bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1');
}

type Part = RegExp | 'any folders';

interface Pattern {
  readonly negated: boolean;
  readonly anchored: boolean;
  readonly parts: readonly Part[];
}

function parsePattern(text: string): Pattern {
  if (text.length > limits.maxPatternLength) throw malformed(text, `it is longer than ${limits.maxPatternLength}`);
  const negated = text.startsWith('!');
  const body = negated ? text.slice(1) : text;
  const names = body.split('/').filter((name) => name !== '' && name !== '.');
  if (names.includes('..')) throw malformed(text, "'..' cannot be matched");
  if (names.length === 0 && body !== '/') throw malformed(text, 'it is empty');
  return {
    negated,
    anchored: body.startsWith('/'),
    parts: names.map((name) => (name === '**' ? 'any folders' : globExpression(name, text))),
  };
}

function malformed(pattern: string, detail: string): HoldfastError {
  return new HoldfastError('usage.option', {
    message: `The pattern ${JSON.stringify(pattern.slice(0, 200))} is malformed: ${detail}.`,
  });
}

const special = /[\\^$.*+?()[\]{}|/]/;

function globExpression(name: string, pattern: string): RegExp {
  const chars = Array.from(name);
  let source = '';
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at] ?? '';
    if (char === '*') {
      // Several stars are one; in a row they would make the expression slow.
      if (chars[at - 1] !== '*' || at === 0) source += '.*';
    } else if (char === '?') source += '.';
    else if (char === '[') {
      const { expression, end } = classExpression(chars, at, pattern);
      source += expression;
      at = end;
    } else if (char === '\\') {
      at += 1;
      const next = chars[at];
      if (next === undefined) throw malformed(pattern, 'it ends with a backslash');
      source += special.test(next) ? `\\${next}` : next;
    } else source += special.test(char) ? `\\${char}` : char;
  }
  return new RegExp(`^${source}$`, 'su');
}

function classExpression(chars: readonly string[], from: number, pattern: string): { expression: string; end: number } {
  let at = from + 1;
  const negated = chars[at] === '^' || chars[at] === '!';
  if (negated) at += 1;
  let body = '';
  const take = (): string => {
    let char = chars[at];
    if (char === '\\') {
      at += 1;
      char = chars[at];
    }
    if (char === undefined) throw malformed(pattern, 'a [ is not closed');
    at += 1;
    return char;
  };
  const literal = (char: string): string => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
  for (let first = true; first || chars[at] !== ']'; first = false) {
    if (at >= chars.length) throw malformed(pattern, 'a [ is not closed');
    const low = take();
    let high = low;
    if (chars[at] === '-' && chars[at + 1] !== ']' && chars[at + 1] !== undefined) {
      at += 1;
      high = take();
    }
    if ((low.codePointAt(0) ?? 0) > (high.codePointAt(0) ?? 0)) throw malformed(pattern, 'a range runs backwards');
    body += low === high ? literal(low) : `${literal(low)}-${literal(high)}`;
  }
  return { expression: `[${negated ? '^' : ''}${body}]`, end: at };
}

/** True when the pattern matches the path's parts or a prefix of them that ends at a folder above. */
function matchesAt(pattern: Pattern, parts: readonly string[]): boolean {
  if (pattern.parts.length === 0) return true;
  const starts = pattern.anchored ? 1 : parts.length;
  for (let start = 0; start < starts; start += 1) if (matchesFrom(pattern.parts, 0, parts, start)) return true;
  return false;
}

function matchesFrom(pattern: readonly Part[], patternAt: number, parts: readonly string[], partAt: number): boolean {
  const part = pattern[patternAt];
  if (part === undefined) return true;
  if (part === 'any folders') {
    // The last part: everything below, but not the folder itself.
    if (patternAt === pattern.length - 1) return partAt < parts.length;
    for (let skipTo = partAt; skipTo < parts.length; skipTo += 1)
      if (matchesFrom(pattern, patternAt + 1, parts, skipTo)) return true;
    return false;
  }
  const name = parts[partAt];
  return name !== undefined && part.test(name) && matchesFrom(pattern, patternAt + 1, parts, partAt + 1);
}
