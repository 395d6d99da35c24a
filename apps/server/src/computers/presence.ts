import type { Clock } from '@holdfast/core';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { EventHub } from '../event-hub.ts';
import { presencePersistMs } from '../limits.ts';
import { computerView, heldByAny, loadComputer } from './computers.ts';

/** Who is there now: agents by the connection that they hold, movers by the last contact. */
export class Presence {
  readonly #catalogue: Catalogue;
  readonly #events: EventHub;
  readonly #clock: Clock;
  readonly #online = new Set<string>();
  /** Connected to another instance of the server. */
  #elsewhere: ReadonlySet<string> = new Set();
  /** Kept until the next change: of thousands, lists ask for it more often than it changes. */
  #onlineJson: string | undefined;
  readonly #persistedMs = new Map<string, number>();

  constructor(o: { catalogue: Catalogue; events: EventHub; clock: Clock }) {
    this.#catalogue = o.catalogue;
    this.#events = o.events;
    this.#clock = o.clock;
  }

  isOnline(computerId: string): boolean {
    return this.#online.has(computerId) || this.#elsewhere.has(computerId);
  }

  /** Looks who is connected to the other instances. */
  async lookAround(others: readonly string[]): Promise<void> {
    const elsewhere = new Set<string>();
    for (const tenant of others.length === 0 ? [] : await this.#catalogue.tenants())
      for (const id of await heldByAny(this.#catalogue.tenant(tenant), others)) elsewhere.add(id);
    this.#elsewhere = elsewhere;
    this.#onlineJson = undefined;
  }

  /** Those that are there, as the keys of a JSON object: for queries, which take a list of any length as one text. */
  get onlineJson(): string {
    this.#onlineJson ??= JSON.stringify(
      Object.fromEntries([...this.#online.union(this.#elsewhere)].map((id) => [id, 0])),
    );
    return this.#onlineJson;
  }

  /** The computer was heard of just now; its agent may have connected to an instance, whichever it was connected to before. */
  async seen(tenant: string, computerId: string, holder?: string): Promise<void> {
    const isNew = !this.#online.has(computerId);
    this.#online.add(computerId);
    if (isNew) this.#onlineJson = undefined;
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
    if (!this.#online.delete(computerId)) return;
    this.#onlineJson = undefined;
    await this.announce(tenant, computerId);
  }

  /** Publishes the computer as it is now. */
  async announce(tenant: string, computerId: string): Promise<void> {
    await this.#events.publishComputer(tenant, computerId, async () => {
      const row = await loadComputer(this.#catalogue.tenant(tenant), computerId);
      return computerView(row, this.isOnline(computerId));
    });
  }
}
