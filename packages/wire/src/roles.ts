import type { Channel } from '@holdfast/contract';
import type { PeerIdentity } from './identity.ts';

/** Whether somebody without a certificate may come along the channel, and prove itself inside: a joiner, a browser, restic. */
export function admitsAnonymous(channel: Channel): boolean {
  return channel.security === 'server-tls';
}

/** Whether the channel is TCP that never leaves the computer and has no TLS: who dials proves itself inside, or nothing does. */
export function isPlain(channel: Channel): boolean {
  return channel.security === 'local' && channel.loopbackOnly;
}

/**
 * The channel that a connection to a shared port belongs to: the one that the dialler named, if it may use that one, else the
 * first that it may use. Undefined: it has no business here.
 */
export function channelFor(
  channels: readonly Channel[],
  peer: PeerIdentity | undefined,
  claimed: string | undefined,
): Channel | undefined {
  const open = channels.filter((channel) =>
    peer ? channel.certificates.from.includes(peer.role) : admitsAnonymous(channel),
  );
  return claimed === undefined ? open[0] : open.find((channel) => channel.id === claimed);
}

/** The command that prints the firewall rule for a channel's listening end. */
export function ruleCommand(channel: Channel): string {
  return `holdfast ports list --role ${channel.to[0] ?? 'backup-server'}`;
}
