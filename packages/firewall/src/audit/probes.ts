import { isIPv6, SocketAddress } from 'node:net';
import type { PortRange } from '@holdfast/contract';
import { addressRange } from '../ruleset/address-range.ts';
import type { AddressEdge, Packet } from '../ruleset/ruleset.ts';

/** An address that a packet comes from or goes to. */
export interface Place {
  readonly family: Packet['family'];
  readonly value: bigint;
}

/** Addresses that no host has (RFC 5737, RFC 3849), as anybody on the internet. */
const nobody = ['203.0.113.7', '198.51.100.9', '2001:db8:ffff::7'].flatMap((text) => addressRange(text) ?? []);
/** Neither loopback nor multicast: rules about those are not about other hosts. */
const special = ['127.0.0.0/8', '0.0.0.0/8', '224.0.0.0/3', '::/127', 'ff00::/8', 'fe80::/10'].flatMap(
  (text) => addressRange(text) ?? [],
);
const highest = { ipv4: 2n ** 32n - 1n, ipv6: 2n ** 128n - 1n };

/** Strangers, and with `edges` also the first and last address of each range, and those beside them. */
export function strangers(ranges: readonly AddressEdge[], which: 'any' | 'edges'): readonly Place[] {
  const found = new Map<string, Place>();
  const add = (family: Packet['family'], value: bigint): void => {
    if (value < 0n || value > highest[family]) return;
    if (special.some((range) => range.family === family && range.first <= value && value <= range.last)) return;
    found.set(`${family} ${value}`, { family, value });
  };
  for (const { family, first } of nobody) add(family, first);
  if (which === 'edges')
    for (const { family, first, last } of ranges)
      for (const value of [first, last, first - 1n, last + 1n]) add(family, value);
  return [...found.values()];
}

/** Every port at which something can change, and the ports beside it. */
export function edgePorts(ranges: readonly PortRange[]): readonly number[] {
  const ports = new Set(ranges.flatMap(({ from, to }) => [from - 1, from, to, to + 1]));
  return [1, 65_535, ...ports].filter((port) => port >= 1 && port <= 65_535);
}

/** So many of them, evenly spread; the first is among them. */
export function sample<T>(all: readonly T[], limit: number): readonly T[] {
  if (all.length <= limit) return all;
  return Array.from({ length: limit }, (_, index) => all[Math.floor((index * all.length) / limit)]).filter(
    (one) => one !== undefined,
  );
}

export function portsText(ports: readonly PortRange[]): string {
  return ports.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}

export function addressText({ family, value }: Place): string {
  const bytes = family === 'ipv4' ? 4 : 16;
  const hex = value.toString(16).padStart(bytes * 2, '0');
  if (family === 'ipv4') return [...Buffer.from(hex, 'hex')].join('.');
  const full = (hex.match(/.{4}/g) ?? []).join(':');
  return isIPv6(full) ? new SocketAddress({ address: full, family: 'ipv6' }).address : full;
}
