import { bindOptional } from './built-in.ts';
import { holding, numericAddress } from './memory-address.ts';

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

/** madvise(2). */
const dontNeed = 4;
/** Of any page that a processor of today has. */
const pageBytes = 64 * 1024;

/**
 * Gives the memory of bytes back to the system as far as it is whole pages: they read as zeros then, or as they were where that
 * is not possible, and take memory again when they are written.
 */
export function discardMemory(bytes: Uint8Array): void {
  if (process.platform !== 'linux') return;
  madvise ??= bindOptional<Madvise>('int madvise(uint64_t address, size_t length, int advice)') ?? (() => 0);
  const discard = madvise;
  holding(bytes, () => {
    const address = numericAddress(bytes);
    const from = Math.ceil(address / pageBytes) * pageBytes;
    const end = Math.floor((address + bytes.byteLength) / pageBytes) * pageBytes;
    if (end > from) discard(from, end - from, dontNeed);
  });
}

type Madvise = (address: number, length: number, advice: number) => number;
let madvise: Madvise | undefined;
