import { limits } from './limits.ts';

/**
 * Content-defined chunking by a gear hash (Xia et al., "FastCDC", USENIX ATC 2016): 32 bits, so its window is the last
 * 32 bytes. The bits that decide are the highest, which all 32 bytes reach. Two masks keep sizes near the average:
 * a strict one below it, a loose one above.
 *
 * The table is secret (it comes from the master key), because the sizes of chunks would otherwise tell which known file
 * is stored. Changing anything here loses deduplication against everything that was stored before.
 */
const windowBytes = 32;
/** 22 bits below the average: one cut in 4 MiB. */
const strictShift = 32 - 22;
/** 18 bits above: one cut in 256 KiB. */
const looseShift = 32 - 18;

export interface ChunkSizes {
  readonly minSizeBytes: number;
  readonly averageSizeBytes: number;
  readonly maxSizeBytes: number;
}

const defaultSizes: ChunkSizes = {
  minSizeBytes: limits.chunkMinSizeBytes,
  averageSizeBytes: limits.chunkAverageSizeBytes,
  maxSizeBytes: limits.chunkMaxSizeBytes,
};

/** The first position in [from, end) after which the hash's highest bits are all zero, or -1. */
function scan(
  gear: Uint32Array,
  bytes: Uint8Array,
  range: { from: number; end: number; shift: number; hash: number },
): number {
  let hash = range.hash;
  const { end, shift } = range;
  for (let at = range.from; at < end; at += 1) {
    // Indices are within the arrays, so the fallbacks never run; V8 removes them.
    hash = ((hash << 1) + (gear[bytes[at] as number] as number)) | 0;
    if (hash >>> shift === 0) return at + 1;
  }
  lastHash = hash;
  return -1;
}
/** Second result of `scan`: an object per call would cost more than the rest. */
let lastHash = 0;

/**
 * Where the chunk that begins at `start` ends. `end` is where the data ends: a chunk that is cut short by it and not by
 * its content is only final if the file ends there too.
 */
export function chunkEnd(
  gear: Uint32Array,
  bytes: Uint8Array,
  range: { readonly start: number; readonly end: number },
  sizes: ChunkSizes = defaultSizes,
): { readonly end: number; readonly cut: boolean } {
  const { start } = range;
  const limit = Math.min(range.end, start + sizes.maxSizeBytes);
  const whole = limit === start + sizes.maxSizeBytes;
  const first = start + sizes.minSizeBytes;
  if (first >= limit) return { end: limit, cut: whole };
  // The window is filled before the smallest chunk ends, so where a cut falls depends on content alone.
  let hash = 0;
  for (let at = Math.max(start, first - windowBytes); at < first; at += 1)
    hash = ((hash << 1) + (gear[bytes[at] ?? 0] ?? 0)) | 0;
  const average = Math.min(limit, start + sizes.averageSizeBytes);
  const strict = scan(gear, bytes, { from: first, end: average, shift: strictShift, hash });
  if (strict >= 0) return { end: strict, cut: true };
  const loose = scan(gear, bytes, { from: average, end: limit, shift: looseShift, hash: lastHash });
  if (loose >= 0) return { end: loose, cut: true };
  return { end: limit, cut: whole };
}

/**
 * Ends of the chunks in a piece of a file. When the file goes on behind it (`last` false), the remainder after the last
 * end belongs to the next piece, which must begin there.
 */
export function chunkEnds(
  gear: Uint32Array,
  bytes: Uint8Array,
  options: { readonly last: boolean; readonly sizes?: ChunkSizes },
): number[] {
  const ends: number[] = [];
  for (let start = 0; start < bytes.length; ) {
    const found = chunkEnd(gear, bytes, { start, end: bytes.length }, options.sizes);
    if (!found.cut && !options.last) break;
    ends.push(found.end);
    start = found.end;
  }
  return ends;
}
