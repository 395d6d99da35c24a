import { HoldfastError, Semaphore, toHoldfastError } from '@holdfast/core';
import type { BlobIndex, BlobKey } from '../blob-index/blob-index.ts';
import type { BlobType } from '../format/blob.ts';
import { sealOverheadBytes } from '../format/blob-cipher.ts';
import { idBytes, type ObjectId, objectIdOf } from '../format/object-id.ts';
import { limits } from '../limits.ts';
import type { Repository } from '../repository.ts';
import { IndexWriter } from './index-writer.ts';
import { type FinishedPack, PackBuilder, type PartialPack } from './pack-builder.ts';

export interface BlobWriterOptions {
  readonly repository: Repository;
  /** Learns of every pack as soon as it is durable. Leave it out where blobs only move: they keep their old place in it. */
  readonly index?: BlobIndex | undefined;
  /** 4 to 128 MiB; 16 MiB if left out. */
  readonly packSizeBytes?: number | undefined;
  /** Packs that are stored at once, each with its memory; as many as limits allow if left out. */
  readonly parallelWrites?: number | undefined;
  /** Ends uploads that are under way; `add` and `settle` reject with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What has become durable. */
export interface WrittenObjects {
  readonly packs: readonly ObjectId[];
  readonly indexes: readonly ObjectId[];
}

/**
 * Writes blobs into new packs, and index files that name them, in the order that makes every crash harmless: an index file
 * names only packs that are durable. What it wrote is complete when `settle` resolves; only then may a snapshot refer to it.
 *
 * It does not look for duplicates: claim a blob first (`BlobIndex.claim`). Memory is bounded by one pack of each type and
 * one for each upload, as long as callers wait for what they add. Several callers may add at once. Dispose it in every case.
 */
export class BlobWriter implements AsyncDisposable {
  readonly #repository: Repository;
  readonly #index: BlobIndex | undefined;
  readonly #builders: Readonly<Record<BlobType, PackBuilder>>;
  readonly #permits: Semaphore;
  readonly #ended = new AbortController();
  readonly #signal: AbortSignal;
  readonly #uploads = new Set<Promise<void>>();
  /** Memory of packs that are stored: without it each pack would leave 20 MiB to the garbage collector. */
  readonly #spare: SharedArrayBuffer[] = [];
  readonly #parallel: number;
  readonly #indexes: IndexWriter;
  readonly #packs: ObjectId[] = [];
  #failure: HoldfastError | undefined;

  constructor(options: BlobWriterOptions) {
    const { repository, packSizeBytes, parallelWrites = limits.parallelPackWrites, signal } = options;
    this.#repository = repository;
    this.#index = options.index;
    const builder = (type: BlobType): PackBuilder =>
      new PackBuilder({
        cipher: repository.cipher,
        type,
        compression: repository.compression,
        ...(packSizeBytes === undefined ? {} : { targetSizeBytes: packSizeBytes }),
      });
    this.#builders = { data: builder('data'), tree: builder('tree') };
    this.#parallel = Math.min(repository.target.capabilities.maxParallelRequests, parallelWrites);
    this.#permits = new Semaphore(this.#parallel);
    this.#signal = signal === undefined ? this.#ended.signal : AbortSignal.any([signal, this.#ended.signal]);
    const onFailure = (error: unknown): void => this.#fail(error);
    this.#indexes = new IndexWriter({ repository, signal: this.#signal, onFailure });
  }

  /** Compresses, seals and stores a blob. The caller has computed the id. Resolves when there is room for more. */
  add(type: BlobType, id: BlobKey, plain: Uint8Array): Promise<void> {
    const sealedLength = plain.byteLength + sealOverheadBytes;
    return this.#add(this.#builders[type], [sealedLength], (builder) => builder.add(bytesOf(id), plain));
  }

