import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { HoldfastError } from '@holdfast/core';
import { limits } from '../limits.ts';

/** A zstd level, 1 to 19, or 'off'. */
export type Compression = number | 'off';

/**
 * restic's default is its level 3. zstd's level 2 comes to the size of what restic's own compressor stores, or less, for files
 * of any size, in 60 to 75 % of the time of zstd's level 3 (measured on text, logs and programs: 1 to 2.5 % more bytes).
 */
export const defaultCompression: Compression = 2;

/** restic's names. Its `better` and `max` are about zstd's levels 7 and 11; beyond 12, 15 is the next that gains something. */
const levels = { auto: defaultCompression, off: 'off', fastest: 1, better: 7, max: 15 } as const;
export type CompressionMode = keyof typeof levels;

export function compressionOf(mode: CompressionMode): Compression {
  return levels[mode];
}

/** Makes one zstd frame; what it gives need not outlive the next call. */
export type Compress = (plain: Uint8Array, level: number) => Uint8Array;

/** ZSTD_COMPRESSBOUND: room for the worst case, so that the output is one piece and never joined. */
function boundOf(sizeBytes: number): number {
  return sizeBytes + (sizeBytes >>> 8) + 512;
}

export function zstd(plain: Uint8Array, level: number): Buffer {
  return zstdCompressSync(plain, {
    chunkSize: boundOf(plain.byteLength),
    params: { [constants.ZSTD_c_compressionLevel]: level },
  });
}

/**
 * The plain bytes of zstd frames.
 * @throws storage.tampered when they are not zstd or have more than `maxSizeBytes`.
 */
export function unzstd(
  packed: Uint8Array,
  options: { maxSizeBytes: number; expectedBytes?: number; what: string },
): Buffer {
  // Without a size the output grows in pieces; the first guess need not be right.
  const chunkSize = Math.max(
    64,
    Math.min(options.expectedBytes ?? packed.byteLength * 4, limits.sampleAboveBytes * 64),
  );
  try {
    return zstdDecompressSync(packed, { chunkSize, maxOutputLength: options.maxSizeBytes });
  } catch (cause) {
    throw new HoldfastError('storage.tampered', { message: `${options.what} cannot be decompressed.`, cause });
  }
}

/** What a frame says of the size of its content (RFC 8878, 3.1.1.1); undefined where it says nothing, or is none. */
export function zstdContentSize(frame: Uint8Array): number | undefined {
  if (frame.byteLength < 18) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint32(0, true) !== 0xfd2fb528) return undefined;
  const descriptor = view.getUint8(4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const at = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes;
  const sizeFlag = descriptor >>> 6;
  if (sizeFlag === 1) return view.getUint16(at, true) + 256;
  if (sizeFlag === 2) return view.getUint32(at, true);
  if (sizeFlag === 3) return Number(view.getBigUint64(at, true));
  return isSingleSegment ? view.getUint8(at) : undefined;
}

const sample = new Uint8Array(limits.samplePieces * limits.samplePieceBytes);
const counts = new Uint32Array(256);

/**
 * True when bytes are spread so evenly that coding them by frequency would save less than 1/64: what is encrypted or
 * compressed already looks like this, and hardly anything else. The saving is about chi² / (16 n ln 2) of n bytes. Below
 * 2 KiB even random bytes are not that even. Costs a fifth of asking zstd.
 */
export function looksRandom(bytes: Uint8Array): boolean {
  const size = bytes.byteLength;
  if (size < 2048) return false;
  counts.fill(0);
  for (let at = 0; at < size; at += 1) {
    const byte = bytes[at] ?? 0;
    counts[byte] = (counts[byte] ?? 0) + 1;
  }
  let squares = 0;
  for (let byte = 0; byte < 256; byte += 1) squares += (counts[byte] ?? 0) ** 2;
  return (squares * 256) / size - size < (16 * Math.LN2 * size) / 64;
}

/**
 * The compressed bytes, or undefined where compressing gains nothing. A sample is judged first, because compressing
 * what is compressed already (media, archives) costs as much as hashing it.
 */
export function compressIfSmaller(
  plain: Uint8Array,
  compression: Compression,
  compress: Compress = zstd,
): Uint8Array | undefined {
  if (compression === 'off' || plain.byteLength === 0) return undefined;
  if (plain.byteLength <= limits.sampleAboveBytes) {
    // A compressor without set-up finds that out by itself, faster.
    if (compress === zstd && looksRandom(plain)) return undefined;
  } else {
    const step = (plain.byteLength - limits.samplePieceBytes) / (limits.samplePieces - 1);
    for (let piece = 0; piece < limits.samplePieces; piece += 1) {
      const from = Math.floor(piece * step);
      sample.set(plain.subarray(from, from + limits.samplePieceBytes), piece * limits.samplePieceBytes);
    }
    // Less than 1/64 saved is not worth the reader's time either.
    if (looksRandom(sample) || compress(sample, 1).byteLength > sample.byteLength - (sample.byteLength >>> 6))
      return undefined;
  }
  const packed = compress(plain, compression);
  return packed.byteLength < plain.byteLength ? packed : undefined;
}
