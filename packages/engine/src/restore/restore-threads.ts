import { availableParallelism } from 'node:os';
import { ThreadPool, workerCount } from '../threads/thread-pool.ts';
import type { RestoreJob, RestoreResult } from './restore-jobs.ts';

export type RestoreThreads = ThreadPool<RestoreJob, RestoreResult, never>;

/** Threads for one restore: as `backupThreads`, but all start at once. */
export function restoreThreads(workers?: number): RestoreThreads {
  const threads: RestoreThreads = new ThreadPool({
    entry: new URL('./restore-worker.ts', import.meta.url),
    size: workerCount(workers, availableParallelism()),
  });
  threads.startAll();
  return threads;
}
