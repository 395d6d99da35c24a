import { type ExitStatus, exitStatus } from '@holdfast/core';
import { writeContents } from '../stand-alone/dump.ts';
import { splitReference } from '../stand-alone/snapshot-selection.ts';
import type { Work } from '../work.ts';
import { beginRecovery, chooseRecoverable, type RecoveryOptions } from './begin-recovery.ts';

export interface DownloadOptions extends RecoveryOptions {
  readonly archive: 'tar' | 'zip';
  readonly target?: string;
}

/** Takes a file, or a folder as an archive, without the key of the repository: its executor reads. */
export async function download(
  what: { readonly snapshot: string; readonly path: string },
  options: DownloadOptions,
  work: Work,
): Promise<ExitStatus> {
  const { client } = await beginRecovery(options, work);
  const { reference, path: root } = splitReference(what.snapshot);
  const { id, repositoryId } = chooseRecoverable(await client.snapshots(work.signal), reference);
  const { path } = what;
  const { archive } = options;
  const { isArchive, body } = await client.contents({ repositoryId, snapshotId: id, root, path, archive }, work.signal);
  const write = async (sink: (bytes: Uint8Array) => Promise<void>): Promise<void> => {
    for await (const bytes of body) await sink(bytes);
  };
  await writeContents({ isFolder: isArchive, write }, options.target);
  return exitStatus.success;
}
