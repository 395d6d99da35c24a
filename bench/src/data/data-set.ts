import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { pieceBytes } from '../limits.ts';
import { SeededRandom } from './seeded-random.ts';
import { makeText } from './text.ts';

export const dataSetNames = ['big-random', 'small-files'] as const;
export type DataSetName = (typeof dataSetNames)[number];

export interface DataSetSizes {
  /** Of the one file of big-random. */
  readonly bigBytes: number;
  /** Of small-files, 20 to a folder. */
  readonly smallFiles: number;
}

export interface DataSet {
  readonly name: DataSetName;
  readonly folder: string;
  readonly files: number;
  readonly bytes: number;
}

/** Another number for every change of what is made: kept data of before is not used then. */
const generation = 1;
const seed = 'holdfast bench';
const filesPerFolder = 20;
const foldersPerTopFolder = 50;
const maximumFileBytes = 64 * 1024;
/** Texts of small files are pieces of one long text, so that making 40,000 of them takes seconds. */
const textPoolBytes = 16 * 1024 * 1024;
const binaryPoolBytes = 4 * 1024 * 1024;
const duplicateShare = 0.1;
const emptyShare = 0.02;
const textShare = 0.6;
/** Old enough that no program doubts a file because it changed just now. */
const modifiedAt = new Date('2024-02-29T12:00:00Z');

/** Makes the data set below `parent`, or takes the one that an earlier run left there complete. */
export function makeDataSet(name: DataSetName, sizes: DataSetSizes, parent: string): DataSet {
  const size = name === 'big-random' ? sizes.bigBytes : sizes.smallFiles;
  const folder = join(parent, `${name}-${size}-${generation}`);
  const receipt = `${folder}.json`;
  if (existsSync(receipt)) return { ...(JSON.parse(readFileSync(receipt, 'utf8')) as DataSet), folder };
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const made = name === 'big-random' ? makeBigRandom(folder, size) : makeSmallFiles(folder, size);
  const dataSet = { name, folder, ...made };
  writeFileSync(receipt, JSON.stringify(dataSet));
  return dataSet;
}

function makeBigRandom(folder: string, sizeBytes: number): { files: number; bytes: number } {
  const random = new SeededRandom(`${seed} big-random`);
  const path = join(folder, 'big.bin');
  const file = openSync(path, 'w');
  try {
    for (let written = 0; written < sizeBytes; )
      written += writeSync(file, random.bytes(Math.min(pieceBytes, sizeBytes - written)));
  } finally {
    closeSync(file);
  }
  utimesSync(path, modifiedAt, modifiedAt);
  return { files: 1, bytes: sizeBytes };
}

function makeSmallFiles(folder: string, count: number): { files: number; bytes: number } {
  const random = new SeededRandom(`${seed} small-files`);
  const text = makeText(textPoolBytes, `${seed} text`);
  const binary = makeBinary(random);
  const contents: Buffer[] = [];
  let bytes = 0;
  for (let index = 0; index < count; index += 1) {
    const inFolder = folderOf(folder, Math.floor(index / filesPerFolder));
    if (index % filesPerFolder === 0) mkdirSync(inFolder, { recursive: true });
    const duplicate = random.fraction() < duplicateShare ? contents[random.below(contents.length)] : undefined;
    const content = duplicate ?? makeContent(random, text, binary);
    // A few to copy from are enough: all of them would be half a gigabyte in memory.
    if (contents.length < 1_000) contents.push(content);
    const path = join(inFolder, `file-${String(index).padStart(6, '0')}`);
    writeFileSync(path, content);
    utimesSync(path, modifiedAt, modifiedAt);
    bytes += content.length;
  }
  return { files: count, bytes };
}

function folderOf(root: string, index: number): string {
  return join(root, `part-${Math.floor(index / foldersPerTopFolder)}`, `folder-${index % foldersPerTopFolder}`);
}

function makeContent(random: SeededRandom, text: Buffer, binary: Buffer): Buffer {
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
