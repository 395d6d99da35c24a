import { availableParallelism } from 'node:os';
import { HoldfastError } from '@holdfast/core';
import { ThreadPool, workerCount } from '../threads/thread-pool.ts';
import type { BackupAnswer, BackupJob, PackEvent } from './backup-jobs.ts';

export type BackupThreads = ThreadPool<BackupJob, BackupAnswer, PackEvent>;

/**
 * Threads for one backup: 1 to 64; one per processor, at most 8, if left out. The first starts at once, so make them before
 * something that takes long and leaves the processor alone. `await using` ends them if no backup takes place.
 */
export function backupThreads(workers?: number): BackupThreads {
  return new ThreadPool({
    entry: new URL('./backup-worker.ts', import.meta.url),
    size: workerCount(workers, availableParallelism()),
  });
}

/** Gives one thread a job, and takes the answer of its kind. */
export async function answerTo<Kind extends BackupAnswer['kind']>(
  kind: Kind,
  job: BackupJob,
  o: { readonly pool: BackupThreads; readonly transfer?: readonly ArrayBuffer[] },
): Promise<Extract<BackupAnswer, { kind: Kind }>> {
  const result = await o.pool.run(job, o.transfer);
  if (isKind(result, kind)) return result;
  throw new HoldfastError('internal.unexpected', { message: `A thread answered ${result.kind} to ${kind}.` });
}

function isKind<Kind extends BackupAnswer['kind']>(
  result: BackupAnswer,
  kind: Kind,
): result is Extract<BackupAnswer, { kind: Kind }> {
  return result.kind === kind;
}
