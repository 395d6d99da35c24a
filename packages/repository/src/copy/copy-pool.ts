import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type ErrorReport, HoldfastError, Semaphore } from '@holdfast/core';
import type { RepositoryKey } from '../format/repository-key.ts';
import { limits } from '../limits.ts';
import type { PartialPack } from '../packs/pack-builder.ts';
import type { SealRequest } from '../packs/seal-again.ts';

type Answer = { readonly partial: PartialPack } | { readonly problem: ErrorReport };

/** Threads that seal blobs again, one read each at a time. They start with the first; `await using` ends them. */
export class CopyPool implements AsyncDisposable {
  readonly #keys: { readonly source: RepositoryKey; readonly target: RepositoryKey };
  readonly #idle: Worker[] = [];
  readonly #all: Worker[] = [];
  readonly #permits = new Semaphore(Math.min(availableParallelism(), limits.copyThreads));

  constructor(keys: { readonly source: RepositoryKey; readonly target: RepositoryKey }) {
    this.#keys = keys;
  }

  /** The blobs of a read, sealed with the target's key. @throws storage.tampered */
  async seal(request: SealRequest, signal: AbortSignal): Promise<PartialPack> {
    using _permit = await this.#permits.acquire(signal);
    const worker = this.#idle.pop() ?? this.#start();
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const onExit = (code: number): void => reject(new Error(`a copying thread ended with ${code}`));
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', onExit);
    try {
      worker.postMessage(request);
      const answer = await promise;
      if ('problem' in answer) throw HoldfastError.fromReport(answer.problem);
      return answer.partial;
    } finally {
      worker.off('message', resolve);
      worker.off('error', reject);
      worker.off('exit', onExit);
      this.#idle.push(worker);
    }
  }

  #start(): Worker {
    const worker = new Worker(new URL('./copy-worker.ts', import.meta.url), {
      workerData: this.#keys,
      // One read at a time leaves hardly any small objects: V8 would take 48 MiB for them.
      resourceLimits: { maxYoungGenerationSizeMb: limits.copyYoungGenerationMb },
    });
    this.#all.push(worker);
    return worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((worker) => worker.terminate()));
  }
}
