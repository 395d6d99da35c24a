import { bind, cString, lastError, nativePlatform } from './library.ts';

const utimensat = bind<(directory: number, path: Buffer, times: BigInt64Array, flags: number) => number>(
  'file times to the nanosecond, and times of symbolic links',
  {
    linux: 'int utimensat(int directory, void *path, void *times, int flags)',
    darwin: 'int utimensat(int directory, void *path, void *times, int flags)',
  },
);

const second = 1_000_000_000n;
// One call at a time per thread, so the structure is reused.
const times = new BigInt64Array(4);

function putTime(index: number, timeNs: bigint): void {
  // timespec wants 0 <= tv_nsec, also before 1970.
  const nanoseconds = ((timeNs % second) + second) % second;
  times[index] = (timeNs - nanoseconds) / second;
  times[index + 1] = nanoseconds;
}

/** Sets access and modification time in nanoseconds since 1970, of a link itself and not of what it points at (utimensat(2)). */
export function setTimes(path: Buffer, to: { readonly accessedNs: bigint; readonly modifiedNs: bigint }): void {
  putTime(0, to.accessedNs);
  putTime(2, to.modifiedNs);
  const darwin = nativePlatform() === 'darwin';
  if (utimensat()(darwin ? -2 : -100, cString(path), times, darwin ? 0x20 : 0x100) !== 0)
    throw lastError('utimensat', path);
}

const futimens = bind<(fd: number, times: BigInt64Array) => number>('file times to the nanosecond', {
  linux: 'int futimens(int fd, void *times)',
  darwin: 'int futimens(int fd, void *times)',
});

/** `setTimes` of what is open as the descriptor (futimens(2)). */
export function setTimesOfOpen(fd: number, to: { readonly accessedNs: bigint; readonly modifiedNs: bigint }): void {
  putTime(0, to.accessedNs);
  putTime(2, to.modifiedNs);
  if (futimens()(fd, times) !== 0) throw lastError('futimens');
}
