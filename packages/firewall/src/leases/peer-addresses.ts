import { lookup } from 'node:dns/promises';
import { isIP, SocketAddress } from 'node:net';
import { HoldfastError } from '@holdfast/core';
import { maxLeasedAddresses, resolveLimitMs } from '../limits.ts';

/** The addresses that a firewall is opened for: nothing but addresses, in canonical form, gets into its rules. */
export async function addressesOf(peer: string, signal?: AbortSignal): Promise<readonly string[]> {
  const found = isIP(peer) === 0 ? await resolve(peer, signal) : [peer];
  const addresses = [...new Set(found.map(canonical))];
  if (addresses.length <= maxLeasedAddresses) return addresses;
  throw new HoldfastError('firewall.lease', {
    message: `The name ${peer} has ${addresses.length} addresses, too many to open the firewall for.`,
    guidance: 'Use an address, or a name that is of one computer.',
  });
}

async function resolve(name: string, signal: AbortSignal | undefined): Promise<readonly string[]> {
  const limit = AbortSignal.timeout(resolveLimitMs);
  const over = Promise.withResolvers<never>();
  const ends = signal ? AbortSignal.any([signal, limit]) : limit;
  const onAbort = (): void => over.reject(ends.reason);
  ends.addEventListener('abort', onAbort, { once: true });
  try {
    ends.throwIfAborted();
    return (await Promise.race([lookup(name, { all: true }), over.promise])).map(({ address }) => address);
  } catch (cause) {
    signal?.throwIfAborted();
    throw new HoldfastError('channel.name', { message: `The name ${name} could not be resolved.`, cause });
  } finally {
    ends.removeEventListener('abort', onAbort);
  }
}

/** A dual-stack socket writes IPv4 within IPv6; the packets are of IPv4. */
function canonical(text: string): string {
  const given = text.replace(/%.*/, '');
  const { address } = new SocketAddress({ address: given, family: isIP(given) === 6 ? 'ipv6' : 'ipv4' });
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1] ?? address;
}
