import fs from 'node:fs';
import { errnoOf } from '@holdfast/core';
import { adviseReading, listXattrs, readXattr } from '@holdfast/native';
import {
  blobId,
  type Node,
  type ObjectId,
  objectIdOf,
  plainLength,
  type Repository,
  shortId,
} from '@holdfast/repository';
import { asBuffer } from '../byte-path.ts';
import { FolderHandle } from '../folder-handle.ts';
import { limits } from '../limits.ts';
import { reason } from '../problem.ts';
import { attributesOf } from '../restore/restore-attributes.ts';
import { walkTree } from '../walk-tree.ts';

export interface Comparison {
  /** Files whose every byte was read back, and found to be what was backed up. */
  files: number;
  bytes: number;
  /** Entries of any kind whose metadata was compared. */
  entries: number;
  /** Of them those with extended attributes that the file system, or the rights of this process, did not take. */
  withoutAttributes: number;
  /** Devices, which only root can make. */
  notTried: number;
}

const { O_RDONLY, O_NOFOLLOW } = fs.constants;
const typeMask = 0o170000n;
const typeBits: Readonly<Record<string, bigint>> = {
  file: 0o100000n,
  dir: 0o040000n,
  symlink: 0o120000n,
  dev: 0o060000n,
  chardev: 0o020000n,
  fifo: 0o010000n,
  socket: 0o140000n,
};

/**
 * Reads what was restored back from the disk, and compares it with the snapshot: hashes of contents, types, modes, times, links,
 * and owners where this process may set them. It opens for itself what the modes keep closed: the folder is of no further use.
 */
export async function compareRestored(
  repository: Repository,
  o: {
    readonly tree: ObjectId;
    readonly target: Buffer;
    readonly only: ReadonlySet<string> | undefined;
    readonly signal: AbortSignal;
    readonly onWrong: (path: Buffer, what: string, node: Node) => Promise<void>;
    readonly onCompared: (comparison: Comparison) => void;
  },
): Promise<Comparison> {
  const { only, onWrong } = o;
  const isRoot = process.getuid?.() === 0;
  const counts: Comparison = { files: 0, bytes: 0, entries: 0, withoutAttributes: 0, notTried: 0 };
  // What can't be read was told when files were chosen.
  const walked = walkTree(repository, { tree: o.tree, signal: o.signal, onProblem: () => undefined });
  for await (const event of walked) {
    if (event.kind !== 'node') continue;
    const { path, node } = event;
    if (only && !only.has(path.toString('latin1'))) continue;
    if (!isRoot && (node.type === 'dev' || node.type === 'chardev')) {
      counts.notTried += 1;
      continue;
    }
    const wrong = compareEntry(repository, Buffer.concat([o.target, path]), { node, isRoot, counts });
    if (wrong !== undefined) await onWrong(path, wrong, node);
    else if (node.type === 'file') {
      counts.files += 1;
      counts.bytes += Number(node.size ?? 0n);
    }
    o.onCompared(counts);
  }
  return counts;
}

function compareEntry(
  repository: Repository,
  whole: Buffer,
  o: { readonly node: Node; readonly isRoot: boolean; readonly counts: Comparison },
): string | undefined {
  try {
    using place = placeOf(whole);
    return compareMetadata(place.path, o) ?? compareContent(repository, place.path, o);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return `it can't be read back (${reason(error)})`;
  }
}

/** How the system finds an entry, also where its path is longer than the system takes. */
function placeOf(whole: Buffer): Disposable & { readonly path: Buffer } {
  if (whole.length <= limits.maxPathBytes) return { path: whole, [Symbol.dispose]: () => undefined };
  const end = whole.lastIndexOf('/');
  const above = FolderHandle.open(whole.subarray(0, end));
  return { path: above.path(whole.subarray(end + 1)), [Symbol.dispose]: () => above.close() };
}

function compareMetadata(
  path: Buffer,
  { node, isRoot, counts }: { readonly node: Node; readonly isRoot: boolean; readonly counts: Comparison },
): string | undefined {
  const is = fs.lstatSync(path, { bigint: true });
  const wanted = attributesOf(node, { ownersByName: false });
  if ((is.mode & typeMask) !== typeBits[node.type]) return `it is no ${node.type}`;
  counts.entries += 1;
  // Without root's rights the system may take set-id bits away.
  const comparable = isRoot ? 0o7777 : 0o1777;
  const isLink = node.type === 'symlink';
  const mode = Number(is.mode) & comparable;
  if (!isLink && mode !== (wanted.permissions & comparable))
    return `its mode is ${mode.toString(8)}, not ${(wanted.permissions & comparable).toString(8)}`;
  if (is.mtimeNs !== wanted.modifiedNs) return 'its time of modification is another';
  if (isRoot && (Number(is.uid) !== wanted.uid || Number(is.gid) !== wanted.gid))
    return `it belongs to ${is.uid}:${is.gid}, not ${wanted.uid}:${wanted.gid}`;
  if (isLink && !fs.readlinkSync(path, { encoding: 'buffer' }).equals(asBuffer(wanted.linkTarget ?? new Uint8Array(0))))
    return 'it links to something else';
  if ((node.type === 'dev' || node.type === 'chardev') && is.rdev !== wanted.device) return 'it is another device';
  if (node.type === 'file' && is.size !== (node.size ?? 0n)) return `it has ${is.size} bytes, not ${node.size ?? 0n}`;
  if (!hasAttributes(path, node)) counts.withoutAttributes += 1;
  if (node.type === 'dir' && !isRoot) fs.chmodSync(path, 0o700);
  return undefined;
}

function hasAttributes(path: Buffer, { extendedAttributes: wanted = [] }: Node): boolean {
  if (wanted.length === 0) return true;
  const names = new Set(listXattrs(path).map((name) => name.toString()));
  return wanted.every(({ name, value }) => {
    if (!names.has(name)) return false;
    const found = readXattr(path, Buffer.from(name));
    return found !== undefined && asBuffer(found).equals(asBuffer(value));
  });
}

/** What is wrong with the content of a file, read from the disk again; undefined when every byte is what was backed up. */
function compareContent(
  repository: Repository,
  path: Buffer,
  { node, isRoot }: { readonly node: Node; readonly isRoot: boolean },
): string | undefined {
  if (node.type !== 'file') return undefined;
  if (!isRoot) fs.chmodSync(path, 0o600);
  const fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW);
  try {
    // It is durable: what the kernel keeps of it in memory is given up, and comes from the disk.
    adviseReading(fd, 'dontNeed', { offset: 0, length: 0 });
    let offset = 0;
    for (const id of node.content ?? []) {
      const place = repository.index.lookup(id, 'data');
      if (place === undefined) return `its blob ${shortId(id)} is in no pack`;
      const bytes = Buffer.allocUnsafe(plainLength(place));
      const read = fs.readSync(fd, bytes, { position: offset });
      if (read !== bytes.length || objectIdOf(blobId(bytes)) !== id)
        return `what is on the disk is not what was backed up, from byte ${offset} on (blob ${shortId(id)} of pack ${place.packId})`;
      offset += bytes.length;
    }
    return offset === Number(node.size ?? 0n) ? undefined : `its blobs have ${offset} bytes, not ${node.size ?? 0n}`;
  } finally {
    fs.closeSync(fd);
  }
}
