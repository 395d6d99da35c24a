import { constants } from 'node:os';
import type { HoldfastError } from '@holdfast/core';
import { type FoundSnapshot, isSafeName, type Node, type Repository } from '@holdfast/repository';
import {
  cacheFolder,
  encodeAttributeSize,
  encodeEntry,
  encodeFacts,
  encodeNoEntry,
  encodeOpen,
  encodeStatfs,
  FolderPage,
  keepCache,
} from './fuse-reply.ts';
import type { FuseRequest } from './fuse-request.ts';
import { MountBlobs } from './mount-blobs.ts';
import { mountLimits } from './mount-limits.ts';
import {
  factsOf,
  inoOf,
  type MountItem,
  type MountNode,
  type MountOwner,
  modeOf,
  NodeTable,
  snapshotRoot,
} from './mount-node.ts';
import { MountedFolders } from './mounted-folders.ts';
import { OpenFile } from './open-file.ts';
import type { FolderItem, FolderTemplates } from './snapshot-folders.ts';

const { errno } = constants;

/** What the kernel is told. `granted` are the nodes that the answer names: the kernel will forget each of them once. */
export type FuseAnswer =
  | { readonly payload: readonly Buffer[]; readonly granted?: readonly MountNode[] }
  | { readonly errno: number };

const done: FuseAnswer = { payload: [] };
const noEntry: FuseAnswer = { errno: errno.ENOENT };
const stale: FuseAnswer = { errno: errno.ESTALE };
const invalid: FuseAnswer = { errno: errno.EINVAL };

interface NamedItem {
  readonly name: Buffer;
  readonly item: MountItem;
}

interface OpenFolder {
  readonly node: MountNode;
  /** Read when the first page is asked for; the same for every page, so that places in it stay what they are. */
  items: Promise<readonly NamedItem[]> | undefined;
}

export interface MountFileSystemOptions {
  readonly chosen: (found: FoundSnapshot) => boolean;
  readonly templates: FolderTemplates;
  readonly owner: MountOwner;
  readonly onProblem: (problem: HoldfastError) => void;
  readonly signal: AbortSignal;
}

/** The snapshots of a repository as a file system: answers the kernel's questions, and knows nothing of how they come. */
export class MountFileSystem {
  readonly nodes = new NodeTable();
  readonly #repository: Repository;
  readonly #folders: MountedFolders;
  readonly #blobs: MountBlobs;
  readonly #owner: MountOwner;
  readonly #files = new Map<number, OpenFile>();
  readonly #openFolders = new Map<number, OpenFolder>();
  #lastHandle = 0;

  constructor(repository: Repository, options: MountFileSystemOptions) {
    this.#repository = repository;
    this.#owner = options.owner;
    this.#folders = new MountedFolders(repository, options);
    this.#blobs = new MountBlobs(repository, options);
  }

  /** Loads the list of snapshots for the first time. */
  prepare(): Promise<void> {
    return this.#folders.refresh();
  }

