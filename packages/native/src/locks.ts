import { bind, lastErrno, lastError } from './library.ts';

const flock = bind<(fd: number, operation: number) => number>('keeping a second process out of a data directory', {
  linux: 'int flock(int fd, int operation)',
  darwin: 'int flock(int fd, int operation)',
});
const exclusive = 2;
const withoutWaiting = 4;

/**
 * Takes the exclusive lock of an open file without waiting; false when another process has it. The kernel releases it
 * when the last descriptor closes, also after SIGKILL (flock(2)).
 */
export function tryLockFile(fd: number): boolean {
  if (flock()(fd, exclusive | withoutWaiting) === 0) return true;
  const code = lastErrno();
  if (code === 'EWOULDBLOCK' || code === 'EAGAIN') return false;
  throw lastError('flock');
}
