import { HoldfastError } from '@holdfast/core';
import { z } from 'zod';
import { maxOutputBytes, maxOutputPieceBytes, outputSilenceMs } from './limits.ts';

/** A piece that is worth a message, and how long one that is smaller waits for more. */
const goodPieceBytes = 128 * 1024;
const lingerMs = 20;

/** What `read` answers: the next bytes of a task's output, at least one unless it has ended. */
export const outputPiece = z.object({ bytes: z.base64(), ended: z.boolean() });
export type OutputPiece = z.infer<typeof outputPiece>;

/**
 * Bytes that a task gives besides its result, such as the contents of a file. They are fetched piece by piece, so whoever does not
 * fetch them stops the task; after a while for good, because it holds a lock.
 */
export class TaskOutput {
  readonly #silenceMs: number;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #bytes = 0;
  #end: { readonly error: unknown } | 'sound' | undefined;
  #toldEnd = false;
  /** Who reads wants to hear of so many bytes, and not of each. */
  #wantedBytes = 1;
  /** Resolved and replaced at every change that somebody may wait for. */
  #changed = Promise.withResolvers<void>();

  constructor(o: { readonly silenceMs?: number } = {}) {
    this.#silenceMs = o.silenceMs ?? outputSilenceMs;
  }

  /** All that was written. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Waits while enough is there that nobody has fetched. Throws `run.timeout` when nobody does. */
  async write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    while (this.#waitingBytes >= maxOutputBytes) await this.#takenInTime(signal);
    signal.throwIfAborted();
    if (bytes.byteLength === 0) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
    this.#bytes += bytes.byteLength;
    if (this.#waitingBytes >= this.#wantedBytes) this.#tell();
  }

  /** Nothing follows; with an error, whoever reads gets it after what is there. */
  end(error?: unknown): void {
    this.#end ??= error === undefined ? 'sound' : { error };
    this.#tell();
  }

  /** Resolves when whoever reads has been told that it has ended. Throws `run.timeout` when nobody reads. */
  async fetched(signal: AbortSignal): Promise<void> {
    while (!this.#toldEnd) await this.#takenInTime(signal);
  }

  async read(signal: AbortSignal): Promise<OutputPiece> {
    this.#wantedBytes = 1;
    while (this.#waitingBytes === 0 && this.#end === undefined) await this.#change(signal);
    // More is likely to come at once, and a piece costs the same whatever its size.
    this.#wantedBytes = goodPieceBytes;
    if (this.#waitingBytes < goodPieceBytes && this.#end === undefined) await this.#change(signal, lingerMs);
    if (this.#waitingBytes === 0 && typeof this.#end === 'object') throw this.#end.error;
    const all = Buffer.concat(this.#waiting);
    const piece = all.subarray(0, maxOutputPieceBytes);
    const rest = all.subarray(piece.length);
    this.#waiting = rest.length === 0 ? [] : [rest];
    this.#waitingBytes = rest.length;
    const ended = rest.length === 0 && this.#end === 'sound';
    this.#toldEnd ||= ended;
    this.#tell();
    return { bytes: piece.toString('base64'), ended };
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #takenInTime(signal: AbortSignal): Promise<void> {
    if (await this.#change(signal, this.#silenceMs)) return;
    throw new HoldfastError('run.timeout', {
      message: `Nobody has taken what the task gives for ${this.#silenceMs} ms.`,
    });
  }

  /** Waits for the next change; false when none came in time. Rejects when the signal aborts. */
  async #change(signal: AbortSignal, limitMs?: number): Promise<boolean> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const stop = (): void => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    const timer = limitMs === undefined ? undefined : setTimeout(() => resolve(false), limitMs);
    void this.#changed.promise.then(() => resolve(true));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  }
}
