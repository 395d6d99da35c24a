import {
  type BlobLocation,
  type BlobType,
  decodeTree,
  isDamage,
  type Node,
  type ObjectId,
  openBlob,
  type Repository,
} from '@holdfast/repository';
import { limits } from '../limits.ts';

/**
 * Other places of blobs. The index in memory knows one for each; another backup, or a prune that was stopped, may have
 * stored the same blob in a second pack, which index files tell. They are read once, when the first damage is met.
 */
export class SecondPlaces {
  readonly #repository: Repository;
  readonly #signal: AbortSignal;
  #places: Promise<ReadonlyMap<string, readonly BlobLocation[]>> | undefined;

  constructor(repository: Repository, signal: AbortSignal) {
    this.#repository = repository;
    this.#signal = signal;
  }

  /** Every place but the one that the index gives. */
  async of(type: BlobType, id: ObjectId): Promise<readonly BlobLocation[]> {
    this.#places ??= this.#read();
    return (await this.#places).get(key(type, id)) ?? [];
  }

  /** A tree that could not be read where the index says. Rejects with `first` when it is nowhere else. */
  async tree(id: ObjectId, first: unknown): Promise<Node[]> {
    for (const place of await this.of('tree', id)) {
      const { packId, offset, length } = place;
      try {
        const range = { offset, length, signal: this.#signal };
        const sealed = await this.#repository.target.read({ type: 'data', id: packId }, range);
        return decodeTree(openBlob(this.#repository.cipher, sealed, { id, ...place }));
      } catch (error) {
        if (!isDamage(error)) throw error;
      }
    }
    throw first;
  }

  async #read(): Promise<ReadonlyMap<string, readonly BlobLocation[]>> {
    const { index } = this.#repository;
    const places = new Map<string, BlobLocation[]>();
    const infos = await this.#repository.list('index', { signal: this.#signal });
    for await (const file of this.#repository.readIndexFiles(infos, { signal: this.#signal })) {
      // One that can't be read has been reported when the index was loaded, or failed the restore.
      if ('problem' in file) continue;
      for (const { id: packId, blobs } of file.packs)
        for (const { id, type, offset, length, uncompressedLength } of blobs) {
          const first = index.lookup(id, type);
          if (first?.packId === packId && first.offset === offset) continue;
          if (places.size >= limits.restoreOtherPlaces) return places;
          const known = places.get(key(type, id));
          const place = { packId, offset, length, uncompressedLength };
          if (known === undefined) places.set(key(type, id), [place]);
          else known.push(place);
        }
    }
    return places;
  }
}

function key(type: BlobType, id: ObjectId): string {
  return `${type}:${id}`;
}
