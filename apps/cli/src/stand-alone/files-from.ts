import { lstat, readdir, readFile } from 'node:fs/promises';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { PatternList, patternText } from '@holdfast/engine';
import { callersDirectory, resolvePath } from '../data-directory.ts';

/** Lists of what to back up, each option of its own kind; every one may be repeated. */
export interface FilesFromOptions {
  readonly filesFrom?: string[];
  readonly filesFromVerbatim?: string[];
  readonly filesFromRaw?: string[];
}

const slash = 0x2f;
const wild = /[*?[\\]/;
/** Of ASCII only: a byte of a longer character may look like another blank. */
const blanksAround = /^[\t\v\f\r ]+|[\t\v\f\r ]+$/g;

/** The paths of all lists, absolute. `onMissing` is told of a pattern that nothing fits. */
export async function listedPaths(options: FilesFromOptions, onMissing: (message: string) => void): Promise<Buffer[]> {
  const paths: Buffer[] = [];
  for (const file of options.filesFrom ?? [])
    for (const line of await readLines(file)) {
      const pattern = line.replaceAll(blanksAround, '');
      if (pattern === '' || pattern.startsWith('#')) continue;
      const found = await expand(pattern);
      if (found.length === 0)
        onMissing(`The pattern ${JSON.stringify(patternText(fromLine(pattern)))} in ${file} fits no file.`);
      paths.push(...found);
    }
  for (const file of options.filesFromVerbatim ?? [])
    for (const line of await readLines(file)) if (line !== '') paths.push(absolute(fromLine(line)));
  for (const file of options.filesFromRaw ?? []) paths.push(...splitRaw(await readList(file), file));
  return paths;
}

/** With one character for each byte (latin1): names need not be UTF-8. Without a byte order mark, and what ends lines on Windows. */
async function readLines(file: string): Promise<string[]> {
  return (await readList(file))
    .toString('latin1')
    .replace(/^\xEF\xBB\xBF/, '')
    .split(/\r?\n|\r$/);
}

function fromLine(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** A list without its last zero byte was cut short; half of its last path may be another path. */
function splitRaw(content: Buffer, file: string): Buffer[] {
  const malformed = (what: string): HoldfastError =>
    new HoldfastError('usage.option', { message: `The list of paths ${file} ${what}.` });
  if (content.length > 0 && content.at(-1) !== 0) throw malformed('does not end with a zero byte: it was cut short');
  const paths: Buffer[] = [];
  for (let start = 0; start < content.length; ) {
    const end = content.indexOf(0, start);
    if (end === start) throw malformed('has an empty path');
    paths.push(absolute(content.subarray(start, end)));
    start = end + 1;
  }
  return paths;
}

function absolute(path: Buffer): Buffer {
  return path[0] === slash ? path : Buffer.concat([Buffer.from(`${callersDirectory}/`), path]);
}

/** What fits a pattern of a line, as a shell would find it, but hidden files too. */
async function expand(pattern: string): Promise<Buffer[]> {
  let found: Buffer[] = [Buffer.from(pattern.startsWith('/') ? '' : callersDirectory)];
  for (const part of pattern.split('/').filter((name) => name !== ''))
    found = wild.test(part)
      ? (await Promise.all(found.map((folder) => fitting(folder, part)))).flat()
      : found.map((folder) => Buffer.concat([folder, fromLine(`/${part}`)]));
  found = found.map((path) => (path.length === 0 ? Buffer.from('/') : path));
  const isThere = await Promise.all(found.map((path) => exists(path)));
  return found.filter((_, at) => isThere[at]);
}

async function exists(path: Buffer): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    // What may not be looked at is there: the backup says what is the matter with it.
    return errno !== 'ENOENT' && errno !== 'ENOTDIR';
  }
}

/** Entries of a folder whose names fit; none if there is no such folder. */
async function fitting(folder: Buffer, part: string): Promise<Buffer[]> {
  // `**` is no more than `*` here.
  const list = new PatternList([`/${patternText(fromLine(part.replaceAll(/\*+/g, '*')))}`]);
  try {
    const names = await readdir(folder.length === 0 ? Buffer.from('/') : folder, { encoding: 'buffer' });
    return names
      .filter((name) => list.matches([patternText(name)]))
      .sort(Buffer.compare)
      .map((name) => Buffer.concat([folder, Buffer.from('/'), name]));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return [];
  }
}

async function readList(file: string): Promise<Buffer> {
  try {
    return await readFile(file === '-' ? '/dev/stdin' : resolvePath(file));
  } catch (error) {
    throw new HoldfastError('usage.option', {
      message: `The list of paths ${file} could not be read (${errnoOf(error) ?? String(error)}).`,
      cause: error,
    });
  }
}
