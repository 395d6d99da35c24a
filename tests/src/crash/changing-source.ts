import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';

/** Random numbers that a seed repeats: mulberry32, 32 bits of state. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 up to 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to the limit. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }
}

/** Bytes that no compression makes smaller, the same for the same numbers. */
function noise(random: Random, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  let state = random.below(2 ** 32) | 1;
  for (let at = 0; at + 4 <= sizeBytes; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes.writeInt32LE(state, at);
  }
  return bytes;
}

const smallFiles = 120;
const largeFiles = 4;

/** A folder that is backed up again and again, and changes a little each time. */
export class ChangingSource {
  readonly path: string;
  readonly #random: Random;
  #changes = 0;

  constructor(path: string, o: { readonly random: Random; readonly largeBytes: number }) {
    this.path = path;
    this.#random = o.random;
    mkdirSync(join(path, 'inner', 'deep'), { recursive: true });
    for (let number = 0; number < smallFiles; number++) this.#writeSmall(number);
    for (let number = 0; number < largeFiles; number++) this.#writeLarge(number, o.largeBytes);
    symlinkSync('inner/deep', join(path, 'link'));
  }

  /** Rewrites, adds and removes some files: `largeBytes` of them in one. */
  change(largeBytes: number): void {
    this.#changes++;
    for (let count = 0; count < 10; count++) this.#writeSmall(this.#random.below(smallFiles));
    this.#writeLarge(this.#random.below(largeFiles), largeBytes);
    writeFileSync(join(this.path, 'inner', `added-${this.#changes}`), `change ${this.#changes}\n`);
    rmSync(join(this.path, 'inner', `added-${this.#changes - 3}`), { force: true });
  }

  #writeSmall(number: number): void {
    const folder = number % 2 === 0 ? join('inner', 'deep') : 'inner';
    writeFileSync(join(this.path, folder, `file-${number}`), noise(this.#random, this.#random.below(6000)));
  }

  #writeLarge(number: number, sizeBytes: number): void {
    writeFileSync(join(this.path, `large-${number}`), noise(this.#random, sizeBytes));
  }
}

/** Everything below a folder that a restore must bring back, a line for each entry: nothing of the product has a part in it. */
export function describeTree(root: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const visit = (path: string): void => {
    const stats = lstatSync(path, { bigint: true });
    const common = `${stats.mode.toString(8)} ${stats.uid}:${stats.gid} ${stats.mtimeNs}`;
    const name = relative(root, path) || '.';
    if (stats.isSymbolicLink()) found.set(name, `${common} -> ${readlinkSync(path)}`);
    else if (stats.isFile())
      found.set(name, `${common} ${stats.size} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`);
    else if (stats.isDirectory()) {
      found.set(name, common);
      for (const child of readdirSync(path).sort()) visit(join(path, child));
    } else found.set(name, `${common} special`);
  };
  visit(root);
  return found;
}
