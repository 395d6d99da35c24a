import type { ObjectId, Repository } from '@holdfast/repository';
import { limits } from '../limits.ts';
import type { OrdinalSet } from './ordinal-set.ts';
import { attributesOf } from './restore-attributes.ts';
import { newFolder, TargetFolders } from './restore-folders.ts';
import { inspectFiles } from './restore-inspections.ts';
import type { SecondPlaces } from './restore-second-places.ts';
import type { RestoreSelection } from './restore-selection.ts';
import type { RestoredFile } from './restore-state.ts';
import type { RestoreThreads } from './restore-threads.ts';
import { walkSelected } from './restore-walk.ts';

/**
 * Reads every restored file back and compares it with the hashes of its blobs, which the snapshot names. Gives the number
 * of files that are right.
 */
export async function verifyRestored(o: {
  readonly repository: Repository;
  readonly pool: RestoreThreads;
  readonly tree: ObjectId;
  readonly selection: RestoreSelection;
  readonly secondPlaces: SecondPlaces;
  readonly signal: AbortSignal;
  readonly target: Buffer;
  /** Files that were not restored. */
  readonly except: OrdinalSet;
  readonly onWrong: (path: Buffer, what: string, cause: unknown) => void;
  readonly onVerified: (file: { readonly path: Buffer; readonly sizeBytes: number }) => void;
}): Promise<number> {
  const { repository, pool, signal, except, onWrong } = o;
  const root = newFolder({
    parent: undefined,
    name: Buffer.alloc(0),
    attributes: undefined,
    path: Buffer.from('/'),
    parts: [],
  });
  // A dry run makes nothing.
  using folders = new TargetFolders(root, o.target, { overwrite: 'refuse', deletes: false, dryRun: true });
  let right = 0;
  let files: RestoredFile[] = [];
  let bytes = 0;
  const verify = async (): Promise<void> => {
    const outcomes = await inspectFiles(files, { pool, folders, signal, mode: 'verify' });
    for (const [number, file] of files.entries()) {
      const outcome = outcomes[number];
      if (outcome?.state === 'unchanged') right += 1;
      else if (outcome?.state === 'failed') onWrong(file.path, 'it could not be read back', outcome.problems[0]);
      else onWrong(file.path, 'what was read back is not what the snapshot holds', undefined);
      o.onVerified(file);
    }
    files = [];
    bytes = 0;
  };
  // Trees that can't be read were reported by the restore.
  for await (const { folder, entries } of walkSelected(repository, { ...o, root, onUnreadable: () => undefined })) {
    if (entries.length > 0) folders.look(folder);
    for (const { node, path, ordinal } of entries) {
      if (node.type !== 'file' || except.has(ordinal)) continue;
      const content = node.content ?? [];
      const places = content.map((id) => repository.index.lookup(id, 'data')).filter((place) => place !== undefined);
      const sizeBytes = Number(node.size ?? 0n);
      const { name } = node;
      // The number of names says nothing about content.
      files.push({
        folder,
        name,
        attributes: attributesOf(node, o.selection),
        path,
        ordinal,
        content,
        places,
        sizeBytes,
        linked: true,
      });
      bytes += sizeBytes;
      if (files.length >= limits.restoreInspectedFiles || bytes >= limits.restoreInspectedBytes) await verify();
    }
  }
  await verify();
  return right;
}
