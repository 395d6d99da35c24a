import fs from 'node:fs';
import { limits } from '../limits.ts';

const zeros = Buffer.alloc(limits.holeSizeBytes);

export interface Segment {
  readonly start: number;
  readonly end: number;
}

/** The parts of the bytes that are not whole blocks of zeros; blocks are those of the file, which begins `at` bytes before. */
export function dataSegments(bytes: Buffer, at: number): Segment[] {
  const block = limits.holeSizeBytes;
  const segments: Segment[] = [];
  let start = 0;
  let end = 0;
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + block - ((at + from) % block));
    // Nearly all data is known by its first byte.
    const hole = to - from === block && bytes[from] === 0 && bytes.compare(zeros, 0, block, from, to) === 0;
    if (hole) {
      if (end > start) segments.push({ start, end });
      start = to;
    }
    end = to;
    if (hole) end = start;
    from = to;
  }
  if (end > start) segments.push({ start, end });
  return segments;
}

/**
 * Writes into a file that is new, so that what is not written reads as zeros. Gives where the last data ends; the caller
 * sets the file's size if that is not its end.
 */
export function writeSparse(fd: number, bytes: Buffer, at: number): number {
  let last = 0;
  for (const { start, end } of dataSegments(bytes, at)) {
    writeEverything(fd, bytes.subarray(start, end), at + start);
    last = at + end;
  }
  return last;
}

/** Writes all bytes, zeros too: for a file that has something else in their place. */
export function writeEverything(fd: number, bytes: Buffer, at: number): void {
  for (let from = 0; from < bytes.length; ) from += fs.writeSync(fd, bytes, from, bytes.length - from, at + from);
}
