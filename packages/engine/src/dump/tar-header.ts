import { tarPadding, ustarHeader } from '@holdfast/core';
import type { Node, NodeType } from '@holdfast/repository';
import { parseTime, unixPermissions } from '@holdfast/repository';
import { aclText } from './acl-text.ts';
import type { DumpEntry } from './read-contents.ts';

/**
 * Headers of POSIX.1-2001 (pax) tar archives: what does not fit the old fields (long names, nanoseconds, large sizes,
 * extended attributes) stands in records before them.
 */

const typeFlags: Readonly<Record<Exclude<NodeType, 'socket' | 'irregular'>, string>> = {
  file: '0',
  symlink: '2',
  chardev: '3',
  dev: '4',
  dir: '5',
  fifo: '6',
};

/** True for what an archive can hold: sockets are none of it. */
export function fitsTar({ type }: Node): boolean {
  return type !== 'socket' && type !== 'irregular';
}

export function tarHeader({ path, node }: DumpEntry, sizeBytes: number): Buffer {
  const name = node.type === 'dir' ? Buffer.concat([path, Buffer.from('/')]) : path;
  const link = node.type === 'symlink' ? (node.linkTarget ?? Buffer.alloc(0)) : Buffer.alloc(0);
  const user = Buffer.from(node.user ?? '');
  const group = Buffer.from(node.group ?? '');
  const mtimeNs = parseTime(node.mtime) ?? 0n;
  const records: Buffer[] = [];
  const text = (key: string, value: Buffer, roomBytes: number): void => {
    if (value.length > roomBytes || value.some((byte) => byte > 0x7f)) records.push(paxRecord(key, value));
  };
  const number = (key: string, value: number, digits: number): void => {
    if (value >= 8 ** digits) records.push(paxRecord(key, Buffer.from(String(value))));
  };
  text('path', name, 100);
  text('linkpath', link, 100);
  text('uname', user, 31);
  text('gname', group, 31);
  number('size', sizeBytes, 11);
  number('uid', node.uid, 7);
  number('gid', node.gid, 7);
  if (mtimeNs % nanosPerSecond !== 0n || mtimeNs < 0n || mtimeNs / nanosPerSecond >= 8n ** 11n)
    records.push(paxRecord('mtime', Buffer.from(paxTime(mtimeNs))));
  records.push(paxRecord('atime', Buffer.from(paxTime(parseTime(node.atime) ?? 0n))), ...attributeRecords(node));
  const body = Buffer.concat(records);
  const extended = ustarHeader({
    ...{ name: Buffer.from('pax'), flag: 'x', sizeBytes: body.length, mode: 0o644, uid: 0, gid: 0, seconds: 0 },
    ...{ link: Buffer.alloc(0), user: Buffer.alloc(0), group: Buffer.alloc(0), device: 0n },
  });
  const isDevice = node.type === 'dev' || node.type === 'chardev';
  const header = ustarHeader({
    ...{ name, link, user, group, sizeBytes, uid: node.uid, gid: node.gid },
    flag: node.type === 'socket' || node.type === 'irregular' ? '0' : typeFlags[node.type],
    mode: unixPermissions(node.mode),
    seconds: Number(mtimeNs / nanosPerSecond),
    device: isDevice ? (node.device ?? 0n) : 0n,
  });
  return Buffer.concat([extended, body, tarPadding(body.length), header]);
}

function attributeRecords(node: Node): Buffer[] {
  return (node.extendedAttributes ?? []).map(({ name, value }) => {
    const acl = name === 'system.posix_acl_access' ? 'access' : name === 'system.posix_acl_default' ? 'default' : '';
    const text = acl === '' ? undefined : aclText(value);
    if (text !== undefined) return paxRecord(`SCHILY.acl.${acl}`, Buffer.from(text));
    // A key ends at its first `=`; GNU tar's way around.
    const key = name.replaceAll('%', '%25').replaceAll('=', '%3D');
    return paxRecord(`SCHILY.xattr.${key}`, Buffer.from(value));
  });
}

/** `LENGTH KEY=VALUE\n`, the length being that of all of it. */
export function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + String(rest.length).length;
  if (String(length).length + rest.length > length) length += 1;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

const nanosPerSecond = 1_000_000_000n;

/** `-0.5`, `12.000000001`, `7`. */
function paxTime(timeNs: bigint): string {
  const size = timeNs < 0n ? -timeNs : timeNs;
  const fraction = String(size % nanosPerSecond)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${timeNs < 0n ? '-' : ''}${size / nanosPerSecond}${fraction === '' ? '' : `.${fraction}`}`;
}
