import { createHmac } from 'node:crypto';
import { HoldfastError } from '@holdfast/core';
import type { DestinationOf } from '../configuration.ts';
import { severityOf } from '../event.ts';
import { messageOf } from '../message/message.ts';
import { postOutside } from './http.ts';
import { mayBeReached } from './reachable.ts';
import type { Sender, SenderContext } from './sender.ts';
import { deferred, saidBy } from './service-answer.ts';

type Webhook = DestinationOf<'webhook'>;

/** Posts events as JSON, signed as Standard Webhooks 1.0 says (HMAC-SHA256). */
export function webhookSender(webhook: Webhook, context: SenderContext): Sender {
  const url = new URL(webhook.url);
  return {
    send: async ({ id, event }, signal) => {
      const key = signingKey(await context.readFile(webhook.secretFile), webhook.secretFile);
      const { subject } = messageOf(event, context.timeZone);
      const { kind, at, ...data } = event;
      // The payload's own time is that of the event; the header's is that of this attempt, against replays.
      const body = JSON.stringify({
        type: kind,
        timestamp: at,
        data: { severity: severityOf(event), subject, ...data },
      });
      const timestamp = String(Math.floor(context.clock.now().getTime() / 1000));
      const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
      const answer = await postOutside(
        {
          channel: context.role === 'backup-server' ? 'server-to-webhook' : 'agent-to-webhook',
          url,
          headers: {
            'content-type': 'application/json',
            'webhook-id': id,
            'webhook-timestamp': timestamp,
            'webhook-signature': `v1,${signature}`,
          },
          body,
          caPem: webhook.caFile === undefined ? undefined : await context.readFile(webhook.caFile),
          admits: webhook.allowLocalAddresses ? undefined : mayBeReached,
        },
        context,
        signal,
      );
      if (answer.status >= 200 && answer.status < 300) return;
      const place = `The webhook at ${url.host}`;
      // "410 Gone" is how a receiver says that it wants no more.
      if (answer.status === 410)
        throw new HoldfastError('notify.refused', { message: `${place} does not take any more (${saidBy(answer)}).` });
      if (answer.status >= 300 && answer.status < 400)
        throw new HoldfastError('notify.deferred', {
          message: `${place} redirects elsewhere (status ${answer.status}), which is not followed.`,
          guidance: 'Give the address that it redirects to, if it is the right one.',
        });
      throw deferred(place, answer);
    },
  };
}

const secretPrefix = 'whsec_';

function signingKey(secret: string, file: string): Buffer {
  const encoded = secret.startsWith(secretPrefix) ? secret.slice(secretPrefix.length) : '';
  const key = Buffer.from(encoded, 'base64');
  const isBase64 = key.toString('base64').replace(/=+$/, '') === encoded.replace(/=+$/, '');
  if (isBase64 && key.length >= 24 && key.length <= 64) return key;
  throw new HoldfastError('usage.configuration', {
    message: `${file} does not hold a webhook's secret: whsec_ and 24 to 64 bytes in base64.`,
    guidance: 'Make one: echo "whsec_$(openssl rand -base64 32)"',
  });
}
