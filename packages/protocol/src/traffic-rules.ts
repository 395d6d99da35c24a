import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { maxAddressRanges, minBytesPerSecond } from './limits.ts';
import { entityId } from './names.ts';
import { timeWindow, timeZone } from './schedule/schedule.ts';

/** `10.1.0.0/16`, `10.1.2.3`, or `10.1.0.1-10.1.0.99`; IPv6 likewise. */
export const addressRange = z
  .string()
  .max(100)
  .refine((text) => addTo(new BlockList(), text), 'say addresses as 10.1.0.0/16, 10.1.2.3 or 10.1.0.1-10.1.0.99');

const addressRanges = z.array(addressRange).max(maxAddressRanges);

/**
 * How much data of repositories may pass in a second, in each direction, between computers with these addresses and movers with those,
 * or the other way round. What is left out is any address.
 */
export const trafficRule = z.strictObject({
  id: entityId,
  sources: addressRanges,
  targets: addressRanges,
  bytesPerSecond: z.number().int().min(minBytesPerSecond).max(Number.MAX_SAFE_INTEGER),
  /** When it holds, by the wall clock of the zone; always if there is none. */
  windows: z.array(timeWindow).max(50),
  timeZone,
});
export type TrafficRule = z.infer<typeof trafficRule>;

/** Whether addresses are in any of some ranges. */
export class AddressRanges {
  readonly #list = new BlockList();
  readonly #any: boolean;

  /** Of none every address is. Ranges must have been checked. */
  constructor(ranges: readonly string[]) {
    this.#any = ranges.length === 0;
    for (const range of ranges) addTo(this.#list, range);
  }

  /** IPv4 within IPv6 (`::ffff:10.1.2.3`) is IPv4. False for what is no address. */
  contain(address: string): boolean {
    const bare = address.replace(/%.*$/, '');
    const family = familyOf(bare);
    return family !== undefined && (this.#any || this.#list.check(bare, family));
  }
}

function addTo(list: BlockList, text: string): boolean {
  const [first = '', last, more] = text.split('-');
  const [address = '', prefix, another] = first.split('/');
  const family = familyOf(address);
  if (family === undefined || more !== undefined || another !== undefined) return false;
  try {
    if (last !== undefined) {
      if (prefix !== undefined || familyOf(last) !== family) return false;
      list.addRange(address, last, family);
    } else if (prefix !== undefined) {
      const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : 129;
      if (bits > (family === 'ipv4' ? 32 : 128)) return false;
      list.addSubnet(address, bits, family);
    } else list.addAddress(address, family);
    return true;
  } catch (error) {
    // The range ends before it begins.
    if (error instanceof Error) return false;
    throw error;
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  // A zone is of one computer only.
  if (address.includes('%')) return undefined;
  const version = isIP(address);
  if (version === 0) return undefined;
  return version === 4 ? 'ipv4' : 'ipv6';
}
