import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Semaphore } from '@holdfast/core';
import { limits } from './limits.ts';
import type { RepositoryKey } from './repository-key.ts';
import type { VerifyRequest } from './verify-worker.ts';

/** Threads that verify packs, one pack each at a time. `await using` ends them. */
export class VerifyPool implements AsyncDisposable {
  readonly #idle: Worker[];
  readonly #all: readonly Worker[];
  readonly #permits: Semaphore;

  constructor(key: RepositoryKey) {
    const count = Math.min(availableParallelism(), limits.checkParallelPacks);
    this.#all = Array.from(
      { length: count },
      () => new Worker(new URL('./verify-worker.ts', import.meta.url), { workerData: key }),
    );
    this.#idle = [...this.#all];
    this.#permits = new Semaphore(count);
  }

  /** The problems of a pack. Its bytes move to the thread and are gone here. */
  async verify(request: VerifyRequest, signal?: AbortSignal): Promise<string[]> {
    using _permit = await this.#permits.acquire(signal);
    const worker = this.#idle.pop();
    if (worker === undefined) throw new Error('a permit without a worker');
    // A view of a pooled or larger buffer must not take the rest with it.
    const bytes =
      request.bytes.byteLength === request.bytes.buffer.byteLength ? request.bytes : new Uint8Array(request.bytes);
    const { promise, resolve, reject } = Promise.withResolvers<string[]>();
    const onExit = (code: number): void => reject(new Error(`a verifying thread ended with ${code}`));
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', onExit);
    try {
      worker.postMessage({ ...request, bytes }, bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : []);
      return await promise;
    } finally {
      worker.off('message', resolve);
      worker.off('error', reject);
      worker.off('exit', onExit);
      this.#idle.push(worker);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((worker) => worker.terminate()));
  }
}
