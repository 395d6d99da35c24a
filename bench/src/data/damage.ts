import { chmodSync, closeSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { relative } from 'node:path';
import { filesBelow } from './page-cache.ts';

/** Changes one byte in the middle of the largest file, which holds data in every format; gives its relative path. */
export function damageLargestFile(folder: string): string {
  const sized = [...filesBelow(folder)].map((path) => ({ path, sizeBytes: statSync(path).size }));
  const largest = sized.reduce((a, b) => (b.sizeBytes > a.sizeBytes ? b : a));
  const middle = Math.floor(largest.sizeBytes / 2);
  // Some repositories keep their files without the right to write.
  chmodSync(largest.path, 0o600);
  const file = openSync(largest.path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    readSync(file, byte, 0, 1, middle);
    writeSync(file, Buffer.of(byte.readUInt8() ^ 0x01), 0, 1, middle);
  } finally {
    closeSync(file);
  }
  return relative(folder, largest.path);
}