  /** Errors of the repository are thrown; the session tells the kernel EIO. */
  async answer(request: FuseRequest): Promise<FuseAnswer> {
    const node = this.nodes.get(request.nodeId);
    switch (request.kind) {
      case 'lookup':
        return node === undefined ? stale : this.#lookup(node, request.name);
      case 'get facts':
        return node === undefined ? stale : { payload: [encodeFacts(factsOf(node, this.#owner))] };
      case 'read link':
        return node === undefined ? stale : readLink(node);
      case 'open':
        return node === undefined ? stale : this.#open(node, request.flags);
      case 'read':
        return this.#read(request);
      case 'release':
        this.#files.delete(request.handle);
        return done;
      case 'open folder':
        return node === undefined ? stale : this.#openFolder(node);
      case 'read folder':
        return this.#readFolder(request);
      case 'release folder':
        this.#openFolders.delete(request.handle);
        return done;
      case 'get attribute':
        return node === undefined ? stale : getAttribute(node, request);
      case 'list attributes':
        return node === undefined ? stale : listAttributes(node, request.size);
      case 'access':
        // Reading and searching are decided by the kernel, by modes where it was asked to.
        return (request.mask & 2) !== 0 ? { errno: errno.EROFS } : done;
      case 'statfs':
        return { payload: [encodeStatfs()] };
      case 'flush':
      case 'destroy':
        return done;
      case 'change':
        return { errno: errno.EROFS };
      case 'malformed':
        return invalid;
      default:
        return { errno: errno.ENOSYS };
    }
  }

  async #lookup(parent: MountNode, name: Buffer): Promise<FuseAnswer> {
    const item = await this.#child(parent, name);
    if (item === 'no folder') return { errno: errno.ENOTDIR };
    if (item === undefined)
      return parent.item.kind === 'node' ? { payload: [encodeNoEntry(mountLimits.immutableSeconds)] } : noEntry;
    const node = this.nodes.pin(parent, name, item);
    return { payload: [encodeEntry(node.nodeId, factsOf(node, this.#owner))], granted: [node] };
  }

  async #child({ item }: MountNode, name: Buffer): Promise<MountItem | 'no folder' | undefined> {
    if (item.kind === 'folder') {
      const child = (await this.#folders.listing(item.path))?.get(name.toString());
      return child === undefined ? undefined : this.#itemOf(child);
    }
    if (item.kind !== 'node' || item.node.type !== 'dir') return 'no folder';
    if (item.node.subtree === undefined) return undefined;
    const node = (await this.#folders.open(item.node.subtree)).byName.get(name.toString('latin1'));
    return node === undefined ? undefined : { kind: 'node', node, rootKey: item.rootKey };
  }

  #itemOf(child: FolderItem): MountItem {
    if (child.kind === 'snapshot')
      return { kind: 'node', node: snapshotRoot(child.found), rootKey: `${child.path} ${child.found.id}` };
    return child.kind === 'folder' ? child : { kind: 'link', target: child.target, found: child.found };
  }

  #open({ item }: MountNode, flags: number): FuseAnswer {
    if (item.kind !== 'node' || item.node.type === 'dir') return { errno: errno.EISDIR };
    if ((flags & 3) !== 0) return { errno: errno.EROFS };
    const handle = this.#newHandle();
    this.#files.set(handle, new OpenFile(item.node, { index: this.#repository.index, blobs: this.#blobs }));
    return { payload: [encodeOpen(handle, keepCache)] };
  }

  async #read(request: Extract<FuseRequest, { kind: 'read' }>): Promise<FuseAnswer> {
    const file = this.#files.get(request.handle);
    if (file === undefined) return { errno: errno.EBADF };
    const size = Math.min(request.size, mountLimits.readMaxPages * 4096);
    return { payload: await file.read({ offset: request.offset, size }) };
  }

  #openFolder(node: MountNode): FuseAnswer {
    const isFolder = node.item.kind === 'folder' || (node.item.kind === 'node' && node.item.node.type === 'dir');
    if (!isFolder) return { errno: errno.ENOTDIR };
    const handle = this.#newHandle();
    this.#openFolders.set(handle, { node, items: undefined });
    return { payload: [encodeOpen(handle, node.item.kind === 'node' ? keepCache | cacheFolder : 0)] };
  }

  async #readFolder(request: Extract<FuseRequest, { kind: 'read folder' }>): Promise<FuseAnswer> {
    const folder = this.#openFolders.get(request.handle);
    if (folder === undefined) return { errno: errno.EBADF };
    folder.items ??= this.#items(folder);
    const items = await folder.items;
    const { node } = folder;
    const page = new FolderPage({ sizeBytes: request.size, plus: request.plus });
    const granted: MountNode[] = [];
    for (let at = request.offset; at < items.length + 2; at += 1) {
      const entry = items[at - 2];
      if (entry === undefined) {
        const name = Buffer.from(at === 0 ? '.' : '..');
        if (!page.fits(name)) break;
        page.add({ name, ino: at === 0 ? node.ino : node.parentIno, mode: 0o040000 }, at + 1);
        continue;
      }
      const { name, item } = entry;
      if (!page.fits(name)) break;
      const ino = inoOf(node, name, item);
      if (!request.plus) {
        page.add({ name, ino, mode: modeOf(item) }, at + 1);
        continue;
      }
      const child = this.nodes.pin(node, name, item);
      granted.push(child);
      page.add({ name, ino, mode: modeOf(item) }, at + 1, {
        nodeId: child.nodeId,
        facts: factsOf(child, this.#owner),
      });
    }
    return { payload: [page.bytes], granted };
  }

  async #items(folder: OpenFolder): Promise<readonly NamedItem[]> {
    const { item } = folder.node;
    try {
      if (item.kind === 'folder') {
        const children = (await this.#folders.listing(item.path)) ?? new Map<string, FolderItem>();
        return [...children].map(([name, child]) => ({ name: Buffer.from(name), item: this.#itemOf(child) }));
      }
      if (item.kind !== 'node' || item.node.subtree === undefined) return [];
      const { nodes } = await this.#folders.open(item.node.subtree);
      return nodes
        .filter((node) => isSafeName(node.name) && node.name.length <= mountLimits.nameMaxBytes)
        .map((node) => ({ name: node.name, item: { kind: 'node', node, rootKey: item.rootKey } }));
    } catch (error) {
      // The next page, or the next try of the same program, asks again.
      folder.items = undefined;
      throw error;
    }
  }

  #newHandle(): number {
    this.#lastHandle += 1;
    return this.#lastHandle;
  }
}

function readLink({ item }: MountNode): FuseAnswer {
  if (item.kind === 'link') return { payload: [Buffer.from(item.target)] };
  if (item.kind !== 'node' || item.node.type !== 'symlink') return invalid;
  return { payload: [item.node.linkTarget ?? Buffer.alloc(0)] };
}

function getAttribute(
  { item }: MountNode,
  { name, size }: Extract<FuseRequest, { kind: 'get attribute' }>,
): FuseAnswer {
  const text = name.toString();
  const value = attributesOf(item).find((attribute) => attribute.name === text)?.value;
  return value === undefined ? { errno: errno.ENODATA } : sized(Buffer.from(value), size);
}

function listAttributes({ item }: MountNode, size: number): FuseAnswer {
  return sized(
    Buffer.from(
      attributesOf(item)
        .map(({ name }) => `${name}\0`)
        .join(''),
    ),
    size,
  );
}

function attributesOf(item: MountItem): NonNullable<Node['extendedAttributes']> {
  return item.kind === 'node' ? (item.node.extendedAttributes ?? []) : [];
}

/** Size 0 asks how large it is. */
function sized(value: Buffer, size: number): FuseAnswer {
  if (size === 0) return { payload: [encodeAttributeSize(value.length)] };
  return value.length > size ? { errno: errno.ERANGE } : { payload: [value] };
}
