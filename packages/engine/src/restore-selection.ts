import { joinPath } from './byte-path.ts';
import { PatternList, patternText } from './patterns.ts';

/** What a restore is to bring back, by paths in the snapshot. */
export class RestoreSelection {
  readonly #include: PatternList;
  readonly #exclude: PatternList;

  /** @throws usage.option for malformed patterns */
  constructor(patterns: { readonly include: readonly string[]; readonly exclude: readonly string[] }) {
    this.#include = new PatternList(patterns.include);
    this.#exclude = new PatternList(patterns.exclude);
  }

  /** True when nothing has to be asked for by name. */
  get everything(): boolean {
    return this.#include.empty;
  }

  /** True when nothing is left out. */
  get whole(): boolean {
    return this.#include.empty && this.#exclude.empty;
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
    return { path, parts, selected: folderSelected || this.#include.matches(parts) };
  }
}
