import { limits } from '../limits.ts';
import { type GearMemory, GearScan, gearMemory } from './gear-scan.ts';

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

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Finds chunks in memory that it shares with the code that fills it; one per thread and memory. */
export class Chunker {
  /** Fill it, then ask for the chunks of what is in it. */
  readonly bytes: Buffer;
  readonly #scan: GearScan;
  readonly #gear: Uint32Array;
  readonly #sizes: ChunkSizes;

  /** @param memory what several threads look at; of its own if it is a size */
  constructor(memory: GearMemory | number, gear: Uint32Array, sizes: ChunkSizes = defaultSizes) {
    this.#scan = new GearScan(typeof memory === 'number' ? gearMemory(memory) : memory, gear);
    this.bytes = this.#scan.bytes;
    this.#gear = gear;
    this.#sizes = sizes;
  }

  /**
   * The chunks of a piece of a file that lies in a range of the memory. When the file goes on behind the piece (`last`
   * false), what comes after the last chunk belongs to the next piece, which must begin there.
   */
  chunks(piece: Range, options: { readonly last: boolean }): Range[] {
    const found: Range[] = [];
    for (let { start } = piece; start < piece.end; ) {
      const { end, cut } = this.#chunkEnd(start, piece.end);
      if (!cut && !options.last) break;
      found.push({ start, end });
      start = end;
    }
    return found;
  }

  /**
   * Where the chunk that begins at `start` ends. `dataEnd` is where the data ends: a chunk that is cut short by it and not
   * by its content is only final if the file ends there too.
   */
  #chunkEnd(start: number, dataEnd: number): { readonly end: number; readonly cut: boolean } {
    const { minSizeBytes, averageSizeBytes, maxSizeBytes } = this.#sizes;
    const limit = Math.min(dataEnd, start + maxSizeBytes);
    const whole = limit === start + maxSizeBytes;
    const first = start + minSizeBytes;
    if (first >= limit) return { end: limit, cut: whole };
    // The window is filled before the smallest chunk ends, so where a cut falls depends on content alone.
    let hash = 0;
    for (let at = Math.max(start, first - windowBytes); at < first; at += 1)
      hash = ((hash << 1) + (this.#gear[this.bytes[at] ?? 0] ?? 0)) | 0;
    const average = Math.min(limit, start + averageSizeBytes);
    const strict = this.#scan.scan({ from: first, end: average, shift: strictShift, hash });
    if (strict >= 0) return { end: strict, cut: true };
    const loose = this.#scan.scan({ from: average, end: limit, shift: looseShift, hash: this.#scan.lastHash });
    if (loose >= 0) return { end: loose, cut: true };
    return { end: limit, cut: whole };
  }
}
