import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { HoldfastError, Semaphore } from '@holdfast/core';
import type { Connection } from './connection.ts';

/** A connection that nobody else uses meanwhile. */
export interface TakenConnection {
  readonly stream: Duplex;
  /** It is used again unless it was destroyed or ended, or is idle for so long. */
  giveBack(keepMs: number): void;
}

/** The connections of an HTTP client: a bounded number, each used by one request at a time and kept for the next one. */
export class ConnectionPool {
  /** Where the last connection led, for messages. */
  where = 'the other end';
  readonly #connect: (signal: AbortSignal) => Promise<Connection>;
  readonly #size: number;
  readonly #permits: Semaphore;
  readonly #over = new AbortController();
  readonly #open = new Set<Duplex>();
  readonly #idle = new Map<Duplex, NodeJS.Timeout>();

  constructor(options: { readonly connect: (signal: AbortSignal) => Promise<Connection>; readonly size: number }) {
    this.#connect = options.connect;
    this.#size = options.size;
    this.#permits = new Semaphore(options.size);
  }

  /** The one that was idle last, else a new one; waits while all are in use. */
  async take(signal: AbortSignal | undefined): Promise<TakenConnection> {
    const permit = await this.#permits.acquire(signal);
    try {
      const stream = this.#takeIdle() ?? (await this.dial(signal));
      return {
        stream,
        giveBack: (keepMs) => {
          if (isUsable(stream) && !this.#over.signal.aborted) this.#keep(stream, keepMs);
          permit[Symbol.dispose]();
        },
      };
    } catch (error) {
      permit[Symbol.dispose]();
      throw error;
    }
  }

  /** One that is never given back. @throws channel.closed */
  async dial(signal: AbortSignal | undefined): Promise<Duplex> {
    const over = this.#over.signal;
    over.throwIfAborted();
    const connection = await this.#connect(signal ? AbortSignal.any([signal, over]) : over);
    const { stream, remoteAddress, remotePort, channel } = connection;
    this.where = `${remoteAddress}:${remotePort} along channel ${channel}`;
    if (over.aborted || !isUsable(stream)) {
      stream.destroy();
      over.throwIfAborted();
      throw new HoldfastError('channel.closed', {
        message: `Channel ${channel}: the connection to ${remoteAddress}:${remotePort} is closed.`,
        context: { channel },
      });
    }
    this.#open.add(stream);
    void connection.closed.then(() => {
      this.#open.delete(stream);
      this.#forget(stream);
    });
    return stream;
  }

  /** Waits for all that are in use, then closes them. */
  async close(): Promise<void> {
    using permits = new DisposableStack();
    for (let taken = 0; taken < this.#size; taken += 1) permits.use(await this.#permits.acquire());
    this.destroy();
  }

  destroy(): void {
    this.#over.abort(new Error('The client is closed.'));
    for (const stream of this.#open) stream.destroy();
  }

  #takeIdle(): Duplex | undefined {
    const stream = [...this.#idle.keys()].findLast(isUsable);
    if (stream === undefined) return undefined;
    this.#forget(stream);
    if (stream instanceof Socket) stream.ref();
    return stream;
  }

  #keep(stream: Duplex, keepMs: number): void {
    // What is idle keeps no process alive.
    if (stream instanceof Socket) stream.unref();
    this.#idle.set(stream, setTimeout(() => stream.destroy(), keepMs).unref());
    stream.on('data', cut).resume();
  }

  #forget(stream: Duplex): void {
    clearTimeout(this.#idle.get(stream));
    this.#idle.delete(stream);
    stream.off('data', cut);
  }
}

function isUsable(stream: Duplex): boolean {
  return !stream.destroyed && stream.writable;
}

/** What comes while nothing was asked would be taken for the answer to the next request. */
function cut(this: Duplex): void {
  this.destroy();
}
