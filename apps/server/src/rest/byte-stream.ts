import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { HoldfastError } from '@holdfast/core';
import { securityHeaders } from '@holdfast/wire';
import { maxReadings, maxReadingsOfOne } from '../limits.ts';
import type { Caller } from '../people/caller.ts';

/** The answers of bytes that are under way, within a bound. */
export class ByteStreams {
  readonly #open = new Map<ServerResponse, Pick<Caller, 'actor'>>();

  /** Takes a place for the answer to one request. Throws `internal.limit` when too many are taken, of all or of one caller. */
  take(response: ServerResponse, caller: Pick<Caller, 'actor'>): Disposable {
    const own = [...this.#open.values()].filter(({ actor }) => actor === caller.actor).length;
    if (this.#open.size >= maxReadings || own >= maxReadingsOfOne)
      throw new HoldfastError('internal.limit', {
        message: `${own} downloads and lists of ${caller.actor} are under way, and ${this.#open.size} of all.`,
        guidance: 'Wait until one of them has ended.',
        retry: 'transient',
      });
    this.#open.set(response, caller);
    return { [Symbol.dispose]: () => void this.#open.delete(response) };
  }
}

/** An answer of bytes, sent as fast as the client takes it. Until `begin` its request may still be refused. */
export class ByteStream {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  begin(head: { readonly status: 200 | 206; readonly headers: Readonly<Record<string, string>> }): void {
    this.#response.writeHead(head.status, { ...securityHeaders, ...head.headers });
  }

  get hasBegun(): boolean {
    return this.#response.headersSent;
  }

  /** Waits until the client has taken enough, or the signal aborts. */
  async write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (bytes.byteLength > 0 && !this.#response.write(bytes)) await once(this.#response, 'drain', { signal });
  }

  /** `mediaType`: of an answer that has no bytes at all. */
  end(mediaType: string): void {
    if (!this.hasBegun) this.begin({ status: 200, headers: { 'content-type': mediaType } });
    this.#response.end();
  }

  endWith(lastWords: Uint8Array): void {
    this.#response.end(lastWords);
  }

  /** What was sent is not all: the client sees the connection break, unless it was told. */
  cut(): void {
    if (!this.#response.writableEnded) this.#response.destroy();
  }
}

/** `bytes=a-` and `bytes=a-b` (RFC 9110, 14.2); other ranges may be answered with the whole. */
export function parseRange(header: string | undefined): { from: number; to?: number } | undefined {
  const [, from, to] = /^bytes=(\d{1,15})-(\d{1,15})?$/.exec(header ?? '') ?? [];
  if (from === undefined || (to !== undefined && Number(to) < Number(from))) return undefined;
  return { from: Number(from), ...(to === undefined ? {} : { to: Number(to) }) };
}
