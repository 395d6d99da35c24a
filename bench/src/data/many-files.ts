import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SeededRandom } from './seeded-random.ts';
import { changedAt, dataSeed, modifiedAt } from './seeds.ts';
import { makeText } from './text.ts';

const filesPerFolder = 20;
const foldersPerTopFolder = 50;
const tinyFilesPerFolder = 100;
const maximumFileBytes = 64 * 1024;
const maximumTinyBytes = 200;
/** Texts of small files are pieces of one long text, so that making 40,000 of them takes seconds. */
const textPoolBytes = 16 * 1024 * 1024;
const binaryPoolBytes = 4 * 1024 * 1024;
const duplicateShare = 0.1;
const emptyShare = 0.02;
const textShare = 0.6;
/** Of a tree between two of its backups. */
const churnShare = 0.02;

interface Made {
  readonly files: number;
  readonly bytes: number;
}

/** Files of 0 to 64 KiB, half of them below 4 KiB, 20 to a folder. */
export function makeManyFiles(folder: string, count: number): Made {
  const random = new SeededRandom(`${dataSeed} small-files`);
  const pools = makePools(random);
  const contents: Buffer[] = [];
  let bytes = 0;
  for (let index = 0; index < count; index += 1) {
    const path = pathOf(folder, index);
    if (index % filesPerFolder === 0) mkdirSync(join(path, '..'), { recursive: true });
    const duplicate = random.fraction() < duplicateShare ? contents[random.below(contents.length)] : undefined;
    const content = duplicate ?? makeContent(random, pools);
    // A few to copy from are enough: all of them would be half a gigabyte in memory.
    if (contents.length < 1_000) contents.push(content);
    writeFileSync(path, content);
    utimesSync(path, modifiedAt, modifiedAt);
    bytes += content.length;
  }
  return { files: count, bytes };
}

/** Writes 2 % of the files of `makeManyFiles` anew, others each time. Give the generations of one tree in their order. */
export class Churn {
  readonly #random: SeededRandom;
  readonly #pools: Pools;
  readonly #files: number;

  constructor(files: number) {
    this.#random = new SeededRandom(`${dataSeed} churn`);
    this.#pools = makePools(this.#random);
    this.#files = files;
  }

  apply(folder: string, generation: number): void {
    const time = new Date(changedAt.getTime() + generation * 86_400_000);
    for (let left = Math.ceil(this.#files * churnShare); left > 0; left -= 1) {
      const path = pathOf(folder, this.#random.below(this.#files));
      writeFileSync(path, makeContent(this.#random, this.#pools));
      utimesSync(path, time, time);
    }
  }
}

/** Half of the files are empty, the others have up to 200 bytes; 100 to a folder. */
export function makeTinyFiles(folder: string, count: number): Made {
  const random = new SeededRandom(`${dataSeed} tiny-files`);
  const text = makeText(textPoolBytes / 16, `${dataSeed} tiny text`);
  let bytes = 0;
  let inFolder = '';
  for (let index = 0; index < count; index += 1) {
    if (index % tinyFilesPerFolder === 0) {
      inFolder = folderOf(folder, index / tinyFilesPerFolder);
      mkdirSync(inFolder, { recursive: true });
    }
    const sizeBytes = random.fraction() < 0.5 ? 0 : 1 + random.below(maximumTinyBytes);
    const start = random.below(text.length - sizeBytes);
    const path = join(inFolder, `tiny-${String(index).padStart(7, '0')}`);
    writeFileSync(path, text.subarray(start, start + sizeBytes));
    utimesSync(path, modifiedAt, modifiedAt);
    bytes += sizeBytes;
  }
  return { files: count, bytes };
}

function folderOf(root: string, index: number): string {
  return join(root, `part-${Math.floor(index / foldersPerTopFolder)}`, `folder-${index % foldersPerTopFolder}`);
}

function pathOf(root: string, index: number): string {
  return join(folderOf(root, Math.floor(index / filesPerFolder)), `file-${String(index).padStart(6, '0')}`);
}

interface Pools {
  readonly text: Buffer;
  readonly binary: Buffer;
}

/** The same for every tree, and it takes a second. */
let textPool: Buffer | undefined;

function makePools(random: SeededRandom): Pools {
  textPool ??= makeText(textPoolBytes, `${dataSeed} text`);
  return { text: textPool, binary: makeBinary(random) };
}

function makeContent(random: SeededRandom, { text, binary }: Pools): Buffer {
  if (random.fraction() < emptyShare) return Buffer.alloc(0);
  // Half of the files are below 4 KiB, the mean is 13 KiB.
  const sizeBytes = Math.round(maximumFileBytes * random.fraction() ** 4);
  const kind = random.fraction();
  if (kind >= (1 + textShare) / 2) return random.bytes(sizeBytes);
  const pool = kind < textShare ? text : binary;
  const start = random.below(pool.length - sizeBytes);
  return Buffer.from(pool.subarray(start, start + sizeBytes));
}

/** Records of small numbers and addresses, as in programs and databases: compressors get it to about the half. */
function makeBinary(random: SeededRandom): Buffer {
  const binary = Buffer.alloc(binaryPoolBytes);
  for (let at = 0; at + 16 <= binary.length; at += 16) {
    binary.writeUInt32LE(random.below(2_000), at);
    binary.writeUInt32LE(0x0040_0000 + random.below(0x0010_0000), at + 4);
    random.bytes(6).copy(binary, at + 8);
  }
  return binary;
}
