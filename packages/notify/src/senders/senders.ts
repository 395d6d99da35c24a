import type { Destination } from '../configuration.ts';
import { gmailSender } from './gmail.ts';
import { graphSender } from './graph.ts';
import type { Sender, SenderContext } from './sender.ts';
import { smtpSender } from './smtp.ts';
import { syslogSender } from './syslog.ts';
import { webhookSender } from './webhook.ts';

export function senderFor(destination: Destination, context: SenderContext): Sender {
  switch (destination.kind) {
    case 'smtp':
      return smtpSender(destination, context);
    case 'gmail':
      return gmailSender(destination, context);
    case 'graph':
      return graphSender(destination, context);
    case 'webhook':
      return webhookSender(destination, context);
    case 'syslog':
      return syslogSender(destination, context);
  }
}
