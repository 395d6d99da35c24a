import { HoldfastError, hasCode } from '@holdfast/core';
import { limits, moverApiPrefix, parseErrorReport, parseMessage } from '@holdfast/protocol';
import { type HttpClient, type HttpResponse, httpClient, type Wire } from '@holdfast/wire';
import { z } from 'zod';
import { connectionsPerMover, maxMoverAnswerBytes, maxMoverClients, moverRequestTimeoutMs } from '../limits.ts';
import { type ComputerRow, portOf } from './computers.ts';

interface Link {
  readonly http: HttpClient;
  readonly host: string;
  readonly port: number;
  fingerprint: string | undefined;
}

type MoverRequest<Schema extends z.ZodType> = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the mover's API prefix. */
  readonly path: string;
  readonly body?: unknown;
  readonly answer: Schema;
  /** A POST that does nothing more when it is sent twice; other methods never do. */
  readonly repeatable?: boolean;
  /** For `If-Match`. */
  readonly ifMatch?: string;
  readonly signal?: AbortSignal;
  /** Gives it up as long as it is not sent. */
  readonly unsentSignal?: AbortSignal;
};

const nothing = z.unknown();

/** Requests to movers along channel `server-to-mover`, over a few kept connections each. */
export class MoverLinks implements AsyncDisposable {
  readonly #wire: Wire;
  readonly #links = new Map<string, Link>();

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** Throws what the mover reports, or an error of the channel. */
  async request<Schema extends z.ZodType>(mover: ComputerRow, o: MoverRequest<Schema>): Promise<z.output<Schema>> {
    const response = await this.#send(mover, o);
    const text = await response.text(Math.min(maxMoverAnswerBytes, limits.maxJsonBytes));
    const content: unknown = text === '' ? {} : JSON.parse(text);
    if (response.status >= 200 && response.status < 300) {
      return parseMessage(o.answer, content, `The mover's answer to ${o.method} ${o.path}`);
    }
    throw (
      parseErrorReport(content) ??
      new HoldfastError('internal.unexpected', {
        message: `Mover ${mover.hostname} answered ${o.method} ${o.path} with HTTP status ${response.status}.`,
      })
    );
  }

  /**
   * A connection that was kept from earlier may be dead without either end knowing. What may be repeated is then asked once
   * more over a new one, which either works or says why the mover can't be reached.
   */
  async #send(mover: ComputerRow, o: Omit<MoverRequest<z.ZodType>, 'answer'>): Promise<HttpResponse> {
    const ask = ({ http }: Link): Promise<HttpResponse> =>
      http.request({
        method: o.method,
        path: `${moverApiPrefix}${o.path}`,
        headers: {
          accept: 'application/json',
          ...(o.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(o.ifMatch === undefined ? {} : { 'if-match': o.ifMatch }),
        },
        ...(o.body === undefined ? {} : { body: JSON.stringify(o.body) }),
        signal: o.signal,
        unsentSignal: o.unsentSignal,
        timeoutMs: moverRequestTimeoutMs,
      });
    const link = await this.#link(mover);
    try {
      return await ask(link);
    } catch (error) {
      if ((o.method === 'POST' && !o.repeatable) || !hasCode(error, 'channel.closed')) throw error;
      // Only the first that notices: what the others are asked over by then is new.
      if (this.#links.get(mover.id) === link) await this.drop(mover.id);
      return ask(await this.#link(mover));
    }
  }

  /** As `request`, for what is answered with nothing of interest. */
  async tell(mover: ComputerRow, o: Omit<MoverRequest<z.ZodType>, 'answer'>): Promise<void> {
    await this.request(mover, { ...o, answer: nothing });
  }

  /** The certificate that the mover showed at its last connection; before the first, the one that was issued last. */
  fingerprint(mover: ComputerRow): string {
    return this.#links.get(mover.id)?.fingerprint ?? mover.certificateFingerprint;
  }

  /** Cuts the connections to a mover. */
  async drop(moverId: string): Promise<void> {
    const link = this.#links.get(moverId);
    this.#links.delete(moverId);
    await link?.http[Symbol.asyncDispose]();
  }

  async #link(mover: ComputerRow): Promise<Link> {
    const host = mover.address;
    const port = portOf(mover, 'server-to-mover');
    const known = this.#links.get(mover.id);
    if (known && known.host === host && known.port === port) return known;
    if (known) await this.drop(mover.id);
    if (this.#links.size >= maxMoverClients) {
      const [oldest] = this.#links.keys();
      if (oldest !== undefined) await this.drop(oldest);
    }
    const link: Link = {
      host,
      port,
      fingerprint: undefined,
      http: httpClient({
        connections: connectionsPerMover,
        connect: async (signal) => {
          const connection = await this.#wire.dial('server-to-mover', host, { port, peerId: mover.id, signal });
          link.fingerprint = connection.peer?.fingerprint;
          return connection;
        },
      }),
    };
    this.#links.set(mover.id, link);
    return link;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#links.keys()].map((id) => this.drop(id)));
  }
}
