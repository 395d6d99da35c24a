import type { PackForIndex } from '../blob-index/indexed-packs.ts';
import type { ObjectId } from '../format/object-id.ts';
import { limits } from '../limits.ts';
import type { Repository } from '../repository.ts';

/**
 * Names durable packs in index files: when there are enough for one, when the first has waited for long, and when all is
 * settled. One file after the other, so that a failure stops those behind it.
 */
export class IndexWriter {
  readonly #repository: Repository;
  readonly #signal: AbortSignal;
  readonly #onFailure: (error: unknown) => void;
  #packs: PackForIndex[] = [];
  #blobs = 0;
  #oldestMs = 0;
  #written: ObjectId[] = [];
  #saving: Promise<void> = Promise.resolve();

  constructor(options: {
    readonly repository: Repository;
    readonly signal: AbortSignal;
    /** Told at once, and perhaps again. */
    readonly onFailure: (error: unknown) => void;
  }) {
    this.#repository = options.repository;
    this.#signal = options.signal;
    this.#onFailure = options.onFailure;
  }

  /** @param pack durable already */
  add({ id, header, blobCount }: PackForIndex): void {
    const nowMs = this.#repository.clock.monotonicMs();
    if (this.#packs.length === 0) this.#oldestMs = nowMs;
    this.#packs.push({ id, header, blobCount });
    this.#blobs += blobCount;
    if (this.#blobs >= limits.indexMaxBlobs || nowMs - this.#oldestMs > limits.indexMaxAgeMs) this.#save();
  }

  /** Every pack that was added is in a durable index file when it resolves. Gives those written since the last call. */
  async settle(): Promise<ObjectId[]> {
    this.#save();
    await this.#saving;
    return this.#written.splice(0);
  }

  /** Waits until nothing is being written any more, whatever came of it. */
  async quiesce(): Promise<void> {
    await Promise.allSettled([this.#saving]);
  }

  #save(): void {
    const packs = this.#packs;
    if (packs.length === 0) return;
    this.#packs = [];
    this.#blobs = 0;
    this.#saving = this.#saving.then(async () => {
      this.#written.push(...(await this.#repository.saveIndex(packs, { signal: this.#signal })));
    });
    this.#saving.catch(this.#onFailure);
  }
}
