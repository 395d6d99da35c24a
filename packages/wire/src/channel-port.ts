import { type Channel, type ChannelId, channel, defaultPort } from '@holdfast/contract';
import { HoldfastError } from '@holdfast/core';
import type { PortOverrides } from './ports.ts';

/** The channel, if it is of that transport; `usage.configuration` if not. */
export function channelOfKind(transport: Channel['transport'], id: ChannelId): Channel {
  const entry = channel(id);
  if (entry.transport === transport) return entry;
  const kind = transport === 'local' ? 'local' : transport.toUpperCase();
  throw new HoldfastError('usage.configuration', { message: `Channel ${id} is not a ${kind} channel.` });
}

/** The port at the other end: the given one, else the configured, else the contract's. */
export function portToDial(o: {
  readonly id: ChannelId;
  readonly given: number | undefined;
  readonly transport: 'tcp' | 'udp';
  readonly overrides: PortOverrides | undefined;
}): number {
  const entry = channelOfKind(o.transport, o.id);
  const configured = o.overrides?.[o.id];
  const port = o.given ?? (typeof configured === 'number' ? configured : configured?.from) ?? defaultPort(entry);
  if (port !== undefined && Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new HoldfastError('usage.configuration', { message: `Channel ${o.id}: ${port} is not a port to dial.` });
}

/** The ports that are leased along the channel: the configured ones, else the contract's. */
export function rangeOf(entry: Channel, overrides: PortOverrides | undefined): { from: number; to: number } {
  const given = overrides?.[entry.id] ?? entry.ports[0];
  if (given === undefined)
    throw new HoldfastError('usage.configuration', { message: `Channel ${entry.id} has no range of ports.` });
  return typeof given === 'number' ? { from: given, to: given } : given;
}
