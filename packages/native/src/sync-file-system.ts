import { bind, lastError } from './library.ts';

const syncfs = bind<(fd: number) => number>('making everything of a file system durable at once', {
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
