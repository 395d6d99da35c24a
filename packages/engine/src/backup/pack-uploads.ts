import { discardMemory } from '@holdfast/native';
import {
  type FinishedPack,
  IndexWriter,
  PackBuilder,
  type PartialPack,
  type Repository,
  type UnnamedPack,
} from '@holdfast/repository';
import { limits } from '../limits.ts';
import type { PackEvent, StagedPack } from './backup-jobs.ts';
import type { PackStaging } from './pack-staging.ts';

/**
 * Takes finished packs, stores several at once, and writes index files for those that are durable. Order of durability:
 * a pack is in no index file before it is durable itself.
 */
export class PackUploads {
  readonly #repository: Repository;
  readonly #signal: AbortSignal;
  readonly #staging: PackStaging;
  readonly #onRoom: () => void;
  readonly #onFailure: (error: unknown) => void;
  readonly #name: (packs: readonly UnnamedPack[]) => Promise<readonly Uint8Array[]>;
  readonly #parallel: number;
  readonly #waiting: (StagedPack | FinishedPack)[] = [];
  readonly #uploads = new Set<Promise<void>>();
  readonly #indexes: IndexWriter;
  readonly #sentBefore: number;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: {
    readonly repository: Repository;
    readonly signal: AbortSignal;
    /** Has the last packs hashed by a thread. */
    readonly name: (packs: readonly UnnamedPack[]) => Promise<readonly Uint8Array[]>;
    readonly staging: PackStaging;
    /** When a pack was stored. */
    readonly onRoom: () => void;
    readonly onFailure: (error: unknown) => void;
  }) {
    this.#repository = options.repository;
    this.#sentBefore = options.repository.target.transferred().sentBytes;
    this.#signal = options.signal;
    this.#staging = options.staging;
    this.#onRoom = options.onRoom;
    this.#onFailure = (error) => {
      this.#failure ??= { error };
      options.onFailure(error);
    };
    this.#indexes = new IndexWriter({ repository: this.#repository, signal: this.#signal, onFailure: this.#onFailure });
    this.#name = options.name;
    this.#parallel = Math.min(options.repository.target.capabilities.maxParallelRequests, limits.maxParallelUploads);
  }

  /** False when so many wait that those who make them should pause. */
  get room(): boolean {
    return this.#waiting.length + this.#uploads.size < limits.packsInFlight;
  }

  /** Content that was given to the target since this began. */
  get sentBytes(): number {
    return this.#repository.target.transferred().sentBytes - this.#sentBefore;
  }

  /** What a thread tells. */
  take(event: PackEvent): void {
    if ('pack' in event) this.add(event.pack);
    else this.#staging.own(event.opened);
  }

  add(pack: StagedPack | FinishedPack): void {
    this.#waiting.push(pack);
    this.#start();
  }

  /** Merges what the threads have left: at most one pack of each type stays below the usual size. */
  async addPartials(partials: readonly PartialPack[], packSizeBytes: number | undefined): Promise<void> {
    const packs: UnnamedPack[] = [];
    for (const type of ['data', 'tree'] as const) {
      const size = packSizeBytes === undefined ? {} : { targetSizeBytes: packSizeBytes };
      const builder = new PackBuilder({ cipher: this.#repository.cipher, type, ...size });
      const finish = (): void => {
        const pack = builder.finishUnnamed();
        if (pack !== undefined) packs.push(pack);
      };
      for (const partial of partials) {
        if (partial.type !== type) continue;
        if (!builder.hasRoomFor(partial.bytes.byteLength, partial.header.byteLength)) finish();
        builder.absorb(partial);
        discardMemory(partial.bytes);
        if (builder.full) finish();
      }
      finish();
    }
    if (packs.length === 0) return;
    const ids = await this.#name(packs);
    for (const [at, pack] of packs.entries()) {
      const id = ids[at];
      if (id !== undefined) this.add({ ...pack, id });
    }
  }

  /** Everything durable, index files included. @throws whatever kept any pack or index file from it */
  async settle(): Promise<void> {
    while (this.#uploads.size > 0) await Promise.all(this.#uploads);
    this.#throwFailure();
    this.#signal.throwIfAborted();
    await this.#indexes.settle();
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Waits until nothing runs any more, whatever came of it: after an abort or a failure. */
  async quiesce(): Promise<void> {
    this.#waiting.length = 0;
    await Promise.allSettled([...this.#uploads, this.#indexes.quiesce()]);
  }

  #start(): void {
    while (this.#uploads.size < this.#parallel && !this.#signal.aborted && this.#failure === undefined) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      const upload = this.#upload(next).then(
        () => {
          this.#uploads.delete(upload);
          this.#start();
          this.#onRoom();
        },
        (error: unknown) => {
          this.#uploads.delete(upload);
          this.#onFailure(error);
        },
      );
      this.#uploads.add(upload);
    }
  }

  async #upload(pack: StagedPack | FinishedPack): Promise<void> {
    if ('file' in pack) await this.#staging.store(pack, this.#signal);
    else {
      await this.#repository.savePack(pack, { signal: this.#signal });
      discardMemory(pack.bytes);
    }
    this.#repository.index.addPack(pack.id, pack.header);
    this.#indexes.add(pack);
  }
}
