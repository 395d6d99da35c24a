import path from 'node:path';
import { HoldfastError, toHoldfastError } from '@holdfast/core';
import type { Node, ObjectId, Repository } from '@holdfast/repository';
import { encodeNode, goFileMode, timeOfDate } from '@holdfast/repository/format';
import { limits } from '../limits.ts';
import { BackupCounts } from './backup-counts.ts';
import type { BackupAnswer, BackupJob } from './backup-jobs.ts';
import { answerTo, type BackupThreads } from './backup-threads.ts';
import { type GearMemory, gearData } from './gear-scan.ts';
import { localTime } from './local-time.ts';
import type { PackStaging } from './pack-staging.ts';
import { PackUploads } from './pack-uploads.ts';
import { type PipelineTimes, pipelineTimes } from './pipeline-times.ts';

/** Something that is no file, backed up as one: what a program writes into a pipe. */
export interface StreamSource {
  /** Of the file in the snapshot; a relative one begins at the root, as with restic. */
  readonly path: string;
  /**
   * Begins to give the content, once the repository is locked and its index is read. Nothing is saved if it rejects, nor if it
   * gives nothing at all. The signal says that nobody wants any more of it.
   */
  readonly open: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
}

/** The whole path of a stream. @throws usage.option for one that names no file */
export function streamPath(given: string): string {
  const whole = path.posix.resolve('/', given);
  if (whole === '/' || whole.includes('\0'))
    throw new HoldfastError('usage.option', { message: `${JSON.stringify(given)} cannot be the name of a file.` });
  return whole;
}

/** One backup of a stream, from its first byte to the id of the root's tree. */
export class StreamRun {
  readonly counts = new BackupCounts();
  readonly ahead = undefined;
  readonly currentPath: Buffer;
  readonly uploads: PackUploads;
  readonly times: PipelineTimes;
  readonly #source: StreamSource;
  readonly #time: string;
  readonly #pool: BackupThreads;
  readonly #signal: AbortSignal;
  readonly #onProgress: () => void;
  readonly #failed = Promise.withResolvers<never>();
  readonly #memory: Buffer;
  /** What is stored of each slab; each is filled anew when it is. */
  readonly #storing: Promise<void>[];
  #slab = 0;
  /** Of the slab that is being filled. */
  #length = 0;
  #room = Promise.withResolvers<void>();
  #work: Promise<ObjectId> | undefined;
  #ids: ObjectId[] = [];

