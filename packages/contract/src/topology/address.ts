import ipaddr from 'ipaddr.js';

/** An address or a prefix. IPv4 and IPv6 never overlap. */
export interface Block {
  /** Canonical: RFC 5952 for IPv6, no host bits in a prefix, no prefix for a single address. */
  readonly text: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly first: bigint;
  readonly last: bigint;
}

/** Reads an IPv4 or IPv6 address or prefix. A string says what is wrong with it. */
export function parseBlock(text: string): Block | string {
  const [address = '', lengthText, ...rest] = text.split('/');
  // Only what every firewall reads the same way: no octal or short IPv4, no zone index.
  const isFour = ipaddr.IPv4.isValidFourPartDecimal(address);
  if (rest.length > 0 || (!isFour && (address.includes('%') || !ipaddr.IPv6.isValid(address))))
    return `${quote(text)} is no IPv4 or IPv6 address or prefix`;
  const parsed = isFour ? ipaddr.IPv4.parse(address) : ipaddr.IPv6.parse(address);
  const bits = isFour ? 32 : 128;
  if (lengthText !== undefined && !(/^\d{1,3}$/.test(lengthText) && Number(lengthText) <= bits))
    return `${quote(text)}: the length of a prefix is a number from 0 to ${bits}`;
  const length = lengthText === undefined ? bits : Number(lengthText);
  const value = parsed.toByteArray().reduce((sum, byte) => (sum << 8n) + BigInt(byte), 0n);
  const size = 1n << BigInt(bits - length);
  const block: Block = {
    text: length === bits ? canonical(parsed) : `${canonical(parsed)}/${length}`,
    family: isFour ? 'ipv4' : 'ipv6',
    first: value,
    last: value + size - 1n,
  };
  const excess = value % size;
  if (excess === 0n) return block;
  const network = fromValue(value - excess, bits);
  return `${quote(text)} has bits set beyond its prefix; the prefix is ${network}/${length}, the address alone ${canonical(parsed)}`;
}

/** Reads an address or prefix that computers can have: neither loopback, nor multicast, nor unspecified. */
export function parseHostBlock(text: string): Block | string {
  const block = parseBlock(text);
  if (typeof block === 'string') return block;
  const reserved = special.find(
    (range) => block.family === range.family && range.first <= block.first && block.first <= range.last,
  );
  return reserved ? `"${text}" ${reserved.message}` : block;
}

const special = [
  ['127.0.0.0/8', 'is a loopback address, which means another computer everywhere'],
  ['::1', 'is the loopback address, which means another computer everywhere'],
  ['0.0.0.0/8', 'is an unspecified address'],
  ['::', 'is the unspecified address'],
  ['224.0.0.0/3', 'is a multicast or reserved address, which no host has'],
  ['ff00::/8', 'is a multicast address, which no host has'],
  ['::ffff:0:0/96', 'is an IPv4 address: write it as one'],
].map(([text = '', message]) => {
  const block = parseBlock(text);
  if (typeof block === 'string') throw new TypeError(block);
  return { ...block, message };
});

export function contains(outer: Block, inner: Block): boolean {
  return outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last;
}

/** The pairs that overlap, each block named once with the one before it. n log n. */
export function overlaps<T extends { readonly block: Block }>(all: readonly T[]): readonly (readonly [T, T])[] {
  const found: (readonly [T, T])[] = [];
  for (const family of ['ipv4', 'ipv6'] as const) {
    const sorted = all
      .filter(({ block }) => block.family === family)
      .sort((a, b) => compare(a.block.first, b.block.first) || compare(b.block.last, a.block.last));
    let widest: T | undefined;
    for (const one of sorted) {
      if (widest && one.block.first <= widest.block.last) found.push([widest, one]);
      if (!widest || one.block.last > widest.block.last) widest = one;
    }
  }
  return found;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b);
}

function canonical(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  return address.kind() === 'ipv4' ? address.toString() : (address as ipaddr.IPv6).toRFC5952String();
}

function fromValue(value: bigint, bits: 32 | 128): string {
  const bytes = Array.from({ length: bits / 8 }, (_, index) => Number((value >> BigInt(bits - 8 - index * 8)) & 0xffn));
  return canonical(ipaddr.fromByteArray(bytes));
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}
