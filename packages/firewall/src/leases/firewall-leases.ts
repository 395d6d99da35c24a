import { lookup } from 'node:dns/promises';
import { isIP, SocketAddress } from 'node:net';
import { HoldfastError } from '@holdfast/core';
import { runProgram } from '../program.ts';

/** What the rules of `holdfast ports plan --format nftables --leases` are called. Nothing else is ever touched. */
const table = ['inet', 'holdfast'] as const;

/** One opening: TCP between this host and that peer, on a port of this host (`in`) or of the peer (`out`). */
export interface LeasedOpening {
  readonly direction: 'in' | 'out';
  /** Address, or name, of the peer; every address of a name is opened. */
  readonly peer: string;
  readonly port: number;
  /** The kernel takes the opening away after that time, whatever becomes of this process. */
  readonly lifetimeMs: number;
}

/**
 * Openings for single sessions, as elements with a time-out in sets that the rendered rules of nftables refer to. Connections
 * that were made during the lease go on after it, because the rules accept what is established.
 */
export class FirewallLeases {
  readonly #nft: string;

  private constructor(nft: string) {
    this.#nft = nft;
  }

  /**
   * @throws `firewall.lease` where this process may not change the firewall, or the rules with the sets are not loaded.
   */
  static async open(options: { readonly nft?: string; readonly signal?: AbortSignal } = {}): Promise<FirewallLeases> {
    const leases = new FirewallLeases(options.nft ?? 'nft');
    // An element that nobody has, put in and taken out at once: it takes the same rights and the same sets as a lease.
    for (const direction of ['in', 'out'] as const)
      for (const address of ['192.0.2.1', '2001:db8::1'])
        await leases.#change([takeOut({ direction, address, port: 1 })], options.signal);
    return leases;
  }

  /**
   * Opens, or prolongs what is open, from now on. Disposing closes it before its time; what has ended already stays so.
   * @throws `firewall.lease`
   */
  async lease(opening: LeasedOpening, signal?: AbortSignal): Promise<AsyncDisposable> {
    const { direction, port, lifetimeMs } = opening;
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new RangeError(`not a port: ${port}`);
    if (!Number.isInteger(lifetimeMs) || lifetimeMs < 1) throw new RangeError(`not a lifetime: ${lifetimeMs}`);
    const elements = (await addressesOf(opening.peer)).map((address) => ({ direction, address, port }));
    // Older kernels leave the time-out of an element as it was when it is added again.
    const changes = elements.flatMap((one) => [
      takeOut(one),
      `add element ${place(one)} { ${key(one)} timeout ${lifetimeMs}ms }`,
    ]);
    await this.#change(changes, signal);
    return {
      [Symbol.asyncDispose]: () => this.#change(elements.map(takeOut)),
    };
  }

  /** All or nothing: nft makes one transaction of it. */
  async #change(changes: readonly string[], signal?: AbortSignal): Promise<void> {
    const finished = await runProgram(this.#nft, ['-f', '-'], { input: `${changes.join('\n')}\n`, signal });
    if (finished.kind !== 'done') throw refused(finished);
  }
}

interface Element {
  readonly direction: 'in' | 'out';
  readonly address: string;
  readonly port: number;
}

function place({ direction, address }: Element): string {
  return `${table.join(' ')} lease_${direction}${isIP(address)}`;
}

function key({ address, port }: Element): string {
  return `${address} . ${port}`;
}

/** What is not there is put there first, so that taking it out is no error. It lasts no longer than the transaction. */
function takeOut(element: Element): string {
  const what = `${place(element)} { ${key(element)} }`;
  return `add element ${what}\ndelete element ${what}`;
}

/** Nothing but addresses, in canonical form, gets into what nft reads. */
async function addressesOf(peer: string): Promise<readonly string[]> {
  const found = isIP(peer) === 0 ? await resolve(peer) : [peer];
  return [...new Set(found.map(canonical))];
}

async function resolve(name: string): Promise<readonly string[]> {
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address);
  } catch (cause) {
    throw new HoldfastError('channel.name', { message: `The name ${name} could not be resolved.`, cause });
  }
}

function canonical(text: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1];
  const address = (mapped ?? text).replace(/%.*/, '');
  return new SocketAddress({ address, family: isIP(address) === 6 ? 'ipv6' : 'ipv4' }).address;
}

function refused(
  finished: { readonly kind: 'absent' } | { readonly kind: 'failed'; readonly reason: string },
): HoldfastError {
  const failure = (message: string, guidance: string): HoldfastError =>
    new HoldfastError('firewall.lease', { message, guidance });
  if (finished.kind === 'absent')
    return failure('There is no program nft on this computer.', 'Install nftables, or turn firewallLeases off.');
  const { reason } = finished;
  if (/No such file or directory/.test(reason))
    return failure(
      `The firewall has no table ${table.join(' ')} with sets for leases.`,
      'Load the rules that `holdfast ports plan TOPOLOGY --format nftables --leases` writes for this host.',
    );
  if (/Operation not permitted|Permission denied/.test(reason))
    return failure(
      'This process may not change the firewall.',
      'It needs CAP_NET_ADMIN: AmbientCapabilities=CAP_NET_ADMIN in its systemd unit, or root.',
    );
  return failure(`nft refused: ${reason.slice(0, 500)}`, 'See what the message says.');
}
