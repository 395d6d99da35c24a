import type { ServerResponse } from 'node:http';
import { type Clock, HoldfastError } from '@holdfast/core';
import { securityHeaders } from '@holdfast/wire';
import {
  eventStreamKeepAliveMs,
  maxEventStreamBacklogBytes,
  maxEventStreams,
  maxEventStreamsOfOne,
  streamRecheckMs,
} from '../limits.ts';
import type { Caller } from '../people/caller.ts';

/** The event streams that are open, within a bound. */
export class EventStreams implements Disposable {
  readonly #open = new Map<EventStream, Caller>();

  /** Throws `internal.limit` when too many are open, of all or of one caller. */
  open(response: ServerResponse, caller: Caller): EventStream {
    if (this.#open.size >= maxEventStreams) {
      throw new HoldfastError('internal.limit', { message: `More than ${maxEventStreams} event streams are open.` });
    }
    const own = [...this.#open.values()].filter(({ actor }) => actor === caller.actor);
    if (own.length >= maxEventStreamsOfOne) {
      throw new HoldfastError('internal.limit', { message: `${caller.actor} has ${own.length} event streams open.` });
    }
    const stream = new EventStream(response);
    this.#open.set(stream, caller);
    response.once('close', () => this.#open.delete(stream));
    return stream;
  }

  /** Ends the streams whose callers may not read them any more. */
  async recheck(mayGoOn: (caller: Caller) => Promise<boolean>): Promise<void> {
    await Promise.all(
      [...this.#open].map(async ([stream, caller]) => {
        if (!(await mayGoOn(caller))) stream.end();
      }),
    );
  }

  /** Has them looked through again and again until the signal aborts: another instance may have revoked something. */
  async watch(recheck: () => Promise<void>, clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(streamRecheckMs, signal);
      await recheck();
    }
  }

  [Symbol.dispose](): void {
    for (const stream of this.#open.keys()) stream.end();
  }
}

/** Server-sent events (WHATWG HTML, section 9.2) to one client, one line of JSON each. A client that does not read is cut. */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #keepAlive: NodeJS.Timeout;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.writeHead(200, { ...securityHeaders, 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    response.flushHeaders();
    this.#keepAlive = setInterval(() => this.#write(':\n\n'), eventStreamKeepAliveMs);
    this.#keepAlive.unref();
    response.once('close', () => clearInterval(this.#keepAlive));
  }

  /** Resolves when the client has gone, or the stream has been ended. */
  get closed(): Promise<void> {
    if (this.#response.closed) return Promise.resolve();
    return new Promise((resolve) => this.#response.once('close', () => resolve()));
  }

  /** Waits for something, or until `closed`. Leaves no listener behind: a stream waits thousands of times. */
  async waitFor(something: Promise<void>): Promise<void> {
    const closed = Promise.withResolvers<void>();
    const close = (): void => closed.resolve();
    if (this.#response.closed) close();
    this.#response.once('close', close);
    try {
      await Promise.race([something, closed.promise]);
    } finally {
      this.#response.off('close', close);
    }
  }

  send(event: unknown): void {
    this.#write(`data: ${JSON.stringify(event)}\n\n`);
  }

  end(): void {
    clearInterval(this.#keepAlive);
    this.#response.end();
  }

  #write(text: string): void {
    if (this.#response.writableEnded || this.#response.destroyed) return;
    this.#response.write(text);
    if (this.#response.writableLength > maxEventStreamBacklogBytes) this.#response.destroy();
  }
}
