import { HoldfastError, hasCode, Semaphore } from '@holdfast/core';
import { openFirewalld } from './firewalld-leases.ts';
import { openNftables } from './nftables-leases.ts';
import type { LeasedOpening, LeasingFirewall } from './opening.ts';
import { addressesOf } from './peer-addresses.ts';

/**
 * Openings for single sessions in the host's own firewall, nftables or firewalld. Connections that were made during the lease
 * go on after it, because the rules accept what is established.
 */
export class FirewallLeases {
  readonly #firewalls: readonly LeasingFirewall[];
  /** One change at a time, in the order in which they were asked for: a late end must not take away the next lease. */
  readonly #turn = new Semaphore(1);

  private constructor(firewalls: readonly LeasingFirewall[]) {
    this.#firewalls = firewalls;
  }

  /**
   * @throws `firewall.lease` where this process may not change the firewall, or no rules for leases are loaded.
   */
  static async open(
    options: { readonly nft?: string; readonly busctl?: string; readonly signal?: AbortSignal } = {},
  ): Promise<FirewallLeases> {
    const { nft = 'nft', busctl = 'busctl', signal } = options;
    const refusals: HoldfastError[] = [];
    const firewalls: LeasingFirewall[] = [];
    // Where rules of both are loaded a packet has to pass both.
    for (const open of [() => openNftables(nft, signal), () => openFirewalld(busctl, signal)]) {
      try {
        const firewall = await open();
        if (firewall) firewalls.push(firewall);
      } catch (error) {
        if (!hasCode(error, 'firewall.lease')) throw error;
        refusals.push(error);
      }
    }
    if (firewalls.length > 0) return new FirewallLeases(firewalls);
    throw new HoldfastError('firewall.lease', {
      message: refusals.map(({ message }) => message).join(' '),
      guidance: `${refusals.map(({ guidance }) => guidance).join(' Or: ')} Or turn firewallLeases off.`,
    });
  }

  /**
   * Opens, or prolongs what is open, from now on. Disposing closes it before its time; what has ended already stays so.
   * @throws `firewall.lease`, and `channel.name` for a name that has no address
   */
  async lease(opening: LeasedOpening, signal?: AbortSignal): Promise<AsyncDisposable> {
    const { direction, port, lifetimeMs } = opening;
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new RangeError(`not a port: ${port}`);
    if (!Number.isInteger(lifetimeMs) || lifetimeMs < 1) throw new RangeError(`not a lifetime: ${lifetimeMs}`);
    const addresses = await addressesOf(opening.peer, signal);
    const closes: (() => Promise<void>)[] = [];
    {
      using _turn = await this.#turn.acquire(signal);
      for (const firewall of this.#firewalls)
        closes.push(await firewall.open({ direction, addresses, port, lifetimeMs }, signal));
    }
    return {
      [Symbol.asyncDispose]: async () => {
        using _turn = await this.#turn.acquire();
        for (const close of closes) await close();
      },
    };
  }
}
