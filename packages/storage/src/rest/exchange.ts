import { type Clock, type ErrorCode, type HoldfastError, hasCode, Semaphore } from '@holdfast/core';
import type { HttpClient, HttpRequest, HttpResponse } from '@holdfast/wire';
import { throwIfCancelled } from '../cancellation.ts';
import type { CredentialSource } from '../credentials.ts';
import { firstAttempts, retryAttempts } from '../limits.ts';
import { restMediaType } from '../rest-protocol.ts';
import { TransferCount } from '../transfer-count.ts';
import { answerError, storageMsOf } from './answer.ts';
import { withRetry } from './retry.ts';

export interface ExchangeOptions {
  readonly client: HttpClient;
  readonly credentials: CredentialSource | undefined;
  readonly maxParallelRequests: number;
  readonly clock: Clock;
}

export interface Asked<T> {
  readonly method: HttpRequest['method'];
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | readonly Uint8Array[];
  /** For messages: "store data 1a2b…". */
  readonly what: string;
  readonly signal: AbortSignal | undefined;
  /** Statuses besides 200 to 299 that `take` understands. */
  readonly alsoGood?: readonly number[];
  /** Makes the result of the answer, and reads or destroys its body. A transient failure of it repeats the request. */
  readonly take: (answer: HttpResponse) => Promise<T>;
}

/**
 * Nobody came for so long that TCP itself has tried several times. Where something got through before, the network may come back;
 * where nothing ever did, a firewall is in the way, and whoever waits should hear of it.
 */
const waitedInVain: readonly ErrorCode[] = ['channel.timeout', 'lease.refused'];

/** Sends requests, a bounded number at once, each with a fresh credential, and repeats those that fail in passing. */
export class Exchange {
  readonly count: TransferCount;
  readonly clock: Clock;
  readonly maxParallelRequests: number;
  readonly #client: HttpClient;
  readonly #credentials: CredentialSource | undefined;
  /** A request that waits for a free connection within the client would use up its time there. */
  readonly #permits: Semaphore;
  /** The other end has been reached. */
  #answered = false;

  constructor(options: ExchangeOptions) {
    this.clock = options.clock;
    this.count = new TransferCount(options.clock);
    this.maxParallelRequests = options.maxParallelRequests;
    this.#client = options.client;
    this.#credentials = options.credentials;
    this.#permits = new Semaphore(options.maxParallelRequests);
  }

  ask<T>(asked: Asked<T>): Promise<T> {
    return this.repeat(() => this.askOnce(asked), asked.signal);
  }

  /** Repeats several requests together when one of them fails in passing. */
  repeat<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const attemptsFor = (error: HoldfastError): number =>
      !this.#answered && hasCode(error, ...waitedInVain) ? firstAttempts : retryAttempts;
    return withRetry(work, { clock: this.clock, signal, attemptsFor });
  }

  async askOnce<T>(asked: Asked<T>): Promise<T> {
    using _permit = await this.#permits.acquire(asked.signal);
    const first = await this.#attempt(asked);
    if ('result' in first) return first.result;
    // Refused, perhaps only because the credential ran out on its way: once more with a new one.
    const again = first.renewable ? await this.#attempt(asked) : first;
    if ('result' in again) return again.result;
    throw again.error;
  }

  close(): PromiseLike<void> {
    return this.#client[Symbol.asyncDispose]();
  }

  async #attempt<T>(asked: Asked<T>): Promise<{ result: T } | { error: HoldfastError; renewable: boolean }> {
    const { method, path, body, signal } = asked;
    const headers = { accept: restMediaType, ...asked.headers };
    const proof = (await this.#credentials?.authorize({ method, path, headers }, { signal })) ?? {};
    throwIfCancelled(signal);
    this.count.request();
    using _ = this.count.overNetwork();
    const begunMs = this.clock.monotonicMs();
    const answer = await this.#client.request({ method, path, headers: { ...headers, ...proof }, body, signal });
    this.#answered = true;
    if (typeof body === 'object') this.count.sent(body.reduce((sum, piece) => sum + piece.length, 0));
    this.count.storageTook(Math.min(storageMsOf(answer), this.clock.monotonicMs() - begunMs));
    if ((answer.status >= 200 && answer.status < 300) || asked.alsoGood?.includes(answer.status))
      return { result: await asked.take(answer) };
    const error = await answerError(answer, asked.what);
    const refused = hasCode(error, 'auth.required', 'grant.expired');
    return { error, renewable: refused && (this.#credentials?.refused(proof) ?? false) };
  }
}
