import { type Clock, hasCode, Semaphore, toHoldfastError } from '@holdfast/core';
import { type IdentityKey, keptTrust, trustRevision } from '@holdfast/protocol';
import type { Logger } from 'pino';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { Revocations } from '../enrolment/revocations.ts';
import { revokedGrantsOf } from '../identity/handed-grants.ts';
import { maxParallelContacts, moverContactIntervalMs, newMoverContactIntervalMs, newMoverMs } from '../limits.ts';
import { trafficRulesOf } from '../network/bandwidth-rules.ts';
import { type ComputerRow, listComputers, loadUsableComputer } from './computers.ts';
import type { MoverLinks } from './mover-link.ts';
import type { Presence } from './presence.ts';

/** How often the lists are read anew for one telling, because other servers have told the mover meanwhile. */
const maxTrustTries = 5;

/** Keeps movers told whom to believe, and knows by it which of them are there. */
export class Movers {
  readonly links: MoverLinks;
  readonly #catalogue: Catalogue;
  readonly #revocations: Revocations;
  readonly #presence: Presence;
  readonly #identityKeys: readonly IdentityKey[];
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #contacts = new Semaphore(maxParallelContacts);
  readonly #lastContactMs = new Map<string, number>();
  /** When each was told last and did not fail. */
  readonly #toldMs = new Map<string, number>();
  readonly #turns = new Map<string, Promise<void>>();
  /** What each mover had when it answered last. */
  readonly #revisions = new Map<string, string>();

  constructor(o: {
    links: MoverLinks;
    catalogue: Catalogue;
    revocations: Revocations;
    presence: Presence;
    identityKeys: readonly IdentityKey[];
    clock: Clock;
    logger: Logger;
  }) {
    this.links = o.links;
    this.#catalogue = o.catalogue;
    this.#revocations = o.revocations;
    this.#presence = o.presence;
    this.#identityKeys = o.identityKeys;
    this.#clock = o.clock;
    this.#logger = o.logger;
  }

  /** Contacts movers as they fall due until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#contactAll(signal, (mover) => this.#isDue(mover));
      } catch (error) {
        signal.throwIfAborted();
        this.#logger.warn({ error: toHoldfastError(error) }, 'movers were not contacted');
      }
      await this.#clock.sleep(newMoverContactIntervalMs, signal);
    }
  }

  /** Tells every mover at once; returns when each has been told or could not be reached. */
  async pushTrust(signal?: AbortSignal): Promise<void> {
    await this.#contactAll(signal, () => true);
  }

  /** Sees to it that a mover knows whom to believe; what is revoked is told at once. Throws when it can't be told. */
  async ensureTrust(tenant: string, mover: ComputerRow, signal?: AbortSignal): Promise<void> {
    if (this.#wasTold(mover)) return;
    // Many runs find at the same time that it is time again: the first of them sees to it for all.
    await this.#inTurn(mover, async () => {
      if (!this.#wasTold(mover)) await this.#tell(tenant, mover, signal);
    });
  }

