import { hostname } from 'node:os';
import { type ChannelId, isChannelId } from '@holdfast/contract';
import { HoldfastError, productVersion } from '@holdfast/core';
import { limits, platform } from '@holdfast/protocol';
import type { Listener, PortOverrides } from '@holdfast/wire';
import type { Listening } from './rest/server-handlers.ts';

/** A listener as the API reports it. */
export function describeListener(listener: Listener, channel: ChannelId): Listening {
  const { host, port, reason } = listener;
  return { channel, host, port, ...(reason === undefined ? {} : { reason }) };
}

/** The port of one channel among them. Throws `channel.unknown`. */
export function portAmong(listening: readonly Listening[], channel: ChannelId): number {
  const found = listening.find((one) => one.channel === channel);
  if (found) return found.port;
  throw new HoldfastError('channel.unknown', { message: `The server does not listen along ${channel}.` });
}

/** What the server says of itself in the first message of a connection. */
export function ownHello(listening: readonly Listening[]) {
  return {
    protocolVersion: limits.protocolVersion,
    productVersion,
    hostname: hostname(),
    platform: platform.parse(process.platform),
    ports: Object.fromEntries(listening.map(({ channel, port }) => [channel, port])),
  };
}

/** Throws `channel.unknown` for a port of a channel that is not in the contract. */
export function portOverrides(ports: Readonly<Record<string, number | { from: number; to: number }>>): PortOverrides {
  const unknown = Object.keys(ports).find((id) => !isChannelId(id));
  if (unknown !== undefined) {
    throw new HoldfastError('channel.unknown', {
      message: `The configuration gives a port to ${unknown}, which is no channel.`,
    });
  }
  return ports;
}
