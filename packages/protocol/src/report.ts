import type { ChannelId } from '@holdfast/contract';

import { httpClient, type Wire } from '@holdfast/wire';
import type { z } from 'zod';
import { reportPath } from './enrolment.ts';
import { enrolTimeoutMs, maxJsonBytes } from './limits.ts';
import { refusalOf } from './problem.ts';
import type { hello } from './tasks.ts';

/**
 * Tells the server what this computer is now: its version and the ports that it really listens on. A mover does so when it
 * has begun to listen; the server contacts it at once and knows it as online. Agents say the same with `hello`. Throws what
 * the server reports, or an error of the channel; worth repeating until it succeeds.
 */
export async function reportToServer(o: {
  readonly wire: Wire;
  /** `mover-to-server`. */
  readonly channel: ChannelId;
  readonly server: { readonly id: string; readonly host: string; readonly port?: number | undefined };
  readonly report: z.input<typeof hello>;
  readonly signal?: AbortSignal;
}): Promise<void> {
  const { server } = o;
  await using http = httpClient({
    connections: 1,
    connect: (signal) =>
      o.wire.dial(o.channel, server.host, {
        ...(server.port === undefined ? {} : { port: server.port }),
        peerId: server.id,
        signal,
      }),
  });
  const response = await http.request({
    method: 'POST',
    path: reportPath,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(o.report),
    timeoutMs: enrolTimeoutMs,
    signal: o.signal,
  });
  const answer = await response.json(maxJsonBytes);
  if (response.status === 200) return;
  throw refusalOf(response, answer, 'The report');
}
