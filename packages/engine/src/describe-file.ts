import { isUtf8 } from 'node:buffer';
import fs, { type BigIntStats } from 'node:fs';
import type { HoldfastError } from '@holdfast/core';
import { groupName, listXattrs, readXattr, userName } from '@holdfast/native';
import { type ExtendedAttribute, formatTime, goFileMode, type Node, type NodeType } from '@holdfast/repository';
import { problem, reason } from './problem.ts';

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

export function typeOf(stat: BigIntStats): NodeType {
  return types.get(Number(stat.mode) & typeMask) ?? 'irregular';
}

/** restic writes local time, with the offset of that moment; a fixed zone needs no look-up per file. */
const fixedOffsetMinutes = ((): number | undefined => {
  const winter = new Date(2026, 0, 1).getTimezoneOffset();
  return winter === 0 && new Date(2026, 6, 1).getTimezoneOffset() === 0 ? 0 : undefined;
})();

const second = 1_000_000_000n;
/** Files made together have times of the same second, and dates are what is slow. */
let recent = { seconds: -1n, text: '' };

export function localTime(timeNs: bigint): string {
  const nanos = timeNs % second;
  const seconds = timeNs / second;
  // Before 1970 the remainder is negative; such files are rare.
  if (nanos < 0n || fixedOffsetMinutes === undefined)
    return formatTime(timeNs, fixedOffsetMinutes ?? -new Date(Number(timeNs / 1_000_000n)).getTimezoneOffset());
  if (recent.seconds !== seconds) recent = { seconds, text: formatTime(seconds * second, 0).slice(0, -1) };
  if (nanos === 0n) return `${recent.text}Z`;
  const digits = String(nanos).padStart(9, '0');
  let end = 9;
  while (digits.charCodeAt(end - 1) === 0x30) end -= 1;
  return `${recent.text}.${digits.slice(0, end)}Z`;
}

/**
 * The node of a file as restic would write it, without what it contains. Like restic it stores the modification time as
 * access time too, because reading for the backup would change every tree. What can't be stored goes to `report`.
 * @param accessPath where the system finds it; @param path what the person calls it
 */
export function describeFile(
  file: { readonly name: Buffer; readonly path: Buffer; readonly accessPath: Buffer; readonly stat: BigIntStats },
  report: (problem: HoldfastError) => void,
): Node {
  const { stat, accessPath } = file;
  const type = typeOf(stat);
  const uid = Number(stat.uid);
  const gid = Number(stat.gid);
  const mtime = localTime(stat.mtimeNs);
  const counted = type !== 'dir' && type !== 'fifo' && type !== 'socket';
  return {
    name: file.name,
    type,
    mode: goFileMode(Number(stat.mode)),
    mtime,
    atime: mtime,
    ctime: localTime(stat.ctimeNs),
    uid,
    gid,
    user: userName(uid),
    group: groupName(gid),
    inode: stat.ino,
    deviceId: type !== 'dir' && stat.nlink > 1n ? stat.dev : undefined,
    size: type === 'file' ? stat.size : undefined,
    links: counted ? stat.nlink : undefined,
    linkTarget: type === 'symlink' ? fs.readlinkSync(accessPath, { encoding: 'buffer' }) : undefined,
    extendedAttributes: extendedAttributes(file, report),
    device: type === 'dev' || type === 'chardev' ? stat.rdev : undefined,
    content: type === 'file' ? [] : null,
  };
}

function extendedAttributes(
  file: { readonly path: Buffer; readonly accessPath: Buffer },
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