  /**
   * Stores a blob that is sealed with this repository's key already, as it is. The caller has verified it.
   * `uncompressedLength` is 0 for one that is not compressed.
   */
  addSealed(
    blob: { readonly type: BlobType; readonly id: BlobKey; readonly uncompressedLength: number },
    sealed: Uint8Array,
  ): Promise<void> {
    const { type, uncompressedLength } = blob;
    return this.#add(this.#builders[type], [sealed.byteLength], (builder) =>
      builder.addSealed({ id: bytesOf(blob.id), uncompressedLength }, sealed),
    );
  }

  /**
   * Stores a pack that was built elsewhere. Resolves when there is room for more; `onStored` is told when the pack is durable,
   * so that its memory may be used again.
   */
  async addPack(pack: FinishedPack, onStored: () => void = () => {}): Promise<void> {
    this.#throwFailure();
    const permit = await this.#permits.acquire(this.#signal);
    const upload: Promise<void> = this.#upload(pack, permit).then(
      () => {
        this.#uploads.delete(upload);
        onStored();
      },
      (error: unknown) => {
        this.#uploads.delete(upload);
        this.#fail(error);
      },
    );
    this.#uploads.add(upload);
  }

  /** Takes in sealed blobs that are not a pack yet. Resolves when there is room for more. */
  addPartial(partial: PartialPack): Promise<void> {
    const { type, bytes, header } = partial;
    return this.#add(this.#builders[type], [bytes.byteLength, header.byteLength], (builder) => builder.absorb(partial));
  }

  /**
   * Makes everything durable that was added: packs, then the index files that name them. Gives what was written since the
   * last call. At most one pack of each type is below the usual size. More may be added afterwards.
   * @throws what kept any of it from being stored
   */
  async settle(): Promise<WrittenObjects> {
    for (const builder of Object.values(this.#builders)) await this.#finish(builder);
    while (this.#uploads.size > 0) await Promise.all(this.#uploads);
    this.#throwFailure();
    this.#signal.throwIfAborted();
    const indexes = await this.#indexes.settle();
    this.#throwFailure();
    return { packs: this.#packs.splice(0), indexes };
  }

  /** Ends what is still under way and waits for that. What was not settled stays unreferenced. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(new HoldfastError('run.cancelled'));
    await Promise.all([...this.#uploads, this.#indexes.quiesce()]);
  }

  async #add(
    builder: PackBuilder,
    room: Parameters<PackBuilder['hasRoomFor']>,
    put: (builder: PackBuilder) => void,
  ): Promise<void> {
    this.#throwFailure();
    this.#signal.throwIfAborted();
    const finishing: Promise<void>[] = [];
    // All of this at once, before anybody else's turn: what was just checked stays true.
    try {
      if (!builder.hasRoomFor(...room)) finishing.push(this.#finish(builder));
      put(builder);
      if (builder.full) finishing.push(this.#finish(builder));
    } finally {
      await Promise.all(finishing);
    }
  }

  async #finish(builder: PackBuilder): Promise<void> {
    const pack = builder.finish();
    const memory = this.#spare.pop();
    if (memory !== undefined) builder.reuse(memory);
    if (pack === undefined) return;
    await this.addPack(pack, () => {
      if (this.#spare.length < this.#parallel) this.#spare.push(pack.bytes.buffer);
    });
  }

  async #upload(pack: FinishedPack, permit: Disposable): Promise<void> {
    using _held = permit;
    await this.#repository.savePack(pack, { signal: this.#signal });
    this.#index?.addPack(pack.id, pack.header);
    this.#packs.push(objectIdOf(pack.id));
    this.#indexes.add(pack);
  }

  #fail(error: unknown): void {
    this.#failure ??= toHoldfastError(error);
    // Whoever waits for room must not wait for ever.
    this.#ended.abort(this.#failure);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function bytesOf(id: BlobKey): Uint8Array {
  return typeof id === 'string' ? idBytes(id) : id;
}
