import { joinPath } from '../byte-path.ts';
import { PatternList, patternText } from '../patterns.ts';

/** Patterns of what is wanted and what is not, each also without regard to the case of letters. */
export interface RestorePatterns {
  readonly include?: readonly string[] | undefined;
  readonly includeAnyCase?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly excludeAnyCase?: readonly string[] | undefined;
  /** Exactly these entries besides, by their whole paths, a character for each byte. */
  readonly only?: ReadonlySet<string> | undefined;
}

/** What a restore is to bring back, by paths in the snapshot. */
export class RestoreSelection {
  /** Files belong to the users and groups that have their names here, instead of the same numbers. */
  readonly ownersByName: boolean;
  readonly #include: AnyCaseList;
  readonly #exclude: AnyCaseList;
  readonly #only: ReadonlySet<string> | undefined;

  /** @throws usage.option for malformed patterns */
  constructor(patterns: RestorePatterns & { readonly ownersByName?: boolean | undefined }) {
    this.ownersByName = patterns.ownersByName === true;
    this.#include = new AnyCaseList(patterns.include, patterns.includeAnyCase);
    this.#exclude = new AnyCaseList(patterns.exclude, patterns.excludeAnyCase);
    this.#only = patterns.only;
  }

  /** True when nothing has to be asked for by name. */
  get everything(): boolean {
    return this.#include.empty && this.#only === undefined;
  }

  /** True when nothing is left out. */
  get whole(): boolean {
    return this.everything && this.#exclude.empty;
  }

  /** Undefined for what is left out with all below it; else whether it is wanted, or only perhaps something in it. */
  choose(
    folder: { readonly path: Buffer; readonly parts: readonly string[] },
    name: Buffer,
    folderSelected: boolean,
  ): { path: Buffer; parts: readonly string[]; selected: boolean } | undefined {
    const path = joinPath(folder.path, name);
    if (this.whole) return { path, parts: [], selected: true };
    const parts = [...folder.parts, patternText(name)];
    if (this.#exclude.matches(parts)) return undefined;
    const isNamed = this.#only?.has(path.toString('latin1')) === true;
    return { path, parts, selected: folderSelected || isNamed || this.#include.matches(parts) };
  }
}

/** What one of two lists matches; the second compares small letters. */
class AnyCaseList {
  readonly #exact: PatternList;
  readonly #small: PatternList;

  constructor(exact: readonly string[] = [], anyCase: readonly string[] = []) {
    this.#exact = new PatternList(exact);
    this.#small = new PatternList(anyCase.map((pattern) => pattern.toLowerCase()));
  }

  get empty(): boolean {
    return this.#exact.empty && this.#small.empty;
  }

  matches(parts: readonly string[]): boolean {
    if (this.#exact.matches(parts)) return true;
    return !this.#small.empty && this.#small.matches(parts.map((part) => part.toLowerCase()));
  }
}
