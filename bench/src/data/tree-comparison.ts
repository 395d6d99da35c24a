import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { pieceBytes } from '../limits.ts';

/**
 * What differs between a source and what was restored of it: names, kinds, sizes, every byte, modes and times of files.
 * Plain Node and nothing of the project, so that no program is judged by its own code.
 */
export function compareTrees(source: string, restored: string): readonly string[] {
  const buffers = { ours: Buffer.alloc(pieceBytes), theirs: Buffer.alloc(pieceBytes) };
  return compareFolder({ source, restored, path: '', buffers });
}

interface Comparison {
  readonly source: string;
  readonly restored: string;
  /** Relative to both. */
  readonly path: string;
  readonly buffers: { readonly ours: Buffer; readonly theirs: Buffer };
}

function compareFolder(comparison: Comparison): readonly string[] {
  const { source, restored, path } = comparison;
  const wanted = readdirSync(join(source, path));
  const present = new Set(readNames(join(restored, path)));
  const differences = wanted.flatMap((name) =>
    present.delete(name) ? compareEntry({ ...comparison, path: join(path, name) }) : [`${join(path, name)} is missing`],
  );
  return [...differences, ...[...present].map((name) => `${join(path, name)} is too many`)];
}

function readNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    // A restore that made nothing lacks everything; any other error is not for us to judge.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function compareEntry(comparison: Comparison): readonly string[] {
  const { source, restored, path } = comparison;
  const ours = lstatSync(join(source, path));
  const theirs = lstatSync(join(restored, path));
  if (kindOf(ours) !== kindOf(theirs)) return [`${path} is a ${kindOf(theirs)}, not a ${kindOf(ours)}`];
  const differences: string[] = [];
  if (ours.mode !== theirs.mode) differences.push(`${path} has the mode ${octal(theirs)}, not ${octal(ours)}`);
  if (ours.isDirectory()) return [...differences, ...compareFolder(comparison)];
  if (ours.isSymbolicLink())
    return readlinkSync(join(source, path)) === readlinkSync(join(restored, path))
      ? differences
      : [...differences, `${path} points elsewhere`];
  if (!ours.isFile()) return differences;
  // Some programs keep less than nanoseconds.
  if (Math.abs(ours.mtimeMs - theirs.mtimeMs) >= 1) differences.push(`${path} has another modification time`);
  if (ours.size !== theirs.size) differences.push(`${path} has ${theirs.size} bytes, not ${ours.size}`);
  else if (!sameContent(comparison)) differences.push(`${path} has other content`);
  return differences;
}

function kindOf(stats: Stats): string {
  if (stats.isSymbolicLink()) return 'symbolic link';
  return stats.isDirectory() ? 'folder' : stats.isFile() ? 'file' : 'special file';
}

function octal(stats: Stats): string {
  return (stats.mode & 0o7777).toString(8);
}

function sameContent({ source, restored, path, buffers: { ours, theirs } }: Comparison): boolean {
  const first = openSync(join(source, path), 'r');
  try {
    const second = openSync(join(restored, path), 'r');
    try {
      for (;;) {
        const count = readFully(first, ours);
        if (count !== readFully(second, theirs)) return false;
        if (!ours.subarray(0, count).equals(theirs.subarray(0, count))) return false;
        if (count < ours.length) return true;
      }
    } finally {
      closeSync(second);
    }
  } finally {
    closeSync(first);
  }
}

function readFully(file: number, buffer: Buffer): number {
  let filled = 0;
  while (filled < buffer.length) {
    const count = readSync(file, buffer, filled, buffer.length - filled, null);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}
