import { bind, lastError } from './library.ts';

interface Syncfs {
  (fd: number): number;
  async(fd: number, done: (error: unknown, result: number) => void): void;
}

const syncfs = bind<Syncfs>('making everything of a file system durable at once', {
  linux: 'int syncfs(int fd)',
});

/**
 * True when everything written to the file system of the descriptor is durable (syncfs(2), which also reports errors of
 * writing back since Linux 5.8). False where there is no such call: each file has to be synced by itself.
 * @throws errors of the system, EIO and ENOSPC above all
 */
export function syncFileSystem(fd: number): boolean {
  if (process.platform !== 'linux') return false;
  if (syncfs()(fd) !== 0) throw lastError('syncfs');
  return true;
}

/**
 * The same beside this thread, so that less is left to do later. False when it failed: not every failure is told again by
 * a later call. The system tells each open descriptor once of what it could not write: give another one than the one that is
 * synced at the end, which can say what it was.
 */
export async function syncFileSystemEarly(fd: number): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  return await new Promise((resolve) => syncfs().async(fd, (error, result) => resolve(!error && result === 0)));
}
