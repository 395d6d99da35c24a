import { bindOptional } from './built-in.ts';

/** malloc.h of glibc. */
const trimThreshold = -1;
const mmapThreshold = -3;
const thresholdBytes = 256 * 1024;

/**
 * Has large blocks of memory returned to the system as soon as they are freed. glibc keeps more and more of them once a
 * program has freed a large one (mallopt(3), "dynamic mmap threshold"): after the 32 MiB of a password check that would
 * be all buffers of a process. Nothing happens with other C libraries.
 */
export function returnFreedMemory(): void {
  if (process.platform !== 'linux') return;
  const mallopt = bindOptional<(option: number, value: number) => number>('int mallopt(int option, int value)');
  const trim = bindOptional<(keepBytes: number) => number>('int malloc_trim(size_t keep)');
  // musl has neither, and no such habit.
  if (mallopt === undefined || trim === undefined) return;
  mallopt(mmapThreshold, thresholdBytes);
  mallopt(trimThreshold, thresholdBytes);
  trim(0);
}
