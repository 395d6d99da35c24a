import type { ChannelId } from '@holdfast/contract';
import { type HttpResponse, httpClient } from '@holdfast/wire';
import { answerTimeoutMs, maxAnswerBytes } from '../limits.ts';
import type { SenderContext } from './sender.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: HttpResponse['headers'];
  /** The beginning of it. */
  readonly text: string;
}

export interface HttpPost {
  readonly channel: ChannelId;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly caPem?: string | undefined;
  readonly admits?: ((address: string) => boolean) | undefined;
}

/** One request over a connection of its own. Redirects are answers like others: nothing follows them. */
export async function postOutside(
  { channel, url, headers, body, caPem, admits }: HttpPost,
  { wire }: SenderContext,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  await using client = httpClient({
    host: url.host,
    connect: (signal) =>
      wire.dialOutside(channel, url.hostname, {
        ...(url.port === '' ? {} : { port: Number(url.port) }),
        tls: { caPem },
        admits,
        signal,
      }),
  });
  const answer = await client.request({
    method: 'POST',
    path: `${url.pathname}${url.search}`,
    headers: { 'user-agent': 'holdfast', connection: 'close', ...headers },
    body,
    timeoutMs: answerTimeoutMs,
    signal,
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text(maxAnswerBytes) };
}
