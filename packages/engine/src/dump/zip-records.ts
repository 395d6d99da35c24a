import { isUtf8 } from 'node:buffer';
import { type Node, parseTime, unixPermissions } from '@holdfast/repository';
import type { DumpEntry } from './read-contents.ts';

/** Records of ZIP archives (PKWARE APPNOTE 6.3), with the 64-bit forms where something is large. */

export interface ZipEntry {
  readonly path: Buffer;
  readonly node: Node;
  readonly deflated: boolean;
  /** Its sizes may not fit 32 bits: they stand in an extra field. */
  readonly wide: boolean;
  /** Sizes and checksum follow the data. */
  readonly streamed: boolean;
  readonly offset: number;
}

export interface ZipSizes {
  readonly crc: number;
  readonly packedBytes: number;
  readonly plainBytes: number;
}

const max32 = 0xffffffff;
/** Deflated data can be a little larger than plain data. */
const wideFromBytes = 0xff000000;
const streamedFlag = 0x0008;
const utf8Flag = 0x0800;
const noSizes: ZipSizes = { crc: 0, packedBytes: 0, plainBytes: 0 };

export function zipEntry(
  { path, node }: DumpEntry,
  o: { readonly sizeBytes: number; readonly offset: number },
): ZipEntry {
  const isFile = node.type === 'file';
  return {
    path: node.type === 'dir' ? Buffer.concat([path, Buffer.from('/')]) : path,
    node,
    deflated: isFile,
    wide: o.sizeBytes > wideFromBytes,
    streamed: isFile,
    offset: o.offset,
  };
}

/** In front of the data. */
export function localRecord(entry: ZipEntry, sizes: ZipSizes): Buffer {
  const known = entry.streamed ? noSizes : sizes;
  const extra = Buffer.concat([entry.wide ? wideField([0, 0]) : Buffer.alloc(0), unixFields(entry.node)]);
  const record = Buffer.alloc(30);
  record.writeUInt32LE(0x04034b50, 0);
  writeCommon(record, 4, entry, known);
  if (entry.wide) record.fill(0xff, 18, 26);
  record.writeUInt16LE(entry.path.length, 26);
  record.writeUInt16LE(extra.length, 28);
  return Buffer.concat([record, entry.path, extra]);
}

/** Behind the data of a streamed entry. */
export function descriptorRecord(entry: ZipEntry, sizes: ZipSizes): Buffer {
  const record = Buffer.alloc(entry.wide ? 24 : 16);
  record.writeUInt32LE(0x08074b50, 0);
  record.writeUInt32LE(sizes.crc, 4);
  if (entry.wide) {
    record.writeBigUInt64LE(BigInt(sizes.packedBytes), 8);
    record.writeBigUInt64LE(BigInt(sizes.plainBytes), 16);
  } else {
    record.writeUInt32LE(sizes.packedBytes, 8);
    record.writeUInt32LE(sizes.plainBytes, 12);
  }
  return record;
}

/** In the directory at the end. */
export function centralRecord(entry: ZipEntry, sizes: ZipSizes): Buffer {
  const large = [
    ...(entry.wide ? [sizes.plainBytes, sizes.packedBytes] : []),
    ...(entry.offset >= max32 ? [entry.offset] : []),
  ];
  const extra = Buffer.concat([large.length > 0 ? wideField(large) : Buffer.alloc(0), unixFields(entry.node)]);
  const record = Buffer.alloc(46);
  record.writeUInt32LE(0x02014b50, 0);
  // Made on Unix, so that modes are looked at.
  record.writeUInt16LE((3 << 8) | 45, 4);
  writeCommon(record, 6, entry, sizes);
  if (entry.wide) record.fill(0xff, 20, 28);
  record.writeUInt16LE(entry.path.length, 28);
  record.writeUInt16LE(extra.length, 30);
  const isFolder = entry.node.type === 'dir';
  const type = isFolder ? 0o040000 : entry.node.type === 'symlink' ? 0o120000 : 0o100000;
  const attributes = (type | unixPermissions(entry.node.mode)) * 0x10000 + (isFolder ? 0x10 : 0);
  record.writeUInt32LE(attributes, 38);
  record.writeUInt32LE(Math.min(entry.offset, max32), 42);
  return Buffer.concat([record, entry.path, extra]);
}

