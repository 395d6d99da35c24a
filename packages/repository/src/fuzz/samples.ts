import { goFileMode } from '../format/file-mode.ts';
import type { Node } from '../format/node.ts';
import { objectIdOf } from '../format/object-id.ts';
import type { Snapshot } from '../format/snapshot.ts';

/** Nodes with every field and odd names, and a snapshot with every field: what mutations begin with. */

const id = objectIdOf(new Uint8Array(32).fill(0xcd));
const time = '2026-03-04T05:06:07.123456789+01:00';
const times = { mtime: time, atime: time, ctime: '0001-01-01T00:00:00Z' } as const;
const owner = { uid: 4294967295, gid: 1000, user: 'ü"\\<&>', group: '\u2028' } as const;
const folder = { mode: goFileMode(0o40755), ...times, ...owner } as const;

export const fuzzNodes: readonly Node[] = [
  {
    name: Buffer.from('a\tb"c\\d\x07'),
    type: 'file',
    ...folder,
    size: 18446744073709551615n,
    links: 2n,
    content: [id, id],
  },
  {
    ...{
      name: Buffer.from('attributes'),
      type: 'file',
      ...folder,
      inode: 9007199254740993n,
      deviceId: 1n,
      content: [],
    },
    extendedAttributes: [{ name: 'user.x', value: Buffer.of(0, 255, 128) }],
    genericAttributes: new Map([['windows.file_attributes', '{"a":[18446744073709551615,"<"]}']]),
    error: 'x',
  },
  { name: Buffer.from('dir'), type: 'dir', ...folder, content: null, subtree: id },
  { name: Buffer.from([0x66, 0xff, 0xfe]), type: 'chardev', ...folder, device: 259n, content: null },
  {
    name: Buffer.from([0x67, 0xe2, 0x82]),
    type: 'symlink',
    ...folder,
    linkTarget: Buffer.from([0x61, 0xff]),
    content: null,
  },
  { name: Buffer.from('\u{1f600}\uffff'), type: 'fifo', ...folder, content: null },
].toSorted((a, b) => Buffer.compare(a.name, b.name)) as Node[];

export const fuzzSnapshot: Snapshot = {
  time,
  parent: id,
  tree: id,
  paths: ['/a', 'C:\\b', '<&>'],
  hostname: 'host',
  username: 'root',
  uid: 1,
  gid: 2,
  excludes: ['*.tmp'],
  tags: ['a', 'b'],
  original: id,
  programVersion: 'restic 0.19.1',
  summary: {
    backupStart: time,
    backupEnd: time,
    ...{ filesNew: 1, filesChanged: 2, filesUnmodified: 3, dirsNew: 4, dirsChanged: 5, dirsUnmodified: 6 },
    ...{ dataBlobs: 7, treeBlobs: 8, dataAdded: 9, dataAddedPacked: 10 },
    ...{ totalFilesProcessed: 11, totalBytesProcessed: 2 ** 53 },
  },
};
