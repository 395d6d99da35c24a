import fs from 'node:fs';
import { errnoOf, HoldfastError } from '@holdfast/core';
import type { FolderHandle } from '../folder-handle.ts';
import { openToRead } from '../open-to-read.ts';
import { PatternList } from '../patterns.ts';

/** A file by which a folder says that it need not be backed up. */
export interface FolderMark {
  readonly name: string;
  /** How the file must begin; nothing if it only has to be there. */
  readonly header: string;
}

/** What a backup leaves out. Plain data, for threads. */
export interface ExclusionOptions {
  /** Patterns; see `patterns.ts`. */
  readonly excludes?: readonly string[] | undefined;
  /** Patterns by themselves: what they leave out `excludes` can't take back. */
  readonly excludesAlways?: readonly string[] | undefined;
  /** Patterns for which small and capital letters are the same. */
  readonly excludesAnyCase?: readonly string[] | undefined;
  /** Of folders with such a file, only that file is stored. */
  readonly excludeIfPresent?: readonly FolderMark[] | undefined;
  readonly excludeLargerThanBytes?: number | undefined;
}

/** https://bford.info/cachedir/ */
export const cacheMark: FolderMark = {
  name: 'CACHEDIR.TAG',
  header: 'Signature: 8a477f597d28d172789f06886806bc55',
};

/** Decides what is left out, with restic's meaning; in one thread. */
export class Exclusions {
  /** True when no path is left out for its name. */
  readonly anyPath: boolean;
  readonly maxSizeBytes: number;
  readonly #exact: PatternList;
  readonly #always: PatternList;
  readonly #anyCase: PatternList;
  readonly #marks: readonly FolderMark[];

  /** @throws usage.option for what is malformed */
  constructor(options: ExclusionOptions) {
    this.#exact = new PatternList(options.excludes ?? []);
    this.#always = new PatternList(options.excludesAlways ?? []);
    this.#anyCase = new PatternList((options.excludesAnyCase ?? []).map((pattern) => pattern.toLowerCase()));
    this.anyPath = this.#exact.empty && this.#always.empty && this.#anyCase.empty;
    this.maxSizeBytes = options.excludeLargerThanBytes ?? Number.POSITIVE_INFINITY;
    this.#marks = options.excludeIfPresent ?? [];
    for (const { name } of this.#marks)
      if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name))
        throw new HoldfastError('usage.option', {
          message: `${JSON.stringify(name)} is not the name of a file by which folders are left out.`,
        });
  }

  /** True when nothing is left out of any folder, but for what is too large. */
  get nothing(): boolean {
    return this.anyPath && this.#marks.length === 0;
  }

  /** Parts are the names of the path from the root on, as patterns see them. */
  leavesOut(parts: readonly string[]): boolean {
    if (this.#exact.matches(parts) || this.#always.matches(parts)) return true;
    return !this.#anyCase.empty && this.#anyCase.matches(parts.map((part) => part.toLowerCase()));
  }

  /** Of the names in a folder those that stay. Both are text of one character for each byte. */
  namesThatStay(folder: FolderHandle, names: readonly string[]): readonly string[] {
    let staying = names;
    for (const mark of this.#marks) {
      if (!hasMark(folder, mark)) continue;
      const own = Buffer.from(mark.name).toString('latin1');
      staying = staying.filter((name) => name === own);
    }
    return staying;
  }
}

/** What cannot be looked at is no mark: rather too much is stored than too little. */
function hasMark(folder: FolderHandle, { name, header }: FolderMark): boolean {
  const path = folder.path(Buffer.from(name));
  try {
    const found = fs.lstatSync(path);
    if (header === '') return true;
    if (!found.isFile()) return false;
    const fd = openToRead(path);
    try {
      const wanted = Buffer.from(header);
      const begin = Buffer.alloc(wanted.length);
      return fs.readSync(fd, begin, { position: 0 }) === wanted.length && begin.equals(wanted);
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}
