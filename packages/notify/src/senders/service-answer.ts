import { HoldfastError, oneLine } from '@holdfast/core';
import { z } from 'zod';
import type { HttpAnswer } from './http.ts';

const errorSchema = z.union([
  // Google's and Microsoft's APIs.
  z.object({ error: z.object({ message: z.string() }) }).transform(({ error }) => error.message),
  // RFC 6749, 5.2.
  z
    .object({ error: z.string(), error_description: z.string().optional() })
    .transform(({ error, error_description: why }) => (why === undefined ? error : `${error}: ${why}`)),
]);

/** What a service answered, for a person: its status, and its own words as far as they are known to be some. */
export function saidBy({ status, text }: HttpAnswer): string {
  let words: string | undefined;
  try {
    words = errorSchema.safeParse(JSON.parse(text)).data;
  } catch {
    // A page for browsers, or nothing: the status has to do.
    words = undefined;
  }
  return words === undefined ? `status ${status}` : `status ${status}: ${oneLine(words).slice(0, 300)}`;
}

/** The error for an answer that says that the message was not taken. */
export function mailApiError(place: string, answer: HttpAnswer): HoldfastError {
  const said = saidBy(answer);
  if (answer.status === 401 || answer.status === 403)
    return new HoldfastError('notify.sign-in', {
      message: `${place} does not let these credentials send mail (${said}).`,
      guidance: 'Give the account or application the right to send mail as `from`.',
    });
  // Of the others only these speak of the message itself.
  if (answer.status === 400 || answer.status === 413 || answer.status === 422)
    return new HoldfastError('notify.refused', { message: `${place} refuses the mail (${said}).` });
  return deferred(place, answer);
}

/** `Retry-After` in seconds (RFC 9110, 10.2.3) goes with it. */
export function deferred(place: string, answer: HttpAnswer): HoldfastError {
  const seconds = Number(answer.headers['retry-after']);
  return new HoldfastError('notify.deferred', {
    message: `${place} does not take the message now (${saidBy(answer)}).`,
    context: Number.isInteger(seconds) && seconds > 0 ? { retryAfterMs: seconds * 1000 } : {},
  });
}
