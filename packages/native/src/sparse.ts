import { bind, lastErrno, lastError, nativePlatform } from './library.ts';

const lseek = bind<(fd: number, offset: number, whence: number) => number | bigint>('finding holes of sparse files', {
  linux: 'int64_t lseek(int fd, int64_t offset, int whence)',
  darwin: 'int64_t lseek(int fd, int64_t offset, int whence)',
});
const fallocate = bind<(fd: number, mode: number, offset: number, length: number) => number>(
  'making holes in files that exist',
  { linux: 'int fallocate(int fd, int mode, int64_t offset, int64_t length)' },
);

const darwin = nativePlatform() === 'darwin';
const seekData = darwin ? 4 : 3;
const seekHole = darwin ? 3 : 4;
const keepSize = 0x01;
const punch = 0x02;

/** Offset of the next byte of data at or after the offset, or undefined when only a hole follows. Moves the file's own offset. */
export function nextData(fd: number, offset: number): number | undefined {
  const found = Number(lseek()(fd, offset, seekData));
  if (found >= 0) return found;
  if (lastErrno() === 'ENXIO') return undefined;
  throw lastError('lseek');
}

/** Offset of the next hole at or after the offset; the end of the file counts as one. Undefined beyond the end. */
export function nextHole(fd: number, offset: number): number | undefined {
  const found = Number(lseek()(fd, offset, seekHole));
  if (found >= 0) return found;
  if (lastErrno() === 'ENXIO') return undefined;
  throw lastError('lseek');
}

/** Turns a range into a hole without changing the file's size (fallocate(2), Linux). */
export function punchHole(fd: number, range: { readonly offset: number; readonly length: number }): void {
  if (fallocate()(fd, punch | keepSize, range.offset, range.length) !== 0) throw lastError('fallocate');
}