  constructor(options: {
    readonly source: StreamSource;
    /** The snapshot's, which is the file's as well. */
    readonly time: Date;
    readonly repository: Repository;
    readonly pool: BackupThreads;
    readonly signal: AbortSignal;
    readonly slabs: GearMemory;
    readonly slabCount: number;
    readonly staging: PackStaging;
    readonly onProgress: () => void;
  }) {
    this.#source = options.source;
    this.currentPath = Buffer.from(options.source.path);
    this.#time = localTime(timeOfDate(options.time));
    this.#pool = options.pool;
    this.#signal = options.signal;
    this.#onProgress = options.onProgress;
    this.#memory = gearData(options.slabs);
    this.#storing = Array.from({ length: options.slabCount }, () => Promise.resolve());
    // Also when nobody waits for it any more.
    void Promise.allSettled([this.#failed.promise]);
    this.times = pipelineTimes(options.repository);
    this.uploads = new PackUploads({
      repository: options.repository,
      signal: options.signal,
      name: async (packs) => {
        const { ids } = await this.#run('name', { kind: 'name', packs: packs.map((pack) => pack.bytes) });
        return ids;
      },
      staging: options.staging,
      onRoom: () => this.#room.resolve(),
      onFailure: (error) => this.fail(error),
    });
  }

  /** @throws what the stream rejects with; backup.nothing if it is empty */
  async run(): Promise<ObjectId> {
    const onAbort = (): void => this.fail(this.#signal.reason);
    this.#signal.addEventListener('abort', onAbort, { once: true });
    try {
      this.#work = this.#storeAll();
      return await Promise.race([this.#work, this.#failed.promise]);
    } finally {
      this.#signal.removeEventListener('abort', onAbort);
    }
  }

  fail(error: unknown): void {
    this.#failed.reject(toHoldfastError(error));
  }

  /** After a failure, when the signal is aborted: waits until nothing goes on any more. */
  async end(): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
    await Promise.allSettled([this.#work]);
  }

  async #storeAll(): Promise<ObjectId> {
    this.times.waitFor('source');
    for await (const piece of this.#source.open(this.#signal)) {
      this.times.waitFor('threads');
      for (let at = 0; at < piece.length; ) {
        const part = piece.subarray(at, at + limits.slabSizeBytes - this.#length);
        this.#memory.set(part, this.#slab * limits.slabSizeBytes + this.#length);
        this.#length += part.length;
        at += part.length;
        if (this.#length === limits.slabSizeBytes) await this.#storeSlab({ last: false });
      }
      this.times.waitFor('source');
    }
    this.times.waitFor('threads');
    await this.#storeSlab({ last: true });
    await Promise.all(this.#storing);
    if (this.counts.bytesDone === 0)
      throw new HoldfastError('backup.nothing', {
        message: `There was no data for ${this.#source.path}; no snapshot was made.`,
      });
    return this.#storeTrees();
  }

  /** Begins to store the chunks of what is in the slab; the rest, which the next ones complete, moves to the next slab. */
  async #storeSlab({ last }: { readonly last: boolean }): Promise<void> {
    const start = this.#slab * limits.slabSizeBytes;
    const end = start + this.#length;
    const { chunks } = await this.#run('cut', { kind: 'cut', piece: { start, end }, last });
    const cutEnd = chunks.at(-1)?.end ?? start;
    const first = this.#ids.length;
    this.#ids.length += chunks.length;
    // A failure of it is noticed where it is waited for, and ends the run at once.
    const storing = this.#run('chunks', { kind: 'chunks', chunks }).then(({ ids }) => {
      for (const [at, id] of ids.entries()) this.#ids[first + at] = id;
      this.counts.bytesDone += cutEnd - start;
      this.counts.bytesRead += cutEnd - start;
      this.#onProgress();
    });
    storing.catch((error: unknown) => this.fail(error));
    this.#storing[this.#slab] = storing;
    this.#slab = (this.#slab + 1) % this.#storing.length;
    await this.#storing[this.#slab];
    while (!this.uploads.room) {
      this.times.waitFor('uploads');
      await Promise.race([this.#room.promise, this.#failed.promise]);
      this.#room = Promise.withResolvers();
    }
    this.times.waitFor('threads');
    this.#memory.copyWithin(this.#slab * limits.slabSizeBytes, cutEnd, end);
    this.#length = end - cutEnd;
  }

  /** The file, and the folders that it is said to be in. Gives the id of the root's tree. */
  async #storeTrees(): Promise<ObjectId> {
    const names = this.#source.path.split('/').slice(1).reverse();
    const common = { mtime: this.#time, atime: this.#time, ctime: this.#time, uid: 0, gid: 0 };
    const [name = Buffer.alloc(0), ...folders] = names.map((one) => Buffer.from(one));
    const size = BigInt(this.counts.bytesDone);
    const mode = goFileMode(0o100644);
    let node: Node = { ...common, name, type: 'file', mode, size, content: this.#ids };
    for (const folder of folders) {
      const subtree = await this.#storeTree(node);
      node = { ...common, name: folder, type: 'dir', mode: goFileMode(0o040755), content: null, subtree };
      this.counts.folders.new += 1;
    }
    this.counts.files.new += 1;
    return this.#storeTree(node);
  }

  async #storeTree(node: Node): Promise<ObjectId> {
    const json = new Uint8Array(Buffer.from(`{"nodes":[${encodeNode(node)}]}\n`));
    const { id } = await this.#run('tree', { kind: 'tree', json }, [json.buffer]);
    return id;
  }

  async #run<Kind extends BackupAnswer['kind']>(
    kind: Kind,
    job: BackupJob,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Extract<BackupAnswer, { kind: Kind }>> {
    const result = await answerTo(kind, job, { pool: this.#pool, transfer });
    this.times.add(result.spent);
    if ('stored' in result) this.counts.addStored(result.stored);
    return result;
  }
}
