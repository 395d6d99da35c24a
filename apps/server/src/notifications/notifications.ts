import { hostname } from 'node:os';
import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import {
  eventSchema,
  lastTimeOfDay,
  type NotificationEvent,
  Notifier,
  type NotifyConfig,
  ownTimeZone,
  recipientsOf,
  type SenderContext,
} from '@holdfast/notify';
import { localTenant, reportOf } from '@holdfast/protocol';
import type { Wire } from '@holdfast/wire';
import type { Logger } from 'pino';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import { readJson } from '../json-column.ts';
import {
  conditionLookMs,
  deliveryTurnMs,
  hourMs,
  maxCausesPerTurn,
  maxListedInSummary,
  maxToldDelaysPerHour,
  notificationLookMs,
  sentNotificationsKeptMs,
  trialTimeoutMs,
} from '../limits.ts';
import type { Vault } from '../vault.ts';
import { cause, noteCause } from './causes.ts';
import { type Looking, noteConditions, presentConditions } from './conditions.ts';
import { eventOfCause, summaryEvent } from './notification-events.ts';
import { NotificationQueue } from './notification-queue.ts';
import { loadSettings, openSecret, type StoredSettings } from './settings.ts';

interface Parts {
  readonly catalogue: Catalogue;
  readonly vault: Vault;
  readonly wire: Wire;
  /** The id of this instance of the server. */
  readonly instance: string;
  readonly conditions: Looking;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Tells people and programs what happens: by each tenant's settings, once whichever instance of the server does it. */
export class Notifications {
  readonly #parts: Parts;
  /** By tenant; made anew when the settings have changed. Senders within remember their access tokens. */
  readonly #notifiers = new Map<string, { readonly changedAt: string; readonly notifier: Notifier }>();
  /** Tenants whose last turn came to its end. */
  readonly #orderly = new Set<string>();
  /** By cause, since when no messages can be made of it. */
  readonly #failingSinceMs = new Map<string, number>();
  #lookedMs = Number.NEGATIVE_INFINITY;
  #delays = { sinceMs: Number.NEGATIVE_INFINITY, told: 0 };

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Makes messages of what has happened and sends what is due, until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    const { catalogue, clock } = this.#parts;
    while (!signal.aborted) {
      const looksAround = clock.monotonicMs() - this.#lookedMs >= conditionLookMs;
      if (looksAround) this.#lookedMs = clock.monotonicMs();
      for (const tenant of await this.#tenants()) {
        const scope = catalogue.tenant(tenant);
        await this.#tried(signal, async () => {
          const settings = await loadSettings(scope);
          if (!settings) return;
          // Between turns it has nothing in its hands: what seems to be is of an earlier life, or of when the catalogue went away.
          if (!this.#orderly.delete(tenant)) await this.#queueOf(scope, hostname()).release(clock.now());
          if (looksAround) await this.#lookAround(scope, settings);
          await this.#takeCauses(scope, settings);
          await this.#notifierOf(scope, settings).deliver({
            signal,
            limitMs: deliveryTurnMs,
            onAttempt: ({ notification: { id, destination, event }, result }) => {
              const error = 'error' in result ? { error: result.error } : {};
              const level = result.kind === 'sent' ? 'debug' : 'warn';
              const told = { notification: id, destination, event: event.kind, result: result.kind, ...error };
              this.#parts.logger[level](told, 'notification');
            },
          });
          this.#orderly.add(tenant);
        });
      }
      await clock.sleep(notificationLookMs, signal);
    }
  }

  /** To every recipient, at once and around the queue. */
  async trial(
    scope: TenantScope,
    o: { readonly destination: string | undefined; readonly signal: AbortSignal },
  ): Promise<{ destination: string; recipient?: string; sent: boolean; error?: ReturnType<typeof reportOf> }[]> {
    const settings = await loadSettings(scope);
    const all = Object.entries(settings?.config.destinations ?? {});
    const chosen = all.filter(([name]) => o.destination === undefined || o.destination === name);
    if (!settings || chosen.length === 0)
      throw new HoldfastError('request.missing', {
        message: settings ? `There is no destination ${o.destination}.` : 'Nobody is notified: there are no settings.',
      });
    const notifier = this.#notifierOf(scope, settings);
    const event = this.#eventOf({ kind: 'trial' }, settings.config);
    const signal = AbortSignal.any([o.signal, AbortSignal.timeout(trialTimeoutMs)]);
    const places = chosen.flatMap(([destination, one]) =>
      recipientsOf(one).map((recipient) => ({ destination, recipient })),
    );
    return Promise.all(
      places.map(async ({ destination, recipient }) => {
        const place = recipient === undefined ? { destination } : { destination, recipient };
        try {
          await notifier.send({ id: crypto.randomUUID(), destination, recipient, event }, signal);
          return { ...place, sent: true };
        } catch (error) {
          o.signal.throwIfAborted();
          return { ...place, sent: false, error: reportOf(toHoldfastError(error)) };
        }
      }),
    );
  }

  /** Attempts to sign in have to wait: somebody is guessing, or has forgotten. Not more often than people read; the audit has all. */
  signInDelayed(account: string, address: string): void {
    const { clock, catalogue, logger } = this.#parts;
    if (clock.monotonicMs() - this.#delays.sinceMs >= 3_600_000)
      this.#delays = { sinceMs: clock.monotonicMs(), told: 0 };
    if (this.#delays.told >= maxToldDelaysPerHour) return;
    this.#delays.told += 1;
    noteCause(catalogue.tenant(localTenant), { kind: 'sign-in-delayed', account, address }, clock.now()).catch(
      (error: unknown) => logger.error({ error: toHoldfastError(error) }, 'a delayed sign-in was not noted'),
    );
  }

  async #tenants(): Promise<string[]> {
    try {
      return await this.#parts.catalogue.tenantsWith('notificationSettings');
    } catch (error) {
      this.#parts.logger.warn({ error: toHoldfastError(error) }, 'whom to notify could not be read');
      return [];
    }
  }

  async #tried(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!signal.aborted)
        this.#parts.logger.error({ error: toHoldfastError(error) }, 'notifications were not looked at');
    }
  }

  async #lookAround(scope: TenantScope, settings: StoredSettings): Promise<void> {
    const now = this.#parts.clock.now();
    await noteConditions(scope, await presentConditions(scope, this.#parts.conditions, now), now);
    await this.#summarise(scope, settings, now);
    const keptSince = new Date(now.getTime() - sentNotificationsKeptMs);
    await this.#queueOf(scope, this.#fromOf(settings.config)).forgetSent(keptSince);
  }

  /** Each becomes notifications in the transaction in which it goes, so that one of several instances does it. */
  async #takeCauses(scope: TenantScope, settings: StoredSettings): Promise<void> {
    const rows = await scope.query
      .selectFrom('notificationCauses')
      .selectAll()
      .orderBy('at')
      .limit(maxCausesPerTurn)
      .execute();
    for (const { id, causeJson } of rows) {
      let event: NotificationEvent | undefined;
      try {
        const now = this.#parts.clock.now();
        const from = this.#fromOf(settings.config);
        event = await eventOfCause(scope, readJson(cause, causeJson, 'notificationCauses.causeJson'), { from, now });
      } catch (error) {
        const known = toHoldfastError(error);
        // The catalogue went away meanwhile: it is looked at again when it is back.
        if (known.code.startsWith('database.')) throw known;
        // What is gone is not waited for. Anything else may pass, as a full disk does, and the others go on meanwhile.
        const isNew = !this.#failingSinceMs.has(id);
        if (known.code !== 'request.missing' && this.#mayPass(id)) {
          this.#parts.logger[isNew ? 'warn' : 'debug']({ cause: id, error: known }, 'a cause is looked at again');
          continue;
        }
        this.#parts.logger.warn({ cause: id, error: known }, 'nobody is told of it');
      }
      this.#failingSinceMs.delete(id);
      await scope.transaction(async (inner) => {
        const { numDeletedRows } = await inner.deleteFrom('notificationCauses').where('id', '=', id).executeTakeFirst();
        if (numDeletedRows === 1n && event) await this.#report(inner, settings, event);
      });
    }
  }

  /** Whether a cause that could not be made into messages is tried again: for an hour, whatever is in the way. */
  #mayPass(id: string): boolean {
    const nowMs = this.#parts.clock.monotonicMs();
    const known = this.#failingSinceMs;
    const sinceMs = known.get(id) ?? nowMs;
    known.set(id, sinceMs);
    // Another instance may have told of it.
    const [oldest] = known.keys();
    if (known.size > maxCausesPerTurn && oldest !== undefined) known.delete(oldest);
    return nowMs - sinceMs < hourMs;
  }

  async #summarise(scope: TenantScope, settings: StoredSettings, now: Date): Promise<void> {
    const { dailySummary } = settings.config;
    const { summarisedUntil: since } = settings;
    if (!dailySummary) return;
    const dueAt = lastTimeOfDay(dailySummary.at, zoneOf(settings.config), now);
    if (Date.parse(since) >= dueAt.getTime()) return;
    const rows = await scope.query
      .selectFrom('notificationConditions')
      .innerJoin('computers', 'computers.id', 'notificationConditions.subject')
      .select('computers.hostname')
      .where('notificationConditions.kind', '=', 'computer-offline')
      .orderBy('computers.hostname')
      .limit(maxListedInSummary)
      .execute();
    const offline = rows.map((row) => row.hostname);
    const event = await summaryEvent(scope, { from: this.#fromOf(settings.config), now, since, offline });
    await scope.transaction(async (inner) => {
      const { numUpdatedRows } = await inner.query
        .updateTable('notificationSettings')
        .set({ summarisedUntil: now.toISOString() })
        .where('summarisedUntil', '=', since)
        .executeTakeFirst();
      if (numUpdatedRows === 1n) await this.#report(inner, settings, event);
    });
  }

  async #report(inner: TenantScope, { config }: StoredSettings, event: NotificationEvent): Promise<void> {
    const store = this.#queueOf(inner, this.#fromOf(config));
    try {
      await new Notifier({ config, store, context: this.#contextOf(inner, config) }).report(event);
    } catch (error) {
      const known = toHoldfastError(error);
      if (known.code !== 'internal.limit') throw error;
      this.#parts.logger.error({ event: event.kind, error: known }, 'nobody is told of it');
    }
  }

  #notifierOf(scope: TenantScope, { config, changedAt }: StoredSettings): Notifier {
    const known = this.#notifiers.get(scope.tenant);
    if (known?.changedAt === changedAt) return known.notifier;
    // The scope of a request may be gone by the next turn.
    const own = this.#parts.catalogue.tenant(scope.tenant);
    const store = this.#queueOf(own, this.#fromOf(config));
    const notifier = new Notifier({ config, store, context: this.#contextOf(own, config) });
    this.#notifiers.set(scope.tenant, { changedAt, notifier });
    return notifier;
  }

  #queueOf(scope: TenantScope, from: string): NotificationQueue {
    const { instance, clock } = this.#parts;
    return new NotificationQueue({ scope, instance, from, clock });
  }

  #contextOf(scope: TenantScope, config: NotifyConfig): SenderContext {
    const { wire, vault, clock } = this.#parts;
    const readFile = (name: string): Promise<string> => openSecret(scope, name, vault);
    return { wire, role: 'backup-server', timeZone: zoneOf(config), clock, readFile };
  }

  #fromOf({ name }: NotifyConfig): string {
    return name ?? hostname();
  }

  #eventOf(about: { readonly kind: NotificationEvent['kind'] }, config: NotifyConfig): NotificationEvent {
    const at = this.#parts.clock.now().toISOString();
    return eventSchema.parse({ id: crypto.randomUUID(), at, from: this.#fromOf(config), ...about });
  }
}

function zoneOf({ timeZone }: NotifyConfig): string {
  return timeZone ?? ownTimeZone();
}
