import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

/**
 * Addresses that a destination given by an address of the web must not lead to: this computer, and what is valid on one link or
 * host only, such as the services that clouds answer with keys at (169.254.169.254). Private networks are allowed: receivers
 * within a company are there.
 */
const blocked = new BlockList();
for (const [network, prefix] of [
  ...([
    ['0.0.0.0', 8],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
    ['224.0.0.0', 3],
  ] as const),
  // Where Alibaba's and Oracle's clouds answer beside 169.254.169.254.
  ...([
    ['100.100.100.200', 32],
    ['192.0.0.192', 32],
  ] as const),
] as const)
  blocked.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  // Unspecified, loopback and IPv4-compatible; link-local; multicast; Amazon's metadata.
  ...([
    ['::', 96],
    ['fe80::', 10],
    ['ff00::', 8],
    ['fd00:ec2::254', 128],
  ] as const),
] as const)
  blocked.addSubnet(network, prefix, 'ipv6');

/** IPv6 forms that carry an IPv4 address, which then counts: mapped (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056). */
const carriers = new BlockList();
carriers.addSubnet('::ffff:0:0', 96, 'ipv6');
carriers.addSubnet('64:ff9b::', 96, 'ipv6');
carriers.addSubnet('2002::', 16, 'ipv6');

/** Whether a webhook may go to the address. */
export function mayBeReached(address: string): boolean {
  const bare = address.replace(/%.*$/, '');
  const family = isIP(bare);
  if (family === 0) return false;
  if (ownAddresses().has(bare)) return false;
  if (family === 4) return !blocked.check(bare, 'ipv4');
  // Somebody who answers with such an address has something in mind; a receiver has a plain one.
  return !blocked.check(bare, 'ipv6') && !carriers.check(bare, 'ipv6');
}

function ownAddresses(): ReadonlySet<string> {
  return new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)));
}
