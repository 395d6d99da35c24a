import { createHash } from 'node:crypto';
import { type FoundSnapshot, type Node, type NodeType, parseTime, unixPermissions } from '@holdfast/repository';
import type { Facts } from './fuse-reply.ts';
import { mountLimits } from './mount-limits.ts';

/** What a name in the mount stands for. */
export type MountItem =
  /** A folder above the snapshots. */
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'link'; readonly target: string; readonly found: FoundSnapshot }
  /** Something of a snapshot; `rootKey` says where that is mounted. */
  | { readonly kind: 'node'; readonly node: Node; readonly rootKey: string };

/** An item that the kernel knows by a number. */
export interface MountNode {
  readonly nodeId: number;
  /** The inode number: the same in every mount of the same snapshot. */
  readonly ino: bigint;
  readonly parentIno: bigint;
  readonly item: MountItem;
  readonly key: string;
  /** How often the kernel was told of it and has not forgotten. */
  lookups: number;
  /** Answers under way that name it. */
  pins: number;
}

const rootNodeId = 1;
const rootIno = 1n;

/** Everything that the kernel knows. A number is never used twice, and means the same until it is forgotten. */
export class NodeTable {
  readonly root: MountNode = {
    nodeId: rootNodeId,
    ino: rootIno,
    parentIno: rootIno,
    item: { kind: 'folder', path: '/' },
    key: '/',
    lookups: 1,
    pins: 0,
  };
  readonly #byId = new Map<number, MountNode>([[rootNodeId, this.root]]);
  readonly #byKey = new Map<string, MountNode>();
  #lastId = rootNodeId;

  get(nodeId: number): MountNode | undefined {
    return this.#byId.get(nodeId);
  }

  /** The kernel's numbers in use, the root included. */
  get size(): number {
    return this.#byId.size;
  }

  /** The node of an item, made if the kernel does not know it; pinned until `granted` or `dropped`. */
  pin(parent: MountNode, name: Buffer, item: MountItem): MountNode {
    const { key, ino } = identity(parent, name, item);
    let node = this.#byKey.get(key);
    if (node === undefined) {
      this.#lastId += 1;
      node = { nodeId: this.#lastId, ino, parentIno: parent.ino, item, key, lookups: 0, pins: 0 };
      this.#byId.set(node.nodeId, node);
      this.#byKey.set(key, node);
    }
    node.pins += 1;
    return node;
  }

  /** The kernel has got an answer that names the node. */
  granted(node: MountNode): void {
    node.pins -= 1;
    node.lookups += 1;
  }

  /** It has not. */
  dropped(node: MountNode): void {
    node.pins -= 1;
    this.#removeUnused(node);
  }

  forget(nodeId: number, count: number): void {
    const node = this.#byId.get(nodeId);
    if (node === undefined || nodeId === rootNodeId) return;
    node.lookups = Math.max(0, node.lookups - count);
    this.#removeUnused(node);
  }

  #removeUnused(node: MountNode): void {
    if (node.lookups > 0 || node.pins > 0) return;
    this.#byId.delete(node.nodeId);
    if (this.#byKey.get(node.key) === node) this.#byKey.delete(node.key);
  }
}

/**
 * Names of one file have one inode number where the snapshot says so: same device and inode, and the same content too,
 * since a file may have changed between the readings of its names.
 */
function identity(parent: MountNode, name: Buffer, item: MountItem): { key: string; ino: bigint } {
  if (item.kind === 'node' && item.node.type !== 'dir' && (item.node.links ?? 0n) > 1n) {
    const { node } = item;
    const content = createHash('sha256')
      .update((node.content ?? []).join())
      .update(node.linkTarget ?? '');
    const key = `${item.rootKey} ${node.deviceId ?? 0n} ${node.inode ?? 0n} ${node.type} ${content.digest('base64')}`;
    return { key, ino: hash(key) };
  }
  return {
    key: `${parent.nodeId}/${name.toString('latin1')}${versionOf(item)}`,
    ino: hash(`${parent.ino}/${name.toString('latin1')}${versionOf(item)}`),
  };
}

/** The inode number that the item has or will have. */
export function inoOf(parent: MountNode, name: Buffer, item: MountItem): bigint {
  return identity(parent, name, item).ino;
}

/** A link, or a name that another snapshot got, is another thing. */
function versionOf(item: MountItem): string {
  if (item.kind === 'link') return `\0${item.target}`;
  return item.kind === 'node' && item.node.name.length === 0 ? `\0${item.node.subtree}` : '';
}

function hash(text: string): bigint {
  const number = createHash('sha256').update(text, 'latin1').digest().readBigUInt64LE(0);
  // 0 is nothing, 1 the root.
  return number < 2n ? number + 2n : number;
}

/** The root folder of a snapshot; its name is empty, as no entry's is. */
export function snapshotRoot({ snapshot }: FoundSnapshot): Node {
  return {
    name: Buffer.alloc(0),
    type: 'dir',
    mode: 0o555,
    mtime: snapshot.time,
    atime: snapshot.time,
    ctime: snapshot.time,
    uid: 0,
    gid: 0,
    content: null,
    subtree: snapshot.tree,
  };
}

const typeBits: Readonly<Record<NodeType, number>> = {
  file: 0o100000,
  dir: 0o040000,
  symlink: 0o120000,
  dev: 0o060000,
  chardev: 0o020000,
  fifo: 0o010000,
  socket: 0o140000,
  irregular: 0o100000,
};

/** Whom files belong to. */
export interface MountOwner {
  /** Everything is root's, whatever the snapshot says. */
  readonly root: boolean;
  /** Owner of the folders above the snapshots. */
  readonly uid: number;
  readonly gid: number;
  /** Their time: when they were mounted. */
  readonly timeNs: bigint;
}

export function modeOf(item: MountItem): number {
  if (item.kind === 'folder') return 0o040555;
  return item.kind === 'link' ? 0o120777 : typeBits[item.node.type] | unixPermissions(item.node.mode);
}

export function factsOf({ ino, item }: Pick<MountNode, 'ino' | 'item'>, owner: MountOwner): Facts {
  const mode = modeOf(item);
  if (item.kind !== 'node') {
    const timeNs = item.kind === 'link' ? (parseTime(item.found.snapshot.time) ?? 0n) : owner.timeNs;
    return {
      ...{ ino, mode, links: 1, device: 0n, validSeconds: mountLimits.listingSeconds },
      ...{ uid: owner.root ? 0 : owner.uid, gid: owner.root ? 0 : owner.gid },
      ...{ atimeNs: timeNs, mtimeNs: timeNs, ctimeNs: timeNs },
      sizeBytes: item.kind === 'link' ? BigInt(Buffer.byteLength(item.target)) : 0n,
    };
  }
  const { node } = item;
  const size = node.type === 'file' ? (node.size ?? 0n) : BigInt(node.linkTarget?.length ?? 0);
  return {
    ...{ ino, mode, sizeBytes: size, validSeconds: mountLimits.immutableSeconds },
    // Of folders 1 means that the number of folders inside is not known.
    links: node.type === 'dir' ? 1 : Math.max(1, Math.min(Number(node.links ?? 1n), 0xffffffff)),
    uid: owner.root ? 0 : node.uid,
    gid: owner.root ? 0 : node.gid,
    device: node.type === 'dev' || node.type === 'chardev' ? (node.device ?? 0n) : 0n,
    atimeNs: parseTime(node.atime) ?? 0n,
    mtimeNs: parseTime(node.mtime) ?? 0n,
    ctimeNs: parseTime(node.ctime) ?? 0n,
  };
}
