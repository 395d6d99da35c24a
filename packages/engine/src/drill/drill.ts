import fs from 'node:fs';
import { HoldfastError, hasCode } from '@holdfast/core';
import { isDamage, type Node, type ObjectId, type Repository, shortId } from '@holdfast/repository';
import { printPath } from '../byte-path.ts';
import { limits } from '../limits.ts';
import { type Progress, ProgressReporter } from '../progress.ts';
import { restore } from '../restore/index.ts';
import { chooseFiles } from './choose-files.ts';
import { compareRestored } from './compare-restored.ts';

/** `whole` becomes a sample where the snapshot is larger than the limit. */
export type DrillAmount = { readonly kind: 'whole' } | { readonly kind: 'sample'; readonly files: number };

export interface DrillOptions {
  readonly snapshotId: string;
  /** An empty folder of nobody else. What is in it afterwards is of no use, and to be removed. */
  readonly sandbox: string;
  readonly amount: DrillAmount;
  readonly maxBytes: number;
  /** What a sample is drawn by. */
  readonly seed: string;
  readonly signal: AbortSignal;
  /** At most ten times a second. */
  readonly onProgress?: ((progress: Progress<'choose' | 'restore' | 'compare'>) => void) | undefined;
  /** Of each entry that is not what was backed up. */
  readonly onWrong: (problem: HoldfastError) => void;
}

export interface DrillReport {
  readonly snapshotId: ObjectId;
  /** The root of everything that was compared with. */
  readonly tree: ObjectId;
  readonly coverage: 'whole' | 'sample';
  /** Restored, read back, and found to be what was backed up. */
  readonly files: number;
  readonly bytes: number;
  /** Entries of any kind with the metadata that they had. */
  readonly entries: number;
  readonly withoutAttributes: number;
  readonly notTried: number;
  readonly ownersCompared: boolean;
  /** Of the snapshot. */
  readonly totalFiles: number;
  readonly totalBytes: number;
  /** Not what was backed up. */
  readonly wrong: number;
  /** From the beginning of the restore to the first file with content. */
  readonly firstByteMs: number;
  /** Until everything was durable. */
  readonly restoreMs: number;
  readonly compareMs: number;
  /** Of the restore. */
  readonly bytesPerSecond: number;
  /** How long the whole snapshot would take at that rate, by bytes or by files, whichever takes longer. */
  readonly wholeRestoreMs: number;
}

/**
 * Restores a snapshot, or a sample of its files, into a folder, reads it back from the disk and compares it with the snapshot.
 * @throws drill.space when the folder has too little room, snapshot.missing, storage errors, run.cancelled
 */
export async function drill(repository: Repository, o: DrillOptions): Promise<DrillReport> {
  const { clock } = repository;
  const { signal, sandbox } = o;
  const progress = new ProgressReporter(clock, o.onProgress);
  progress.force({ phase: 'choose', filesDone: 0, bytesDone: 0 });
  const { id, snapshot } = await repository.loadSnapshot(o.snapshotId, { signal });
  await repository.loadIndex({ signal });
  /** By path: what the restore has to say of it. */
  const told = new Map<string, HoldfastError>();
  const tell = (problem: HoldfastError): void => {
    if (told.size < limits.drillMaxProblems) told.set(String(problem.context['path'] ?? told.size), problem);
  };
  const chosen = await chooseFiles(repository, { ...o, tree: snapshot.tree, onDamage: tell });
  requireSpace(sandbox, chosen);

  const startedMs = clock.monotonicMs();
  let firstByteMs: number | undefined;
  const totals = { filesTotal: chosen.files, bytesTotal: chosen.bytes };
  const restored = await restore(repository, {
    snapshotId: id,
    target: sandbox,
    only: chosen.only,
    signal,
    onEntry: ({ sizeBytes }) => {
      if (sizeBytes > 0) firstByteMs ??= clock.monotonicMs() - startedMs;
    },
    onProgress: ({ filesDone, bytesDone }) =>
      progress.report(() => ({ phase: 'restore', filesDone, bytesDone, ...totals })),
    onProblem: tell,
  });
  const restoreMs = clock.monotonicMs() - startedMs;

  let wrong = 0;
  const onWrong = (problem: HoldfastError): void => {
    wrong += 1;
    o.onWrong(problem);
  };
  const compared = await compareRestored(repository, {
    tree: snapshot.tree,
    target: fs.realpathSync(sandbox, { encoding: 'buffer' }),
    only: chosen.only,
    signal,
    onWrong: async (path, what, node) => {
      const printed = printPath(path);
      const known = told.get(printed);
      told.delete(printed);
      // The restore knows better why a file is not there; what it could not set is not there either, for the same reason.
      const message = `${known?.message ?? `${printed}: ${what}.`}${await damagedPlace(repository, node, signal)}`;
      const code = known && isDamage(known) ? known.code : 'drill.failed';
      onWrong(new HoldfastError(code, { message, context: { path: printed } }));
    },
    onCompared: ({ files, bytes }) =>
      progress.report(() => ({ phase: 'compare', filesDone: files, bytesDone: bytes, ...totals })),
  });
  // Damage that no chosen entry shows, as that of a list of entries. Everything else would have been seen.
  for (const problem of told.values()) if (isDamage(problem)) onWrong(problem);
  return {
    snapshotId: id,
    tree: snapshot.tree,
    coverage: chosen.only ? 'sample' : 'whole',
    ...compared,
    ownersCompared: restored.ownersRestored,
    totalFiles: chosen.totalFiles,
    totalBytes: chosen.totalBytes,
    wrong,
    firstByteMs: firstByteMs ?? restoreMs,
    restoreMs,
    compareMs: clock.monotonicMs() - startedMs - restoreMs,
    bytesPerSecond: restoreMs > 0 ? (compared.bytes * 1000) / restoreMs : 0,
    wholeRestoreMs: restoreMs * scaleOf(chosen),
  };
}

/** Which part of the repository is to blame, for a file: the first blob that can't be read. */
async function damagedPlace(repository: Repository, { content }: Node, signal: AbortSignal): Promise<string> {
  for (const id of content ?? []) {
    const place = repository.index.lookup(id, 'data');
    if (place === undefined) return ` Blob ${shortId(id)} is in no pack.`;
    try {
      await repository.loadBlob('data', id, { signal });
    } catch (error) {
      if (!isDamage(error) && !hasCode(error, 'storage.missing')) throw error;
      return ` Blob ${shortId(id)} should be in pack ${place.packId}.`;
    }
  }
  return '';
}

function scaleOf({
  files,
  bytes,
  totalFiles,
  totalBytes,
}: Record<'files' | 'bytes' | 'totalFiles' | 'totalBytes', number>): number {
  return Math.max(1, files > 0 ? totalFiles / files : 1, bytes > 0 ? totalBytes / bytes : 1);
}

/** The folder's disk is often that of the repository, and must not become full by a drill. */
function requireSpace(folder: string, { bytes, files }: { readonly bytes: number; readonly files: number }): void {
  const { bavail, bsize } = fs.statfsSync(folder);
  const neededBytes = bytes + files * bsize + limits.drillReserveBytes;
  if (bavail * bsize >= neededBytes) return;
  throw new HoldfastError('drill.space', {
    message: `The drill needs ${neededBytes} bytes in ${folder}, with what stays free; ${bavail * bsize} are free.`,
  });
}