/** The end of an archive. */
export function endRecords(directory: {
  readonly entries: number;
  readonly sizeBytes: number;
  readonly offset: number;
}): Buffer {
  const { entries, sizeBytes, offset } = directory;
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  for (const at of [8, 10]) end.writeUInt16LE(Math.min(entries, 0xffff), at);
  end.writeUInt32LE(Math.min(sizeBytes, max32), 12);
  end.writeUInt32LE(Math.min(offset, max32), 16);
  if (entries < 0xffff && sizeBytes < max32 && offset < max32) return end;
  const wide = Buffer.alloc(76);
  wide.writeUInt32LE(0x06064b50, 0);
  wide.writeBigUInt64LE(44n, 4);
  for (const at of [12, 14]) wide.writeUInt16LE(45, at);
  for (const at of [24, 32]) wide.writeBigUInt64LE(BigInt(entries), at);
  wide.writeBigUInt64LE(BigInt(sizeBytes), 40);
  wide.writeBigUInt64LE(BigInt(offset), 48);
  // Where the record just written begins.
  wide.writeUInt32LE(0x07064b50, 56);
  wide.writeBigUInt64LE(BigInt(offset + sizeBytes), 64);
  wide.writeUInt32LE(1, 72);
  return Buffer.concat([wide, end]);
}

/** Version needed, flags, method, time, checksum and sizes: the same in both kinds of record. */
function writeCommon(record: Buffer, at: number, entry: ZipEntry, sizes: ZipSizes): void {
  record.writeUInt16LE(entry.wide ? 45 : 20, at);
  const utf8 = isUtf8(entry.path) ? utf8Flag : 0;
  record.writeUInt16LE((entry.streamed ? streamedFlag : 0) | utf8, at + 2);
  record.writeUInt16LE(entry.deflated ? 8 : 0, at + 4);
  const { time, date } = dosTime(entry.node.mtime);
  record.writeUInt16LE(time, at + 6);
  record.writeUInt16LE(date, at + 8);
  record.writeUInt32LE(sizes.crc, at + 10);
  if (entry.wide) return;
  record.writeUInt32LE(sizes.packedBytes, at + 14);
  record.writeUInt32LE(sizes.plainBytes, at + 18);
}

function wideField(values: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + values.length * 8);
  field.writeUInt16LE(0x0001, 0);
  field.writeUInt16LE(values.length * 8, 2);
  for (const [at, value] of values.entries()) field.writeBigUInt64LE(BigInt(value), 4 + at * 8);
  return field;
}

/** Time of modification in seconds (until 2106, from 1970) and owner, as Info-ZIP stores them. */
function unixFields(node: Node): Buffer {
  const fields = Buffer.alloc(9 + 15);
  const seconds = (parseTime(node.mtime) ?? 0n) / 1_000_000_000n;
  fields.writeUInt16LE(0x5455, 0);
  fields.writeUInt16LE(5, 2);
  fields.writeUInt8(1, 4);
  fields.writeUInt32LE(Number(seconds < 0n ? 0n : seconds > 0xffffffffn ? 0xffffffffn : seconds), 5);
  fields.writeUInt16LE(0x7875, 9);
  fields.writeUInt16LE(11, 11);
  fields.writeUInt8(1, 13);
  fields.writeUInt8(4, 14);
  fields.writeUInt32LE(node.uid, 15);
  fields.writeUInt8(4, 19);
  fields.writeUInt32LE(node.gid, 20);
  return fields;
}

/** UTC; the years of DOS are 1980 to 2107. */
function dosTime(time: string): { readonly time: number; readonly date: number } {
  const first = Date.UTC(1980, 0, 1);
  const last = Date.UTC(2107, 11, 31, 23, 59, 58);
  const ms = Math.min(Math.max(Number((parseTime(time) ?? 0n) / 1_000_000n), first), last);
  const date = new Date(ms);
  return {
    time: (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1),
    date: ((date.getUTCFullYear() - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate(),
  };
}
