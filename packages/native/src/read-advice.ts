import { bind, nativePlatform } from './library.ts';

const fadvise = bind<(fd: number, offset: number, length: number, advice: number) => number>('read-ahead advice', {
  linux: 'int posix_fadvise(int fd, int64_t offset, int64_t length, int advice)',
});
const advices = { sequential: 2, willNeed: 3, dontNeed: 4 } as const;

/** Tells the kernel how a range will be read (posix_fadvise(2)); length 0 means to the end. Only advice: nothing is lost without it. */
export function adviseReading(
  fd: number,
  advice: keyof typeof advices,
  range: { readonly offset: number; readonly length: number },
): void {
  if (nativePlatform() === 'linux') fadvise()(fd, range.offset, range.length, advices[advice]);
}
