import { isUtf8 } from 'node:buffer';
import fs from 'node:fs';
import type { HoldfastError } from '@holdfast/core';
import { type FileStatus, groupName, listXattrs, readXattr, userName } from '@holdfast/native';
import { type ExtendedAttribute, goFileMode, type Node, type NodeType } from '@holdfast/repository/format';
import { problem, reason } from '../problem.ts';
import { localTime } from './local-time.ts';

const typeMask = 0o170000;
const types: ReadonlyMap<number, NodeType> = new Map([
  [0o100000, 'file'],
  [0o040000, 'dir'],
  [0o120000, 'symlink'],
  [0o060000, 'dev'],
  [0o020000, 'chardev'],
  [0o010000, 'fifo'],
  [0o140000, 'socket'],
]);

/** @param mode st_mode */
export function typeOf(mode: number): NodeType {
  return types.get(mode & typeMask) ?? 'irregular';
}

export interface DescribedFile {
  readonly name: Buffer;
  /** What the person calls it. */
  readonly path: Buffer;
  /** Where the system finds it. */
  readonly accessPath: Buffer;
  readonly stat: FileStatus;
  /** Its access time is stored as well. */
  readonly withAtime: boolean;
  /** False when it is known to have no extended attributes. */
  readonly mayHaveXattrs?: boolean;
}

/**
 * The node of a file as restic would write it, without what it contains. Like restic it stores the modification time as
 * access time too unless asked for that, because reading for the backup would change every tree. What can't be stored goes to `report`.
 */
export function describeFile(file: DescribedFile, report: (problem: HoldfastError) => void): Node {
  const { stat } = file;
  const type = typeOf(Number(stat.mode));
  const uid = Number(stat.uid);
  const gid = Number(stat.gid);
  const mtime = localTime(stat.mtimeNs);
  const counted = type !== 'dir' && type !== 'fifo' && type !== 'socket';
  return {
    name: file.name,
    type,
    mode: goFileMode(Number(stat.mode)),
    mtime,
    atime: file.withAtime ? localTime(fs.lstatSync(file.accessPath, { bigint: true }).atimeNs) : mtime,
    ctime: localTime(stat.ctimeNs),
    uid,
    gid,
    user: userName(uid),
    group: groupName(gid),
    inode: stat.ino,
    deviceId: type !== 'dir' && stat.nlink > 1n ? stat.dev : undefined,
    size: type === 'file' ? stat.size : undefined,
    links: counted ? stat.nlink : undefined,
    linkTarget: type === 'symlink' ? fs.readlinkSync(file.accessPath, { encoding: 'buffer' }) : undefined,
    extendedAttributes: file.mayHaveXattrs === false ? undefined : extendedAttributes(file, report),
    device: type === 'dev' || type === 'chardev' ? stat.rdev : undefined,
    content: type === 'file' ? [] : null,
  };
}

function extendedAttributes(
  file: Pick<DescribedFile, 'path' | 'accessPath'>,
  report: (problem: HoldfastError) => void,
): ExtendedAttribute[] | undefined {
  let names: Buffer[];
  try {
    names = listXattrs(file.accessPath);
  } catch (error) {
    report(
      problem('file.unreadable', file.path, `has extended attributes that could not be read (${reason(error)})`, error),
    );
    return undefined;
  }
  if (names.length === 0) return undefined;
  const attributes: ExtendedAttribute[] = [];
  for (const name of names) {
    if (!isUtf8(name)) {
      report(
        problem('file.unstorable', file.path, 'has an extended attribute whose name is not UTF-8, which is left out'),
      );
      continue;
    }
    try {
      const value = readXattr(file.accessPath, name);
      if (value !== undefined) attributes.push({ name: name.toString(), value });
    } catch (error) {
      const what = `has an extended attribute ${name.toString()} that could not be read (${reason(error)})`;
      report(problem('file.unreadable', file.path, what, error));
    }
  }
  return attributes;
}
