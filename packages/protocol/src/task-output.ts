import { HoldfastError } from '@holdfast/core';
import { z } from 'zod';
import { maxOutputBytes, maxOutputPieceBytes, outputSilenceMs } from './limits.ts';

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
  /** Resolved and replaced at every change. */
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
    while (this.#waitingBytes >= maxOutputBytes) await this.#change(signal, { limitMs: this.#silenceMs });
    signal.throwIfAborted();
    if (bytes.byteLength === 0) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
    this.#bytes += bytes.byteLength;
    this.#tell();
  }

  /** Nothing follows; with an error, whoever reads gets it after what is there. */
  end(error?: unknown): void {
    this.#end ??= error === undefined ? 'sound' : { error };
    this.#tell();
  }

  /** Resolves when whoever reads has been told that it has ended. Throws `run.timeout` when nobody reads. */
  async fetched(signal: AbortSignal): Promise<void> {
    while (!this.#toldEnd) await this.#change(signal, { limitMs: this.#silenceMs });
  }

  async read(signal: AbortSignal): Promise<OutputPiece> {
    while (this.#waitingBytes === 0 && this.#end === undefined) await this.#change(signal);
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

  async #change(signal: AbortSignal, o: { readonly limitMs?: number } = {}): Promise<void> {
    signal.throwIfAborted();
    const stopped = Promise.withResolvers<never>();
    const stop = (): void => stopped.reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    const late = (): void =>
      stopped.reject(
        new HoldfastError('run.timeout', {
          message: `Nobody has taken what the task gives for ${this.#silenceMs} ms.`,
        }),
      );
    const timer = o.limitMs === undefined ? undefined : setTimeout(late, o.limitMs);
    try {
      await Promise.race([this.#changed.promise, stopped.promise]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  }
}
