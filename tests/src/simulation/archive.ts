import { createHash } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import {
  type BlobCipher,
  decodeHeader,
  decodeTree,
  type Node,
  openBlob,
  type PackedBlob,
  parseObjectId,
} from '@holdfast/repository';
import { nameOfKey } from '@holdfast/storage/testing';

/** What an index file says of one pack, and what its blobs are: `data:1a2b…`. */
export interface ListedPack {
  readonly id: string;
  readonly blobs: readonly { readonly key: string; readonly offset: number; readonly length: number }[];
}

export interface KnownSnapshot {
  readonly tree: string;
  readonly paths: readonly string[];
}

export interface KnownLock {
  readonly time: string;
  readonly exclusive: boolean;
}

/** What a snapshot needs, and which files it has: path to the hash of the content. */
export interface SnapshotContent {
  readonly blobs: ReadonlySet<string>;
  readonly files: ReadonlyMap<string, string>;
  /** Trees that no pack has. */
  readonly missing: readonly string[];
}

/** The layout of an index file, from restic's `doc/design.rst`. */
interface IndexJson {
  readonly packs: readonly {
    readonly id: string;
    readonly blobs: readonly {
      readonly id: string;
      readonly type: string;
      readonly offset: number;
      readonly length: number;
    }[];
  }[];
}

/**
 * Everything that was ever stored in a simulated repository, decoded once and by other code than the product's where that
 * is short: what an object is depends on its name alone, so all states of a storage are judged by the same archive.
 */
export class Archive {
  readonly #cipher: BlobCipher;
  readonly #bytes = new Map<string, Uint8Array>();
  readonly #indexes = new Map<string, readonly ListedPack[]>();
  readonly #snapshots = new Map<string, KnownSnapshot>();
  readonly #locks = new Map<string, KnownLock>();
  readonly #packs = new Map<string, ReadonlyMap<string, PackedBlob>>();
  readonly #trees = new Map<string, readonly Node[]>();
  readonly #contents = new Map<string, SnapshotContent>();

  constructor(cipher: BlobCipher) {
    this.#cipher = cipher;
  }

  /** Says what is wrong with an object that is seen for the first time and is none of a repository. */
  learn(key: string, bytes: Uint8Array): string | undefined {
    if (this.#bytes.has(key)) return undefined;
    this.#bytes.set(key, bytes);
    try {
      this.#decode(key, bytes);
      return undefined;
    } catch (error) {
      return `${key}: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  #decode(key: string, bytes: Uint8Array): void {
    const { type, id } = nameOfKey(key);
    if (type !== 'config' && createHash('sha256').update(bytes).digest('hex') !== id)
      throw new Error(`${key} is not the hash of its content`);
    if (type === 'index') this.#indexes.set(id, listedPacks(this.#json(key, bytes) as IndexJson));
    else if (type === 'lock') this.#locks.set(id, this.#json(key, bytes) as KnownLock);
    else if (type === 'data') this.#learnPack(id, bytes);
    else if (type === 'snapshot') {
      const { tree, paths } = this.#json(key, bytes) as KnownSnapshot;
      this.#snapshots.set(id, { tree, paths });
    }
  }

  bytesOf(key: string): Uint8Array | undefined {
    return this.#bytes.get(key);
  }

  index(id: string): readonly ListedPack[] {
    return this.#indexes.get(id) ?? [];
  }

  lock(id: string): KnownLock | undefined {
    return this.#locks.get(id);
  }

  snapshot(id: string): KnownSnapshot | undefined {
    return this.#snapshots.get(id);
  }

  /** The blobs of a pack by what its own header says, each of which opened and had the hash of its name. */
  pack(id: string): ReadonlyMap<string, PackedBlob> {
    return this.#packs.get(id) ?? new Map();
  }

  contentOf(snapshotId: string): SnapshotContent {
    const known = this.#contents.get(snapshotId);
    if (known !== undefined) return known;
    const blobs = new Set<string>();
    const files = new Map<string, string>();
    const missing: string[] = [];
    const walk = (tree: string, path: string): void => {
      blobs.add(`tree:${tree}`);
      const nodes = this.#trees.get(tree);
      if (nodes === undefined) missing.push(tree);
      for (const node of nodes ?? []) {
        const inner = `${path}/${node.name.toString()}`;
        if (node.subtree !== undefined) walk(node.subtree, inner);
        if (node.type !== 'file') continue;
        for (const id of node.content ?? []) blobs.add(`data:${id}`);
        files.set(inner, (node.content ?? []).join());
      }
    };
    walk(this.#snapshots.get(snapshotId)?.tree ?? '', '');
    const content = { blobs, files, missing };
    // A missing tree may still come, from somebody who broke the order.
    if (missing.length === 0) this.#contents.set(snapshotId, content);
    return content;
  }

  #json(key: string, bytes: Uint8Array): unknown {
    const plain = this.#cipher.open(bytes, key);
    const text = plain[0] === 2 ? zstdDecompressSync(plain.subarray(1)) : plain;
    return JSON.parse(text.toString());
  }

  #learnPack(id: string, bytes: Uint8Array): void {
    const blobs = new Map<string, PackedBlob>();
    const headerLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 4, true);
    const header = this.#cipher.open(bytes.subarray(bytes.length - 4 - headerLength, bytes.length - 4), `pack ${id}`);
    for (const blob of decodeHeader(header)) {
      const plain = openBlob(this.#cipher, bytes.subarray(blob.offset, blob.offset + blob.length), blob);
      blobs.set(`${blob.type}:${blob.id}`, blob);
      if (blob.type === 'tree') this.#trees.set(parseObjectId(blob.id, 'a tree'), decodeTree(plain));
    }
    this.#packs.set(id, blobs);
  }
}

function listedPacks(json: IndexJson): readonly ListedPack[] {
  return json.packs.map(({ id, blobs }) => ({
    id,
    blobs: blobs.map((blob) => ({ key: `${blob.type}:${blob.id}`, offset: blob.offset, length: blob.length })),
  }));
}
