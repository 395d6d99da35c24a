import { hostname } from 'node:os';
import { HoldfastError, oneLine } from '@holdfast/core';
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
  return {
    send: async (outgoing, signal) => {
      const message = syslogMessage(outgoing, { facility: syslog.facility, timeZone: context.timeZone });
      const caPem = syslog.caFile === undefined ? undefined : await context.readFile(syslog.caFile);
      await sendSyslog({ ...syslog, caPem }, { messages: [message], context, signal });
    },
  };
}

/** Sends messages in their order: over one connection, or a datagram each. Throws when they may not have arrived, as far as one can know. */
export async function sendSyslog(
  place: Pick<Syslog, 'host' | 'port' | 'transport'> & { readonly caPem: string | undefined },
  o: {
    readonly messages: readonly Buffer[];
    readonly context: Pick<SenderContext, 'wire' | 'role' | 'clock'>;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { wire, role, clock } = o.context;
  const isServer = role === 'backup-server';
  const port = place.port === undefined ? {} : { port: place.port };
  if (place.transport === 'udp') {
    for (const message of o.messages) {
      o.signal.throwIfAborted();
      await wire.sendDatagram(isServer ? 'server-to-syslog-udp' : 'agent-to-syslog-udp', place.host, message, port);
    }
    return;
  }
  const connection = await wire.dialOutside(isServer ? 'server-to-syslog' : 'agent-to-syslog', place.host, {
    ...port,
    tls: { caPem: place.caPem },
    signal: o.signal,
  });
  try {
    connection.stream.end(Buffer.concat(o.messages.flatMap((message) => [Buffer.from(`${message.length} `), message])));
    // Nothing confirms a message; a server that closes after us has read to the end, one that resets has not.
    connection.stream.resume();
    const failure = await closedWithin(connection, clock);
    if (failure)
      throw new HoldfastError('notify.deferred', {
        message: `The syslog server ${place.host} broke off before everything had arrived.`,
        cause: failure,
      });
  } finally {
    connection.stream.destroy();
  }
}

/** At most 2,048 bytes. */
export function syslogMessage(
  { id, event }: Outgoing,
  o: { readonly facility: keyof typeof syslogFacilities; readonly timeZone: string },
): Buffer {
  const { subject, problems } = messageOf(event, o.timeZone);
  const severity = severityOf(event);
  const [first] = problems;
  return syslogLine({
    facility: o.facility,
    severity,
    at: event.at,
    messageId: event.kind,
    fields: { id, severity, from: event.from, ...(first ? { code: first.code } : {}) },
    text: `${subject}${first ? `: ${first.message}` : ''}`,
    maxBytes: maxSyslogBytes,
  });
}

/** A message of RFC 5424. Values of fields may be any text, which must not be longer than the message; the text is cut off. */
export function syslogLine(o: {
  readonly facility: keyof typeof syslogFacilities;
  readonly severity: Severity;
  /** ISO 8601. */
  readonly at: string;
  readonly messageId: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly text: string;
  readonly maxBytes: number;
}): Buffer {
  const priority = syslogFacilities[o.facility] * 8 + severities[o.severity];
  const fields = Object.entries(o.fields).map(
    // Line ends are allowed within quotes, but many receivers end a message there.
    ([name, value]) => `${name}="${oneLine(value).replace(/["\\\]]/g, '\\$&')}"`,
  );
  const messageId = headerWord(o.messageId, 32);
  const header = `<${priority}>1 ${o.at} ${headerWord(hostname(), 255)} holdfast ${process.pid} ${messageId} [${structureId} ${fields.join(' ')}] `;
  // RFC 5424, 6.4: UTF-8 is announced by a byte order mark.
  return truncated(`${header}\uFEFF${oneLine(o.text)}`, o.maxBytes);
}

/** RFC 5424, 6: visible ASCII without spaces. */
function headerWord(text: string, maxLength: number): string {
  return text.replace(/[^\x21-\x7e]/g, '').slice(0, maxLength) || '-';
}

/** Without cutting a character in two. */
function truncated(text: string, maxBytes: number): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return bytes;
  let end = maxBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}
