import type { Clock } from '@holdfast/core';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { EventHub } from '../event-hub.ts';
import type { Instances } from '../instances/instances.ts';
import { presencePersistMs } from '../limits.ts';
import { type ComputerRow, computerView, loadComputer } from './computers.ts';

/** Who is there now: agents by the connection that they hold, movers by the last contact. */
export class Presence {
  readonly #catalogue: Catalogue;
  readonly #instances: Pick<Instances, 'id' | 'others'>;
  readonly #events: EventHub;
  readonly #clock: Clock;
  /** Agents that are connected here. */
  readonly #held = new Set<string>();
  /** Movers that answered when they were contacted last. */
  readonly #answering = new Set<string>();
  readonly #persistedMs = new Map<string, number>();

  constructor(o: {
    catalogue: Catalogue;
    instances: Pick<Instances, 'id' | 'others'>;
    events: EventHub;
    clock: Clock;
  }) {
    this.#catalogue = o.catalogue;
    this.#instances = o.instances;
    this.#events = o.events;
    this.#clock = o.clock;
  }

  isOnline({ id, heldBy }: Pick<ComputerRow, 'id' | 'heldBy'>): boolean {
    return this.#isHere(id) || (heldBy !== null && this.#instances.others.includes(heldBy));
  }

  isMoverOnline(id: string): boolean {
    return this.#answering.has(id);
  }

  /** For queries: who is online is held by one of these instances, or answers. */
  get online(): { readonly heldBy: readonly string[]; readonly answering: readonly string[] } {
    const { id, others } = this.#instances;
    return { heldBy: [id, ...others], answering: [...this.#answering] };
  }

  #isHere(id: string): boolean {
    return this.#held.has(id) || this.#answering.has(id);
  }

  /** The computer was heard of just now; its agent may have connected to an instance, whichever it was connected to before. */
  async seen(tenant: string, computerId: string, holder?: string): Promise<void> {
    const isNew = !this.#isHere(computerId);
    (holder === undefined ? this.#answering : this.#held).add(computerId);
    const nowMs = this.#clock.monotonicMs();
    const persistedMs = this.#persistedMs.get(computerId) ?? Number.NEGATIVE_INFINITY;
    if (isNew || holder !== undefined || nowMs - persistedMs >= presencePersistMs) {
      this.#persistedMs.set(computerId, nowMs);
      await this.#catalogue
        .tenant(tenant)
        .query.updateTable('computers')
        .set({ lastSeenAt: this.#clock.now().toISOString(), ...(holder === undefined ? {} : { heldBy: holder }) })
        .where('id', '=', computerId)
        .execute();
    }
    if (isNew) await this.announce(tenant, computerId);
  }

  async gone(tenant: string, computerId: string): Promise<void> {
    this.#persistedMs.delete(computerId);
    const wasHere = [this.#held, this.#answering].map((ones) => ones.delete(computerId)).includes(true);
    if (!wasHere) return;
    await this.announce(tenant, computerId);
  }

  /** Publishes the computer as it is now. */
  async announce(tenant: string, computerId: string): Promise<void> {
    await this.#events.publishComputer(tenant, computerId, async () => {
      const row = await loadComputer(this.#catalogue.tenant(tenant), computerId);
      return computerView(row, this.isOnline(row));
    });
  }
}
