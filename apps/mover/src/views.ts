import { addAbortListener } from 'node:events';
import type { Duplex } from 'node:stream';
import { HoldfastError } from '@holdfast/core';
import { objectPath, type RestPath, restHeaders, restQueries, typeFolders } from '@holdfast/storage';
import { type Connection, type HttpClient, type HttpResponse, httpClient } from '@holdfast/wire';
import { maxOfferedStreams, maxWaitingViewRequests, viewOfferMs } from './limits.ts';
import type { Session } from './session.ts';

/** What an answer to a request of the REST protocol says besides its body. */
const passedHeaders = [
  'content-type',
  'content-length',
  'content-range',
  'accept-ranges',
  'server-timing',
  restHeaders.error,
  restHeaders.result,
  restHeaders.more,
];

export interface ViewRequest {
  readonly method: string;
  readonly path: RestPath;
  readonly range: string | undefined;
  /** Of a lock. */
  readonly body: Uint8Array | undefined;
  readonly signal: AbortSignal;
}

/**
 * What executors show to the computers of sessions that are for a view only. Here bytes pass through: the mover can open neither the
 * repository nor the view, and asks the executor for every object, so that nothing else can be given.
 */
export class Views {
  readonly #views = new WeakMap<Session, View>();

  of(session: Session): View {
    const known = this.#views.get(session);
    if (known) return known;
    const view = new View(session.over);
    this.#views.set(session, view);
    return view;
  }
}

/** The view of one session: streams that its executor offers, each for one request at a time. */
class View {
  readonly #over: AbortSignal;
  readonly #client: HttpClient;
  readonly #offered: Connection[] = [];
  #arrived = Promise.withResolvers<void>();
  #waiting = 0;

  constructor(over: AbortSignal) {
    this.#over = over;
    this.#client = httpClient({ connections: maxOfferedStreams, connect: (signal) => this.#take(signal) });
    addAbortListener(over, () => {
      void this.#client[Symbol.asyncDispose]();
      for (const { stream } of this.#offered) stream.destroy();
    });
  }

  /** Asked before a stream is taken over. @throws internal.limit */
  requireRoom(): void {
    this.#over.throwIfAborted();
    if (this.#offered.length >= maxOfferedStreams)
      throw new HoldfastError('internal.limit', { message: `${maxOfferedStreams} streams of the view wait already.` });
  }

  /** Resolves when the stream has ended. */
  async offer(connection: Connection, stream: Duplex): Promise<void> {
    const { promise: closed, resolve } = Promise.withResolvers<undefined>();
    stream.once('close', () => resolve(undefined));
    const offered = { ...connection, stream, closed };
    this.#offered.push(offered);
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
    await closed;
    const at = this.#offered.indexOf(offered);
    if (at >= 0) this.#offered.splice(at, 1);
  }

  /** The executor's answer. @throws storage.unavailable while there is none; internal.limit; channel.closed */
  async ask(request: ViewRequest): Promise<HttpResponse> {
    if (this.#waiting >= maxWaitingViewRequests)
      throw new HoldfastError('internal.limit', {
        message: `${this.#waiting} requests wait for the view already, as many as there may be at once.`,
        retry: 'transient',
      });
    this.#waiting += 1;
    try {
      const { range, body, signal } = request;
      return await this.#client.request({
        method: methodOf(request.method),
        path: pathOf(request.path),
        headers: range === undefined ? {} : { range },
        body,
        signal,
      });
    } finally {
      this.#waiting -= 1;
    }
  }

  async #take(signal: AbortSignal): Promise<Connection> {
    const late = AbortSignal.timeout(viewOfferMs);
    const either = AbortSignal.any([signal, this.#over, late]);
    for (;;) {
      const connection = this.#offered.shift();
      if (connection && !connection.stream.destroyed) return connection;
      if (connection) continue;
      if (late.aborted)
        throw new HoldfastError('storage.unavailable', {
          message: 'The executor of the repository, which reads the snapshot for this computer, is not there.',
        });
      either.throwIfAborted();
      const { promise, resolve } = Promise.withResolvers<void>();
      using _woken = addAbortListener(either, () => resolve());
      await Promise.race([this.#arrived.promise, promise]);
    }
  }
}

export function passedOn(headers: HttpResponse['headers']): Record<string, string> {
  return Object.fromEntries(
    passedHeaders.flatMap((name) => (typeof headers[name] === 'string' ? [[name, headers[name]]] : [])),
  );
}

/** What the request was read as, and not what it was. */
function pathOf({ key, subject, query }: RestPath): string {
  const base = `/${key.tenant}/${key.repository}/`;
  if (subject.kind === 'repository') return base;
  if (subject.kind === 'object') return `${base}${objectPath(subject.name)}`;
  const paging = new URLSearchParams();
  for (const name of [restQueries.after, restQueries.limit]) {
    const value = query.get(name);
    if (value !== null) paging.set(name, value);
  }
  return `${base}${typeFolders[subject.type]}/?${paging.toString()}`;
}

const methods = ['GET', 'HEAD', 'POST', 'DELETE'] as const;

function methodOf(method: string): (typeof methods)[number] {
  const known = methods.find((one) => one === method);
  if (known) return known;
  throw new HoldfastError('request.missing', { message: 'The REST protocol has no such method.' });
}
