import { isIP } from 'node:net';
import { HoldfastError } from '@holdfast/core';
import { runProgram } from '../program.ts';
import type { AddressedOpening, LeasingFirewall, TimedOpening } from './opening.ts';

/** What the rules of `holdfast ports plan --format nftables --leases` are called. Nothing else is ever touched. */
const table = ['inet', 'holdfast'] as const;

/** Leases as elements with a time-out of the kernel's, in sets that the rendered rules refer to. */
class NftablesLeases implements LeasingFirewall {
  readonly #nft: string;

  constructor(nft: string) {
    this.#nft = nft;
  }

  async open(openings: readonly TimedOpening[], signal?: AbortSignal): Promise<void> {
    // Older kernels leave the time-out of an element as it was when it is added again.
    const changes = openings.flatMap((one) => [
      takeOut(one),
      `add element ${place(one)} { ${key(one)} timeout ${one.lifetimeMs}ms }`,
    ]);
    await this.change(changes, signal);
  }

  async close(openings: readonly AddressedOpening[]): Promise<void> {
    await this.change(openings.map(takeOut));
  }

  /** All or nothing: nft makes one transaction of it. */
  async change(changes: readonly string[], signal?: AbortSignal): Promise<void> {
    const finished = await runProgram(this.#nft, ['-f', '-'], { input: `${changes.join('\n')}\n`, signal });
    if (finished.kind === 'absent')
      throw refusal(`There is no program ${this.#nft} on this computer.`, 'Install nftables.');
    if (finished.kind === 'failed') throw refused(finished.reason);
  }
}

/** @throws `firewall.lease` where this process may not change the firewall, or the rules with the sets are not loaded. */
export async function openNftables(nft: string, signal?: AbortSignal): Promise<LeasingFirewall> {
  const leases = new NftablesLeases(nft);
  // An element that nobody has, put in and taken out at once: it takes the same rights and the same sets as a lease.
  const elements = (['in', 'out'] as const).flatMap((direction) =>
    ['192.0.2.1', '2001:db8::1'].map((address) => takeOut({ direction, address, port: 1 })),
  );
  await leases.change(elements, signal);
  return leases;
}

function place({ direction, address }: AddressedOpening): string {
  return `${table.join(' ')} lease_${direction}${isIP(address)}`;
}

function key({ address, port }: AddressedOpening): string {
  return `${address} . ${port}`;
}

/** What is not there is put there first, so that taking it out is no error. It lasts no longer than the transaction. */
function takeOut(opening: AddressedOpening): string {
  const what = `${place(opening)} { ${key(opening)} }`;
  return `add element ${what}\ndelete element ${what}`;
}

function refusal(message: string, guidance: string): HoldfastError {
  return new HoldfastError('firewall.lease', { message, guidance });
}

function refused(reason: string): HoldfastError {
  if (/No such file or directory/.test(reason))
    return refusal(
      `The firewall has no table ${table.join(' ')} with sets for leases.`,
      'Load the rules that `holdfast ports plan TOPOLOGY --format nftables --leases` writes for this host.',
    );
  if (/Operation not permitted|Permission denied/.test(reason))
    return refusal(
      'This process may not change the firewall.',
      'It needs CAP_NET_ADMIN: AmbientCapabilities=CAP_NET_ADMIN in its systemd unit, or root.',
    );
  return refusal(`nft refused: ${reason.slice(0, 500)}`, 'See what the message says.');
}
