import { type Clock, HoldfastError } from '@holdfast/core';
import type { HttpClient } from '@holdfast/wire';
import type { z } from 'zod';
import {
  commandLineClientId,
  deviceAuthorization,
  deviceCodeGrant,
  oauthError,
  oauthPaths,
  oauthScopes,
  tokenAnswer,
} from './oauth.ts';
import { parseProblem } from './problem.ts';

/** RFC 8628, section 3.5: so much longer between questions when the server says that they come too fast. */
const slowDownSeconds = 5;

export type DeviceAuthorization = z.output<typeof deviceAuthorization>;

/**
 * Signs the command line in as a device (RFC 8628): a person types the short code that `tell` shows, in any browser, and signs in there.
 * Ends with the code. Throws `auth.sign-in` when nobody did, or somebody refused; `auth.rate`; and what the connection throws.
 */
export async function signInAsDevice(
  http: HttpClient,
  o: { tell: (asked: DeviceAuthorization) => Promise<void>; clock: Clock; signal: AbortSignal },
): Promise<{ readonly token: string; readonly expiresAt: string }> {
  const { clock, signal } = o;
  const begun = await post(http, oauthPaths.device_authorization, { scope: oauthScopes.join(' ') }, signal);
  if (begun.status !== 200) throw refusal(begun.content);
  const asked = deviceAuthorization.parse(begun.content);
  await o.tell(asked);
  const endMs = clock.monotonicMs() + asked.expires_in * 1000;
  let intervalSeconds = asked.interval;
  while (clock.monotonicMs() < endMs) {
    await clock.sleep(intervalSeconds * 1000, signal);
    const { device_code } = asked;
    const { status, content } = await post(
      http,
      oauthPaths.token,
      { grant_type: deviceCodeGrant, device_code },
      signal,
    );
    if (status === 200) {
      const { access_token, expires_in } = tokenAnswer.parse(content);
      return { token: access_token, expiresAt: new Date(clock.now().getTime() + expires_in * 1000).toISOString() };
    }
    const error = oauthError.safeParse(content).data?.error;
    if (error === 'slow_down' || parseProblem(content)?.code === 'auth.rate') intervalSeconds += slowDownSeconds;
    else if (error !== 'authorization_pending') throw refusal(content);
  }
  throw refusal({ error: 'expired_token' });
}

async function post(http: HttpClient, path: string, fields: Record<string, string>, signal: AbortSignal) {
  const response = await http.request({
    method: 'POST',
    path,
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: new URLSearchParams({ client_id: commandLineClientId, ...fields }).toString(),
    signal,
  });
  return { status: response.status, content: await response.json() };
}

function refusal(content: unknown): HoldfastError {
  const known = oauthError.safeParse(content).data;
  if (!known)
    return parseProblem(content) ?? new HoldfastError('auth.sign-in', { message: 'The server takes no devices.' });
  const message =
    known.error === 'expired_token' || known.error === 'invalid_grant'
      ? 'Nobody signed in with the code in time.'
      : known.error === 'access_denied'
        ? 'The sign-in was refused in the browser.'
        : `The server refused: ${known.error_description ?? known.error}.`;
  return new HoldfastError('auth.sign-in', { message, guidance: 'Begin again with `holdfast login --device`.' });
}