  #wasTold({ id }: ComputerRow): boolean {
    const toldMs = this.#toldMs.get(id) ?? Number.NEGATIVE_INFINITY;
    return this.#clock.monotonicMs() - toldMs < moverContactIntervalMs;
  }

  /** Tells one mover whom to believe, and the bandwidth rules. Throws when it can't be told. */
  async trust(tenant: string, mover: ComputerRow, signal?: AbortSignal): Promise<void> {
    await this.#inTurn(mover, () => this.#tell(tenant, mover, signal));
  }

  /** One telling after another: what was read before something was revoked must not arrive after it, and undo it. */
  async #inTurn(mover: ComputerRow, tell: () => Promise<void>): Promise<void> {
    const turn = (this.#turns.get(mover.id) ?? Promise.resolve()).then(tell, tell);
    this.#turns.set(mover.id, turn);
    try {
      await turn;
    } finally {
      if (this.#turns.get(mover.id) === turn) this.#turns.delete(mover.id);
    }
  }

  /** Tells movers what has changed, while the caller goes on. Those that can't be reached are told at their next contact. */
  tellSoon(tenant: string, moverIds: Iterable<string>): void {
    for (const id of moverIds)
      loadUsableComputer(this.#catalogue.tenant(tenant), id, 'mover')
        .then((mover) => this.#contact(tenant, mover, undefined))
        .catch((error: unknown) => this.#logger.debug({ mover: id, error: toHoldfastError(error) }, 'mover not told'));
  }

  async #tell(tenant: string, mover: ComputerRow, signal: AbortSignal | undefined): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    this.#lastContactMs.set(mover.id, nowMs);
    this.#toldMs.delete(mover.id);
    try {
      await this.#replaceTrust(tenant, mover, signal);
      this.#toldMs.set(mover.id, nowMs);
      await this.#presence.seen(tenant, mover.id);
    } catch (error) {
      signal?.throwIfAborted();
      await this.#presence.gone(tenant, mover.id);
      throw error;
    }
  }

  /**
   * What another server told the mover since this one has read the lists is not undone: the mover refuses them then, and they are read
   * again.
   */
  async #replaceTrust(tenant: string, mover: ComputerRow, signal: AbortSignal | undefined): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      // Known before the lists are read. At first it is not: then the mover says it.
      const ifMatch = this.#revisions.get(mover.id) ?? 'unknown';
      const body = await this.#trustOf(tenant, mover);
      try {
        const request = { method: 'PUT', path: '/trust', body, ifMatch, answer: keptTrust } as const;
        const { revision } = await this.links.request(mover, { ...request, ...(signal ? { signal } : {}) });
        if (revision !== undefined) this.#revisions.set(mover.id, revision);
        return;
      } catch (error) {
        const present = trustRevision.safeParse(
          hasCode(error, 'request.changed') ? error.context['revision'] : undefined,
        );
        if (!present.success || tries === maxTrustTries) throw error;
        this.#revisions.set(mover.id, present.data);
      }
    }
  }

  async #trustOf(tenant: string, mover: ComputerRow) {
    const scope = this.#catalogue.tenant(tenant);
    const revokedSerials = await this.#revocations.list();
    const revokedGrants = await revokedGrantsOf(scope, { moverId: mover.id, clock: this.#clock });
    const trafficRules = await trafficRulesOf(scope);
    return {
      identityKeys: this.#identityKeys,
      revokedSerials,
      // Movers of an earlier version know of no such lists, and refuse what they don't know.
      ...(revokedGrants.length > 0 ? { revokedGrants } : {}),
      ...(trafficRules.length > 0 ? { trafficRules } : {}),
    };
  }

  async #contactAll(signal: AbortSignal | undefined, isDue: (mover: ComputerRow) => boolean): Promise<void> {
    const contacts: Promise<void>[] = [];
    for (const tenant of await this.#catalogue.tenants()) {
      for (const mover of await listComputers(this.#catalogue.tenant(tenant), 'mover')) {
        if (mover.revokedAt === null && mover.preinstalled === 0 && isDue(mover))
          contacts.push(this.#contact(tenant, mover, signal));
      }
    }
    await Promise.all(contacts);
  }

  async #contact(tenant: string, mover: ComputerRow, signal: AbortSignal | undefined): Promise<void> {
    using _permit = await this.#contacts.acquire(signal);
    try {
      await this.trust(tenant, mover, signal);
    } catch (error) {
      signal?.throwIfAborted();
      this.#logger.debug({ mover: mover.id, error: toHoldfastError(error) }, 'mover not reached');
    }
  }

  /** One that has just enrolled is about to listen: it is tried more often. */
  #isDue(mover: ComputerRow): boolean {
    const sinceMs = this.#clock.monotonicMs() - (this.#lastContactMs.get(mover.id) ?? Number.NEGATIVE_INFINITY);
    const isNew = this.#clock.now().getTime() - Date.parse(mover.enrolledAt) < newMoverMs;
    const isWaitedFor = isNew && !this.#presence.isOnline(mover);
    return sinceMs >= (isWaitedFor ? newMoverContactIntervalMs : moverContactIntervalMs);
  }
}
