import { mayBeReached } from '@holdfast/notify';
import type { IdentityProviderSettings } from '@holdfast/protocol';
import { httpClient, type Wire } from '@holdfast/wire';
import type { CustomFetch } from 'openid-client';
import { maxOutsideAnswerBytes, outsideAnswerMs } from '../limits.ts';

/**
 * How openid-client asks a provider elsewhere: along the channel of the contract, with the provider's CA, and not at this computer's
 * own addresses unless an administrator said so. Redirections are answers like others: nothing follows them.
 */
export function outsideFetch(
  wire: Wire,
  { caPem, allowLocalAddresses }: Pick<IdentityProviderSettings, 'caPem' | 'allowLocalAddresses'>,
): CustomFetch {
  return async (address, { method, headers, body, signal }) => {
    const url = new URL(address);
    await using client = httpClient({
      host: url.host,
      connect: (connecting) =>
        wire.dialOutside('server-to-identity-provider', url.hostname, {
          ...(url.port === '' ? {} : { port: Number(url.port) }),
          tls: { caPem },
          admits: allowLocalAddresses ? undefined : mayBeReached,
          signal: connecting,
        }),
    });
    const response = await client.request({
      method: method === 'POST' ? 'POST' : 'GET',
      path: `${url.pathname}${url.search}`,
      headers: { ...headers, connection: 'close' },
      // It sends forms, and nothing else.
      ...(body instanceof URLSearchParams ? { body: body.toString() } : {}),
      timeoutMs: outsideAnswerMs,
      signal,
    });
    const content = await response.text(maxOutsideAnswerBytes);
    const answered = Object.entries(response.headers).map(([name, value]) => [name, String(value)] as [string, string]);
    return new Response(content === '' ? null : content, { status: response.status, headers: answered });
  };
}
