import { hostname } from 'node:os';
import type { HoldfastError } from '@holdfast/core';
import { type DestinationOf, syslogFacilities } from '../configuration.ts';
import { type Severity, severityOf } from '../event.ts';
import { maxSyslogBytes } from '../limits.ts';
import { messageOf } from '../message/message.ts';
import { closedWithin, type Outgoing, type Sender, type SenderContext } from './sender.ts';

type Syslog = DestinationOf<'syslog'>;

const severities = { error: 3, warning: 4, information: 6 } as const satisfies Record<Severity, number>;
/** RFC 5612: the number for documents and for those who have none of their own. */
const structureId = 'holdfast@32473';

/** Events as syslog messages (RFC 5424): over TLS with octet counting (RFC 5425), or one datagram each (RFC 5426). */
export function syslogSender(syslog: Syslog, context: SenderContext): Sender {
  const isServer = context.role === 'backup-server';
  return {
    send: async (outgoing, signal) => {
      const message = syslogMessage(outgoing, { facility: syslog.facility, timeZone: context.timeZone });
      const o = syslog.port === undefined ? {} : { port: syslog.port };
      if (syslog.transport === 'udp') {
        await context.wire.sendDatagram(
          isServer ? 'server-to-syslog-udp' : 'agent-to-syslog-udp',
          syslog.host,
          message,
          o,
        );
        return;
      }
      const caPem = syslog.caFile === undefined ? undefined : await context.readFile(syslog.caFile);
      const connection = await context.wire.dialOutside(
        isServer ? 'server-to-syslog' : 'agent-to-syslog',
        syslog.host,
        {
          ...o,
          tls: { caPem },
          signal,
        },
      );
      try {
        connection.stream.end(Buffer.concat([Buffer.from(`${message.length} `), message]));
        // Nothing confirms a message; a server that closes after us has read to the end, one that resets has not.
        connection.stream.resume();
        await closedWithin(connection, context.clock);
      } finally {
        connection.stream.destroy();
      }
    },
  };
}

/** At most 2,048 bytes. */
export function syslogMessage(
  { id, event }: Outgoing,
  o: { readonly facility: keyof typeof syslogFacilities; readonly timeZone: string },
): Buffer {
  const { subject, problems } = messageOf(event, o.timeZone);
  const severity = severityOf(event);
  const priority = syslogFacilities[o.facility] * 8 + severities[severity];
  const first: Pick<HoldfastError, 'message'> | undefined = problems[0];
  const fields = Object.entries({ id, severity, from: event.from, ...(problems[0] ? { code: problems[0].code } : {}) });
  const structure = `[${structureId} ${fields.map(([name, value]) => `${name}="${value.replace(/["\\\]]/g, '\\$&')}"`).join(' ')}]`;
  const header = `<${priority}>1 ${event.at} ${headerWord(hostname(), 255)} holdfast ${process.pid} ${event.kind} ${structure} `;
  // RFC 5424, 6.4: UTF-8 is announced by a byte order mark.
  return truncated(`${header}\uFEFF${subject}${first ? `: ${first.message}` : ''}`);
}

/** RFC 5424, 6: visible ASCII without spaces. */
function headerWord(text: string, maxLength: number): string {
  return text.replace(/[^\x21-\x7e]/g, '').slice(0, maxLength) || '-';
}

/** Without cutting a character in two. */
function truncated(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxSyslogBytes) return bytes;
  let end = maxSyslogBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}
