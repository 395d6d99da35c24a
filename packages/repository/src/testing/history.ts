import { createCipheriv, hash } from 'node:crypto';
import { blobId } from '../format/blob.ts';
import { goFileMode } from '../format/file-mode.ts';
import type { Node } from '../format/node.ts';
import { type ObjectId, objectIdOf } from '../format/object-id.ts';
import { encodeTree } from '../format/tree.ts';
import { BlobWriter } from '../packs/blob-writer.ts';
import type { Repository } from '../repository.ts';
import { sampleNode } from './sample-repository.ts';

export interface HistoryOptions {
  readonly files: number;
  readonly fileBytes: number;
  /** Files that each snapshot has new. */
  readonly changedFiles: number;
  readonly packSizeBytes: number;
}

/**
 * Makes snapshots as backups do, each with some files new: bytes that follow from a seed, several folders, small packs, an
 * index file for each.
 */
export class History {
  readonly #repository: Repository;
  readonly #options: HistoryOptions;
  readonly #files: number[];
  #made = 0;

  constructor(repository: Repository, options: HistoryOptions) {
    this.#repository = repository;
    this.#options = options;
    this.#files = Array.from({ length: options.files }, (_, at) => at);
  }

  /** The bytes of the file at that place in the newest snapshot. */
  content(at: number): Buffer {
    return contentOf(this.#files[at] ?? 0, this.#options.fileBytes);
  }

  /** A snapshot with other files new; gives its id. */
  async snapshot(): Promise<ObjectId> {
    const { files, fileBytes, changedFiles, packSizeBytes } = this.#options;
    this.#made += 1;
    for (let change = 0; change < changedFiles; change += 1)
      this.#files[(this.#made * 7 + change * 3) % files] = this.#made * files + change;
    const repository = this.#repository;
    const index = await repository.loadIndex();
    await using writer = new BlobWriter({ repository, packSizeBytes, index });
    const store = async (type: 'data' | 'tree', plain: Buffer): Promise<ObjectId> => {
      const id = blobId(plain);
      if (index.claim(id, type) === 'new') await writer.add(type, id, plain);
      return objectIdOf(id);
    };
    const folders = new Map<string, Node[]>();
    for (const [at, seed] of this.#files.entries()) {
      const content = [await store('data', contentOf(seed, fileBytes))];
      const folder = folders.getOrInsertComputed(`folder ${at % 4}`, () => []);
      folder.push(sampleNode(`file ${String(at).padStart(6, '0')}`, { content, size: BigInt(fileBytes) }));
    }
    const directory = { type: 'dir', mode: goFileMode(0o40755) } as const;
    const nodes: Node[] = [];
    for (const [name, entries] of folders)
      nodes.push(sampleNode(name, { ...directory, subtree: await store('tree', encodeTree(entries)) }));
    nodes.sort((a, b) => Buffer.compare(a.name, b.name));
    const tree = await store('tree', encodeTree(nodes));
    await writer.settle();
    const day = String((this.#made % 28) + 1).padStart(2, '0');
    return await repository.saveSnapshot({
      time: `2025-${String(Math.floor(this.#made / 28) + 1).padStart(2, '0')}-${day}T00:00:00Z`,
      tree,
      paths: ['/data'],
      hostname: 'host',
    });
  }
}

/** Bytes that look random and follow from the seed. */
function contentOf(seed: number, sizeBytes: number): Buffer {
  const key = hash('sha256', `${seed}`, 'buffer').subarray(0, 16);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
}
