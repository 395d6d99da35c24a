import { type Clock, HoldfastError } from '@holdfast/core';
import type { HttpClient } from '@holdfast/wire';
import { oauthError, oauthPaths, tokenAnswer } from './oauth.ts';
import { parseProblem } from './problem.ts';

/** The next token is asked for so long before the present one ends. */
const renewBeforeMs = 60_000;

/**
 * Access tokens of a service account, each asked for when it is needed (RFC 6749, section 4.4; RFC 8705). The connections of `http` have
 * to show the account's certificate: a token is good on those alone. Throws `auth.sign-in`, and what the connection throws.
 */
export function machineTokens(
  http: HttpClient,
  o: { readonly id: string; readonly clock: Clock },
): (signal?: AbortSignal) => Promise<string> {
  let present: { readonly token: string; readonly endMs: number } | undefined;
  return async (signal) => {
    const nowMs = o.clock.monotonicMs();
    if (present && nowMs < present.endMs) return present.token;
    const response = await http.request({
      method: 'POST',
      path: oauthPaths.token,
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: new URLSearchParams({ grant_type: 'client_credentials', client_id: o.id, scope: 'api' }).toString(),
      ...(signal ? { signal } : {}),
    });
    const content = await response.json();
    if (response.status !== 200) throw refusal(o.id, content);
    const { access_token: token, expires_in } = tokenAnswer.parse(content);
    present = { token, endMs: nowMs + expires_in * 1000 - renewBeforeMs };
    return token;
  };
}

function refusal(id: string, content: unknown): HoldfastError {
  const known = oauthError.safeParse(content).data;
  if (!known) return parseProblem(content) ?? new HoldfastError('auth.sign-in');
  return new HoldfastError('auth.sign-in', {
    message: `The server takes this certificate for no service account ${id}: ${known.error_description ?? known.error}.`,
    guidance:
      'Compare id and certificate with `holdfast service-account list`; one that has expired is renewed with `holdfast service-account certificate`.',
  });
}
