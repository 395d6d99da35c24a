import { availableParallelism } from 'node:os';
import { ThreadPool, workerCount } from '../threads/thread-pool.ts';
import type { RestoreJob, RestoreResult } from './restore-jobs.ts';

export type RestoreThreads = ThreadPool<RestoreJob, RestoreResult, never>;

/** Threads for one restore, as `backupThreads`. */
export function restoreThreads(workers?: number): RestoreThreads {
  return new ThreadPool({
    entry: new URL('./restore-worker.ts', import.meta.url),
    size: workerCount(workers, availableParallelism()),
  });
}
