import { type Clock, HoldfastError, hasCode, Semaphore, systemClock } from '@holdfast/core';
import { openFirewalld } from './firewalld-leases.ts';
import { openNftables } from './nftables-leases.ts';
import type { AddressedOpening, LeasedOpening, LeasingFirewall, TimedOpening } from './opening.ts';
import { addressesOf } from './peer-addresses.ts';

/**
 * Openings for single sessions in the host's own firewall, nftables or firewalld. Connections that were made during the lease
 * go on after it, because the rules accept what is established. What several of this process have leased, a session and a check
 * of the network, is open as long as one of them needs it.
 */
export class FirewallLeases {
  readonly #firewalls: readonly LeasingFirewall[];
  /** One change at a time, in the order in which they were asked for: a late end must not take away the next lease. */
  readonly #turn = new Semaphore(1);
  readonly #clock: Clock;
  /** By opening. */
  readonly #holders = new Map<string, Set<Holder>>();

  private constructor(firewalls: readonly LeasingFirewall[], clock: Clock) {
    this.#firewalls = firewalls;
    this.#clock = clock;
  }

  /**
   * @throws `firewall.lease` where this process may not change the firewall, or no rules for leases are loaded.
   */
  static async open(
    options: {
      readonly nft?: string;
      readonly busctl?: string;
      readonly clock?: Clock;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<FirewallLeases> {
    const { nft = 'nft', busctl = 'busctl', clock = systemClock, signal } = options;
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
    if (firewalls.length > 0) return new FirewallLeases(firewalls, clock);
    throw new HoldfastError('firewall.lease', {
      message: refusals.map(({ message }) => message).join(' '),
      guidance: `${refusals.map(({ guidance }) => guidance).join(' Or: ')} Or turn firewallLeases off.`,
    });
  }

  /**
   * Opens, or prolongs what is open, from now on. Disposing closes it before its time, unless others hold it; what has ended
   * already stays so.
   * @throws `firewall.lease`, and `channel.name` for a name that has no address
   */
  async lease(opening: LeasedOpening, signal?: AbortSignal): Promise<AsyncDisposable> {
    const { direction, port, lifetimeMs } = opening;
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new RangeError(`not a port: ${port}`);
    if (!Number.isInteger(lifetimeMs) || lifetimeMs < 1) throw new RangeError(`not a lifetime: ${lifetimeMs}`);
    const addresses = await addressesOf(opening.peer, signal);
    const openings = addresses.map((address): AddressedOpening => ({ direction, address, port }));
    using _turn = await this.#turn.acquire(signal);
    const holder: Holder = { untilMs: this.#clock.monotonicMs() + lifetimeMs };
    for (const one of openings) {
      const holders = this.#holders.get(keyOf(one)) ?? new Set();
      this.#holders.set(keyOf(one), holders.add(holder));
    }
    try {
      await this.#settle(openings, signal);
    } catch (error) {
      this.#drop(holder, openings);
      // What was opened before that, or with a program that was stopped. Where that fails, too, it ends by itself.
      await Promise.allSettled([this.#settle(openings)]);
      throw error;
    }
    return {
      [Symbol.asyncDispose]: async () => {
        using _place = await this.#turn.acquire();
        const held = this.#drop(holder, openings);
        if (held.length > 0) await this.#settle(held);
      },
    };
  }

  /** Gives up what is held; what was not held any more is left out of the result. */
  #drop(holder: Holder, openings: readonly AddressedOpening[]): readonly AddressedOpening[] {
    return openings.filter((one) => this.#holders.get(keyOf(one))?.delete(holder));
  }

  /** Has the firewalls do as the holders need it: open until the last one's time, or closed. */
  async #settle(openings: readonly AddressedOpening[], signal?: AbortSignal): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const open: TimedOpening[] = [];
    const close: AddressedOpening[] = [];
    for (const one of openings) {
      const holders = this.#holders.get(keyOf(one)) ?? new Set<Holder>();
      // Nobody ended these, and their time is over.
      for (const holder of holders) if (holder.untilMs <= nowMs) holders.delete(holder);
      const untilMs = Math.max(0, ...[...holders].map((holder) => holder.untilMs));
      if (holders.size > 0) open.push({ ...one, lifetimeMs: Math.ceil(untilMs - nowMs) });
      else {
        close.push(one);
        this.#holders.delete(keyOf(one));
      }
    }
    for (const firewall of this.#firewalls) {
      if (open.length > 0) await firewall.open(open, signal);
      if (close.length > 0) await firewall.close(close);
    }
  }
}

interface Holder {
  /** Monotonic. */
  readonly untilMs: number;
}

function keyOf({ direction, address, port }: AddressedOpening): string {
  return `${direction} ${address} ${port}`;
}
