import fs from 'node:fs';
import { joinPath } from '../byte-path.ts';
import { reason } from '../problem.ts';
import { type ProtectedFolder, removeEntry } from './remove-entry.ts';
import type { TargetFolder, TargetFolders } from './restore-folders.ts';
import type { RestoreSelection } from './restore-selection.ts';

interface Expected {
  /** Names in the snapshot, bytes as characters; undefined when nobody knows them: then nothing is removed. */
  readonly names: ReadonlySet<string> | undefined;
  readonly selected: boolean;
}

interface DeletionOptions {
  readonly folders: TargetFolders;
  readonly selection: RestoreSelection;
  readonly protect: readonly ProtectedFolder[];
  readonly dryRun: boolean;
  /** The path below the target. */
  readonly onDeleted: (path: Buffer) => void;
  readonly onProblem: (path: Buffer, what: string, cause: unknown) => void;
}

/**
 * Removes from restored folders what the snapshot doesn't have, as far as it is selected. As with restic, a folder in
 * which nothing was to be restored is left alone. No link is followed, and nothing of another file system removed.
 */
export class RestoreDeletions {
  readonly #o: DeletionOptions;
  readonly #expected = new Map<TargetFolder, Expected>();
  readonly #used = new Set<TargetFolder>();

  constructor(options: DeletionOptions) {
    this.#o = options;
  }

  /** What the snapshot has in a folder. */
  expect(folder: TargetFolder, names: readonly Buffer[] | undefined, selected: boolean): void {
    const known = names === undefined ? undefined : new Set(names.map((name) => name.toString('latin1')));
    this.#expected.set(folder, { names: known, selected });
  }

  /** Something in the folder is to be restored, or the folder itself. */
  use(folder: TargetFolder): void {
    for (let at: TargetFolder | undefined = folder; at !== undefined && !this.#used.has(at); at = at.parent)
      this.#used.add(at);
  }

  /** Everything in the folder is restored. */
  clear(folder: TargetFolder): void {
    const expected = this.#expected.get(folder);
    this.#expected.delete(folder);
    const used = this.#used.delete(folder);
    const names = expected?.names;
    if (expected === undefined || names === undefined || !used || folder.failed || folder.fresh || folder.absent)
      return;
    const { dryRun, folders, protect, selection } = this.#o;
    try {
      const handle = folders.pin(folder);
      try {
        for (const name of handle.names()) {
          if (names.has(name.toString('latin1'))) continue;
          if (selection.choose(folder, name, expected.selected)?.selected !== true) continue;
          const onRemoved = (inner: Buffer): void => this.#o.onDeleted(joinPath(folder.path, inner));
          try {
            removeEntry(handle, name, { recursive: true, protect, dryRun, onRemoved });
          } catch (error) {
            this.#o.onProblem(joinPath(folder.path, name), `it could not be deleted (${reason(error)})`, error);
          }
        }
      } finally {
        folders.unpin(folder);
      }
    } catch (error) {
      this.#o.onProblem(folder.path, `what the snapshot does not have could not be deleted (${reason(error)})`, error);
    }
  }
}

/** What names a folder whatever its path is; undefined when it is not there. */
export function protectedFolder(path: Buffer | string): ProtectedFolder | undefined {
  const stat = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? undefined : { dev: stat.dev, ino: stat.ino };
}
