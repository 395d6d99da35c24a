import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { HoldfastError, Semaphore } from '@holdfast/core';
import { endThread, startThread } from '@holdfast/native';
import type { BlobToCopy } from '../copy/copy-blobs.ts';
import type { RepositoryKey } from '../format/repository-key.ts';
import { limits } from '../limits.ts';
import type { BlobWriter } from '../packs/blob-writer.ts';
import type { PackRead } from '../packs/pack-reads.ts';
import type { Repository } from '../repository.ts';
import type { RepackAnswer, Repacked, RepackRequest } from './repack-worker.ts';
import { Repacker, type RepackKeys } from './repacker.ts';

export interface RepackOptions {
  readonly repository: Repository;
  /** The key of the repository that `writer` writes to, if that is another one. */
  readonly targetKey?: RepositoryKey | undefined;
  readonly reads: Iterable<PackRead<BlobToCopy>>;
  /** Of all reads: decides how many threads are worth their start, unless `threads` says so. */
  readonly totalBytes: number;
  readonly threads?: number | undefined;
  readonly writer: BlobWriter;
  /** Compresses what is not compressed; else every blob stays as it is sealed. */
  readonly compress: boolean;
  /** When it is stopped or fails, the writer gets what was packed until then. */
  readonly keepUnfinished?: boolean | undefined;
  readonly onRead: (read: PackRead<BlobToCopy>) => void;
  readonly signal: AbortSignal;
}

/**
 * Puts blobs into new packs, of the same repository or of another. Each is verified by MAC and hash in a thread, and goes on as
 * it is sealed, or sealed again. Each thread has two readers, so that one reads while the other's blobs are verified; each
 * reader waits while packs wait for the storage. A few blobs are verified in the calling thread: starting another one would
 * take longer.
 * Resolves when everything is with the writer, not yet durable. @throws storage.tampered and the like, naming the pack
 */
export async function repack(options: RepackOptions): Promise<void> {
  const { repository, writer } = options;
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const waiting = options.reads[Symbol.iterator]();
  const spare: SharedArrayBuffer[] = [];
  const give = async ({ packs, partials }: Repacked): Promise<void> => {
    for (const pack of packs) await writer.addPack(pack, () => spare.push(pack.bytes.buffer));
    for (const partial of partials) await writer.addPartial(partial);
  };
  const reader = async (worker: RepackPlace): Promise<void> => {
    const memory = new Uint8Array(new SharedArrayBuffer(limits.copyReadMaxBytes));
    for (let next = waiting.next(); !next.done; next = waiting.next()) {
      signal.throwIfAborted();
      const { packId, offset, length, blobs } = next.value;
      const into = length <= memory.byteLength ? memory.subarray(0, length) : undefined;
      const bytes = await repository.target.read({ type: 'data', id: packId }, { offset, length, into, signal });
      // While its packs wait for the storage, a thread makes no others.
      using _turn = await worker.turn.acquire(signal);
      // One is enough: what lies idle in one thread, another one would make anew.
      const gift = worker.spare > 0 ? [] : spare.splice(0, 1);
      const answer = await worker.ask({ bytes, offset, blobs, compress: options.compress, spare: gift });
      worker.spare = Math.max(0, worker.spare + gift.length - answer.packs.length);
      await give(answer);
      options.onRead(next.value);
    }
  };
  const places = placesFor(options);
  const flush = async (): Promise<void> => {
    for (const place of places) await give(await place.ask('flush'));
  };
  const readers = places.flatMap((place) => [reader(place), reader(place)]);
  try {
    await Promise.all(readers);
    await flush();
  } catch (error) {
    // One's failure ends the others.
    failed.abort(error);
    await Promise.allSettled(readers);
    // What keeps this from being kept says no more than the first error.
    if (options.keepUnfinished === true) await Promise.allSettled([flush()]);
    throw error;
  } finally {
    await Promise.all(places.map((place) => place.end()));
  }
}

/** Where blobs are verified. */
interface RepackPlace {
  readonly turn: Semaphore;
  /** Memory of packs that it has and does not use. */
  spare: number;
  ask(request: RepackRequest): Promise<Repacked>;
  end(): Promise<void>;
}

function placesFor({ repository, targetKey, totalBytes, threads }: RepackOptions): RepackPlace[] {
  const keys: RepackKeys = { source: repository.masterKey, target: targetKey };
  const bytesPerThread = targetKey === undefined ? limits.repackBytesPerThread : limits.copyBytesPerThread;
  const worth = Math.floor(totalBytes / bytesPerThread);
  const count = threads ?? Math.min(availableParallelism(), limits.repackThreads, worth);
  if (count > 0) return Array.from({ length: count }, () => new RepackThread(keys));
  const repacker = new Repacker(keys);
  const ask = async (request: RepackRequest): Promise<Repacked> =>
    request === 'flush' ? { packs: [], partials: repacker.flush() } : { packs: repacker.add(request), partials: [] };
  return [{ turn: new Semaphore(1), spare: 0, ask, end: async () => {} }];
}

interface Waiting {
  readonly resolve: (answer: Repacked) => void;
  readonly reject: (error: unknown) => void;
}

/** A thread that answers in the order of the questions. */
class RepackThread implements RepackPlace {
  readonly turn = new Semaphore(1);
  spare = 0;
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  #failure: unknown;

  constructor(keys: RepackKeys) {
    this.#worker = startThread(new URL('./repack-worker.ts', import.meta.url), {
      workerData: keys,
      resourceLimits: { maxYoungGenerationSizeMb: limits.repackYoungGenerationMb },
    });
    const fail = (error: unknown): void => {
      this.#failure ??= error;
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    };
    this.#worker.on('message', (answer: RepackAnswer) => {
      const next = this.#waiting.shift();
      if ('problem' in answer) next?.reject(HoldfastError.fromReport(answer.problem));
      else next?.resolve(answer);
    });
    this.#worker.on('error', fail);
    this.#worker.on('exit', (code) =>
      fail(new HoldfastError('internal.unexpected', { message: `A thread ended by itself (${code}).` })),
    );
  }

  ask(request: RepackRequest): Promise<Repacked> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const { promise, resolve, reject } = Promise.withResolvers<Repacked>();
    this.#waiting.push({ resolve, reject });
    this.#worker.postMessage(request);
    return promise;
  }

  async end(): Promise<void> {
    await endThread(this.#worker);
  }
}
