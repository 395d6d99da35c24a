import type { ChannelId, Role } from '@holdfast/contract';
import type { Clock } from '@holdfast/core';
import type { Connection, Wire } from '@holdfast/wire';
import type { NotificationEvent } from '../event.ts';
import { closeTimeoutMs } from '../limits.ts';

/** One notification on its way to one destination. */
export interface Outgoing {
  /** The same at every repetition, so that a receiver can tell a repeated one from a new one. */
  readonly id: string;
  readonly event: NotificationEvent;
  /** Of a mail. */
  readonly recipient: string | undefined;
}

/**
 * Takes one notification to one destination. Errors: `notify.refused` when repeating it is of no use; any other is of the
 * moment, or of a configuration that somebody may mend.
 */
export interface Sender {
  send(outgoing: Outgoing, signal: AbortSignal): Promise<void>;
}

/** What every sender needs. */
export interface SenderContext {
  readonly wire: Pick<Wire, 'dialOutside' | 'sendDatagram'>;
  /** What this process is: it decides the channel of the contract. */
  readonly role: Role;
  /** What a file that the configuration names holds, without the end of its last line. */
  readonly readFile: (path: string) => Promise<string>;
  /** IANA name. */
  readonly timeZone: string;
  readonly clock: Clock;
}

/** Which of the contract's channels a process takes. */
export function byRole(
  role: Role,
  channels: { readonly server: ChannelId; readonly windows: ChannelId; readonly posix: ChannelId },
): ChannelId {
  if (role === 'backup-server') return channels.server;
  return role === 'agent-windows' ? channels.windows : channels.posix;
}

/**
 * Waits for the other end to close as well, for a moment: what was sent last is then known to have arrived. Gives why the connection
 * broke, if it did.
 */
export async function closedWithin(connection: Connection, clock: Clock): Promise<Error | undefined> {
  const waiting = new AbortController();
  try {
    const sleeping = clock.sleep(closeTimeoutMs, waiting.signal);
    void Promise.allSettled([sleeping]);
    return await Promise.race([connection.closed, sleeping.then(() => undefined)]);
  } finally {
    waiting.abort();
  }
}
