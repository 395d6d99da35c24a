import { availableParallelism } from 'node:os';
import { ThreadPool, workerCount } from '../threads/thread-pool.ts';
import type { BackupJob, BackupResult, PackEvent } from './backup-jobs.ts';

export type BackupThreads = ThreadPool<BackupJob, BackupResult, PackEvent>;

/**
 * Threads for one backup: 1 to 64; one per processor, at most 8, if left out. They start at once, so make them before something that
 * takes long and leaves the processor alone. `await using` ends them if no backup takes place.
 */
export function backupThreads(workers?: number): BackupThreads {
  return new ThreadPool({
    entry: new URL('./backup-worker.ts', import.meta.url),
    size: workerCount(workers, availableParallelism()),
  });
}
