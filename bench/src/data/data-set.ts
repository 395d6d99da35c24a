import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeBigRandom, makeBigText } from './big-files.ts';
import { makeManyFiles, makeTinyFiles } from './many-files.ts';
import { chooseSystemFolder } from './system-folder.ts';

export type DataSetName =
  | 'big-random'
  | 'big-text'
  | 'small-files'
  | 'tiny-files'
  | 'mixed'
  | 'history'
  | 'small-sample';

export interface DataSetSizes {
  /** Of the one file of big-random. */
  readonly bigBytes: number;
  /** Of the one file of big-text. */
  readonly textBytes: number;
  /** Of small-files, 20 to a folder. */
  readonly smallFiles: number;
  /** Empty ones and some of a few bytes, 100 to a folder. */
  readonly tinyFiles: number;
  /** The largest folder of the system that is no larger is backed up. */
  readonly mixedBytes: number;
  /** Files of the tree whose history is pruned. */
  readonly historyFiles: number;
  /** Backups of it before it is pruned; a fifth of them is kept. */
  readonly historyBackups: number;
  /** Blobs in the index of the memory rows. */
  readonly indexBlobs: number;
}

export interface DataSet {
  readonly name: DataSetName;
  readonly folder: string;
  readonly files: number;
  readonly bytes: number;
  /** What else belongs to it, made with it: the text after it was changed. */
  readonly changed?: string;
}

/** Another number for every change of what is made: kept data of before is not used then. */
const generation = 2;
/** Files of the backups into a repository with a large index: few, so that the index is what is measured. */
const sampleFiles = 500;

/** Makes the data set below `parent`, or takes the one that an earlier run left there complete. */
export function makeDataSet(name: DataSetName, sizes: DataSetSizes, parent: string): DataSet {
  if (name === 'mixed') return { name, ...chooseSystemFolder('/usr', sizes.mixedBytes) };
  const size = sizeOf(name, sizes);
  const folder = join(parent, `${name}-${size}-${generation}`);
  const receipt = `${folder}.json`;
  if (existsSync(receipt)) return { ...(JSON.parse(readFileSync(receipt, 'utf8')) as DataSet), folder };
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const dataSet = { name, folder, ...make(name, folder, size) };
  writeFileSync(receipt, JSON.stringify(dataSet));
  return dataSet;
}

function sizeOf(name: Exclude<DataSetName, 'mixed'>, sizes: DataSetSizes): number {
  switch (name) {
    case 'big-random':
      return sizes.bigBytes;
    case 'big-text':
      return sizes.textBytes;
    case 'small-files':
      return sizes.smallFiles;
    case 'tiny-files':
      return sizes.tinyFiles;
    case 'history':
      return sizes.historyFiles;
    case 'small-sample':
      return Math.min(sampleFiles, sizes.smallFiles);
  }
}

function make(
  name: Exclude<DataSetName, 'mixed'>,
  folder: string,
  size: number,
): { files: number; bytes: number; changed?: string } {
  switch (name) {
    case 'big-random':
      return makeBigRandom(folder, size);
    case 'big-text':
      return makeBigText(folder, size);
    case 'tiny-files':
      return makeTinyFiles(folder, size);
    case 'small-files':
    case 'history':
    case 'small-sample':
      return makeManyFiles(folder, size);
  }
}
