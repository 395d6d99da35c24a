import { type Clock, HoldfastError, systemClock } from '@holdfast/core';
import { cancellation, throwIfCancelled } from './cancellation.ts';
import { renewBeforeMs, renewPauseMs, renewTimeoutMs } from './limits.ts';
import type { WaitOptions } from './target.ts';

/** What is to be signed, or simply authorised. */
export interface RequestToAuthorize {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Proves the right to make a request: a password, a token that is renewed in time, or a signature over the request. */
export interface CredentialSource {
  /** Headers to add. Asked for every attempt of every request. */
  authorize(request: RequestToAuthorize, options: WaitOptions): Promise<Readonly<Record<string, string>>>;
  /** The other end refused these headers. True: the next call gives others, so that one more attempt makes sense. */
  refused(headers: Readonly<Record<string, string>>): boolean;
}

/** HTTP Basic (RFC 7617), in UTF-8. */
export function basicCredentials(credentials: { readonly user: string; readonly password: string }): CredentialSource {
  const { user, password } = credentials;
  if (user.includes(':'))
    throw new HoldfastError('usage.configuration', { message: 'A user name for HTTP Basic has no colon' });
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return { authorize: async () => ({ authorization }), refused: () => false };
}

export interface Token {
  readonly token: string;
  readonly expiresAt: Date;
}

export interface RenewingTokenOptions {
  /** Gets a new token. The signal ends it after 30 s. */
  readonly obtain: (signal: AbortSignal) => Promise<Token>;
  /** The token to begin with, if there is one. */
  readonly first?: Token | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * A bearer token (RFC 6750), such as a mover's grant, that is renewed a minute before it expires, or earlier if its life is
 * short. All requests share one renewal. While the old token is still good, a renewal that fails harms nobody.
 */
export function renewingToken(options: RenewingTokenOptions): CredentialSource {
  return new RenewingToken(options);
}

interface Held {
  readonly authorization: string;
  readonly expiresMs: number;
  renewMs: number;
}

class RenewingToken implements CredentialSource {
  readonly #obtain: RenewingTokenOptions['obtain'];
  readonly #clock: Clock;
  #held: Held | undefined;
  #renewal: Promise<Held> | undefined;

  constructor(options: RenewingTokenOptions) {
    this.#obtain = options.obtain;
    this.#clock = options.clock ?? systemClock;
    this.#held = options.first && this.#hold(options.first);
  }

  async authorize(_request: RequestToAuthorize, options: WaitOptions): Promise<Readonly<Record<string, string>>> {
    throwIfCancelled(options.signal);
    const held = this.#held;
    const nowMs = this.#clock.now().getTime();
    if (held && nowMs < held.renewMs) return { authorization: held.authorization };
    try {
      const { authorization } = await unlessAborted(this.#renew(), options.signal);
      return { authorization };
    } catch (error) {
      throwIfCancelled(options.signal);
      if (!held || held !== this.#held || held.expiresMs <= this.#clock.now().getTime()) throw error;
      held.renewMs = this.#clock.now().getTime() + renewPauseMs;
      return { authorization: held.authorization };
    }
  }

  refused(headers: Readonly<Record<string, string>>): boolean {
    // Only if nobody has renewed it in the meantime.
    if (this.#held?.authorization === headers['authorization']) this.#held = undefined;
    return true;
  }

  #renew(): Promise<Held> {
    this.#renewal ??= this.#obtain(AbortSignal.timeout(renewTimeoutMs))
      .then((token) => {
        this.#held = this.#hold(token);
        return this.#held;
      })
      .finally(() => {
        this.#renewal = undefined;
      });
    return this.#renewal;
  }

  #hold({ token, expiresAt }: Token): Held {
    const expiresMs = expiresAt.getTime();
    const lifeMs = expiresMs - this.#clock.now().getTime();
    const renewMs = expiresMs - Math.min(renewBeforeMs, lifeMs / 3);
    return { authorization: `Bearer ${token}`, expiresMs, renewMs };
  }
}

/** Stops waiting for work that goes on for others. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(cancellation(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
