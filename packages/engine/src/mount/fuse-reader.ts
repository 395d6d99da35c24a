import { Worker } from 'node:worker_threads';
import { HoldfastError } from '@holdfast/core';
import { mountLimits } from './mount-limits.ts';

/** Words of the memory that both threads share. */
export const sharedStop = 0;
export const sharedQueued = 1;

export interface FuseReaderData {
  readonly fd: number;
  readonly shared: SharedArrayBuffer;
}

/** A request, or why there will be no more. */
export type FuseReaderMessage =
  | { readonly kind: 'request'; readonly bytes: Uint8Array }
  | { readonly kind: 'gone' }
  | { readonly kind: 'failed'; readonly message: string };

/**
 * Reads requests in a thread of its own: the device has no way to wait for it but a blocking call, which would take one of
 * the few threads that all of Node's file operations share.
 */
export class FuseReader implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #shared = new SharedArrayBuffer(8);
  readonly #words = new Int32Array(this.#shared);
  readonly #ended: Promise<void>;
  /** Resolves when the kernel sends no more requests: unmounted. Rejects when reading failed. */
  readonly gone: Promise<void>;

  constructor(fd: number, onRequest: (bytes: Buffer) => void) {
    const workerData: FuseReaderData = { fd, shared: this.#shared };
    this.#worker = new Worker(new URL('./fuse-reader-worker.ts', import.meta.url), { workerData, name: 'fuse' });
    this.#ended = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
    this.gone = new Promise((resolve, reject) => {
      const fail = (message: string): void =>
        reject(new HoldfastError('internal.unexpected', { message: `Reading from /dev/fuse failed: ${message}` }));
      this.#worker.on('message', (message: FuseReaderMessage) => {
        if (message.kind === 'gone') resolve();
        else if (message.kind === 'failed') fail(message.message);
        else {
          Atomics.sub(this.#words, sharedQueued, 1);
          Atomics.notify(this.#words, sharedQueued);
          const { bytes } = message;
          onRequest(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
        }
      });
      this.#worker.once('error', (error) => fail(error instanceof Error ? error.message : String(error)));
      // After `gone` or `failed` this does nothing.
      this.#worker.once('exit', () => resolve());
    });
  }

  /** Tells the thread to end, without waiting for it: all that can be done while the process exits. */
  stop(): void {
    Atomics.store(this.#words, sharedStop, 1);
    Atomics.notify(this.#words, sharedQueued);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, mountLimits.stopTimeoutMs);
    });
    await Promise.race([this.#ended, late]);
    clearTimeout(timer);
  }
}
