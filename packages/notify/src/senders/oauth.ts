import type { ChannelId } from '@holdfast/contract';
import { HoldfastError } from '@holdfast/core';
import { z } from 'zod';
import { tokenMarginMs } from '../limits.ts';
import { postOutside } from './http.ts';
import type { SenderContext } from './sender.ts';
import { saidBy } from './service-answer.ts';

const tokenSchema = z.object({
  access_token: z.string().min(1).max(20_000),
  expires_in: z.number().min(1).max(86_400),
});

interface TokenSource {
  readonly channel: ChannelId;
  readonly url: string;
  /** The request's fields, made anew each time. */
  readonly form: () => Promise<Readonly<Record<string, string>>>;
  readonly context: SenderContext;
}

/** Access tokens of one service (RFC 6749, 5.1), asked for when needed and used until shortly before their end. */
export class AccessTokens {
  #token: { readonly value: string; readonly endsMs: number } | undefined;
  readonly #o: TokenSource;

  constructor(o: TokenSource) {
    this.#o = o;
  }

  /** Throws `notify.sign-in` when the service does not accept who asks. */
  async take(signal: AbortSignal): Promise<string> {
    const { channel, context, form } = this.#o;
    const nowMs = context.clock.now().getTime();
    if (this.#token && nowMs < this.#token.endsMs) return this.#token.value;
    const url = new URL(this.#o.url);
    const body = new URLSearchParams(await form()).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
    const answer = await postOutside({ channel, url, headers, body }, context, signal);
    if (answer.status >= 500 || answer.status === 429)
      throw new HoldfastError('notify.deferred', { message: `${url.host} gives no token now (${saidBy(answer)}).` });
    if (answer.status !== 200)
      throw new HoldfastError('notify.sign-in', {
        message: `${url.host} gives no token for these credentials (${saidBy(answer)}).`,
        guidance: 'Correct the credentials in the configuration, and check that the service still knows them.',
      });
    const token = tokenSchema.safeParse(parsedJson(answer.text));
    if (!token.success)
      throw new HoldfastError('notify.sign-in', { message: `${url.host} answered with something that is no token.` });
    const { access_token: value, expires_in: seconds } = token.data;
    this.#token = { value, endsMs: nowMs + seconds * 1000 - tokenMarginMs };
    return value;
  }

  /** After the service has not accepted it. */
  forget(): void {
    this.#token = undefined;
  }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // No JSON is no token: the caller says so.
    return undefined;
  }
}
