import { closeSync, copyFileSync, mkdirSync, openSync, readSync, rmSync, utimesSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pieceBytes } from '../limits.ts';
import { SeededRandom } from './seeded-random.ts';
import { changedAt, dataSeed, modifiedAt } from './seeds.ts';
import { EndlessText } from './text.ts';

/** Changed in place are pages of this size, as databases and disk images do it. */
const changedPageBytes = 64 * 1024;
const changedShare = 0.01;
const insertedBytes = 1_000;

export function makeBigRandom(folder: string, sizeBytes: number): { files: number; bytes: number } {
  const random = new SeededRandom(`${dataSeed} big-random`);
  const path = join(folder, 'big.bin');
  writePieces(path, sizeBytes, (count) => random.bytes(count));
  utimesSync(path, modifiedAt, modifiedAt);
  return { files: 1, bytes: sizeBytes };
}

/** One file of text, and beside the folder the same with 1 % of its bytes changed in place and 1,000 bytes inserted. */
export function makeBigText(folder: string, sizeBytes: number): { files: number; bytes: number; changed: string } {
  const text = new EndlessText(`${dataSeed} big-text`);
  const path = join(folder, 'text.log');
  writePieces(path, sizeBytes, (count) => text.next(count));
  utimesSync(path, modifiedAt, modifiedAt);
  const changed = `${folder}.changed`;
  rmSync(changed, { recursive: true, force: true });
  mkdirSync(changed);
  changeText({ from: path, to: join(changed, 'text.log'), sizeBytes, text });
  return { files: 1, bytes: sizeBytes, changed };
}

function writePieces(path: string, sizeBytes: number, next: (count: number) => Buffer): void {
  const file = openSync(path, 'w');
  try {
    for (let written = 0; written < sizeBytes; )
      written += writeSync(file, next(Math.min(pieceBytes, sizeBytes - written)));
  } finally {
    closeSync(file);
  }
}

function changeText(o: { from: string; to: string; sizeBytes: number; text: EndlessText }): void {
  const { from, to, sizeBytes, text } = o;
  const random = new SeededRandom(`${dataSeed} changes`);
  copyFileSync(from, to);
  const source = openSync(from, 'r');
  const file = openSync(to, 'r+');
  try {
    // The insertion stands after the first third, so that two thirds of the file are somewhere else than before.
    const insertAt = Math.floor(sizeBytes / 3);
    writeSync(file, random.bytes(insertedBytes), 0, insertedBytes, insertAt);
    const buffer = Buffer.allocUnsafe(pieceBytes);
    for (let at = insertAt; at < sizeBytes; ) {
      const count = readSync(source, buffer, 0, pieceBytes, at);
      if (count === 0) break;
      writeSync(file, buffer, 0, count, at + insertedBytes);
      at += count;
    }
    const pageBytes = Math.min(changedPageBytes, Math.max(1, Math.floor(sizeBytes * changedShare)));
    const pages = Math.max(1, Math.round((sizeBytes * changedShare) / pageBytes));
    for (let page = 0; page < pages; page += 1) {
      const at = random.below(Math.max(1, Math.floor(sizeBytes / pageBytes))) * pageBytes;
      writeSync(file, text.next(pageBytes), 0, Math.min(pageBytes, sizeBytes - at), at);
    }
  } finally {
    closeSync(source);
    closeSync(file);
  }
  utimesSync(to, changedAt, changedAt);
}
