import { type Clock, toHoldfastError } from '@holdfast/core';
import { type AuditRecord, auditHash, auditRecord, firstAuditHash } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import type { AuditTable } from '../catalogue/chain-tables.ts';
import { type PageRequest, readPage } from '../catalogue/page.ts';
import { readJson } from '../json-column.ts';
import {
  maxAuditDetailsCharacters,
  maxAuditedAnonymousRefusalsPerMinute,
  maxAuditedRefusalsPerMinute,
} from '../limits.ts';

/** What is to be written. Nothing of it may be secret. */
export type AuditEntry = Pick<AuditRecord, 'actor' | 'action' | 'subject' | 'remoteAddress'> &
  Partial<Pick<AuditRecord, 'outcome' | 'requestId' | 'details'>>;

export interface AuditQuery extends PageRequest {
  readonly order: 'newest' | 'oldest';
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly subject?: string | undefined;
  readonly outcome?: AuditRecord['outcome'] | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

/** A change that was begun. */
export interface AuditIntent {
  readonly tenant: string;
  readonly id: string;
}

const storedEntry = auditRecord
  .pick({ actor: true, action: true, subject: true, remoteAddress: true, requestId: true, details: true })
  .strict();

const refusalsPerMinute = {
  'signed-in': maxAuditedRefusalsPerMinute,
  anybody: maxAuditedAnonymousRefusalsPerMinute,
} as const;

/** Who did what: records of each tenant in one chain, which the database lets nobody change. */
export class AuditLog {
  readonly #catalogue: Catalogue;
  readonly #instance: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #listeners = new Set<(record: AuditRecord, tenant: string) => void>();
  #last: Promise<unknown> = Promise.resolve();
  readonly #refusals = {
    'signed-in': { sinceMs: 0, written: 0, left: 0 },
    anybody: { sinceMs: 0, written: 0, left: 0 },
  };

  constructor(o: { catalogue: Catalogue; instance: string; clock: Clock; logger: Logger }) {
    this.#catalogue = o.catalogue;
    this.#instance = o.instance;
    this.#clock = o.clock;
    this.#logger = o.logger;
  }

  /** Calls back after each record that was written, until disposed. The listener must not wait. */
  onAudit(listener: (record: AuditRecord, tenant: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /**
   * Says that something is about to be changed, durably, before it is: `write` with the intent says how it ended. Where nobody
   * lives to do that, `recordLeft` does.
   */
  async begin(tenant: string, entry: AuditEntry): Promise<AuditIntent> {
    const id = crypto.randomUUID();
    const { outcome: _, requestId = '', details = {}, ...fields } = entry;
    const entryJson = JSON.stringify({ ...fields, requestId, details: bounded(details) });
    await this.#catalogue
      .tenant(tenant)
      .query.insertInto('auditIntents')
      .values({ id, instance: this.#instance, at: this.#clock.now().toISOString(), entryJson })
      .execute();
    return { tenant, id };
  }

  /** What was refused rather than begun. */
  async drop({ tenant, id }: AuditIntent): Promise<void> {
    await this.#catalogue.tenant(tenant).deleteFrom('auditIntents').where('id', '=', id).execute();
  }

  /**
   * Records what instances that are gone had begun: nobody knows how it ended. `onLeft` ends before that what else belongs to it.
   * `living` is asked after the intents were read: an instance is there before it begins anything.
   */
  async recordLeft(o: {
    living: () => Promise<ReadonlySet<string>>;
    onLeft: (tenant: string, entry: AuditEntry) => Promise<void>;
  }): Promise<void> {
    const begun = await this.#catalogue.auditIntents();
    if (begun.length === 0) return;
    const living = await o.living();
    for (const { tenant, id, instance, at, entryJson } of begun) {
      if (living.has(instance)) continue;
      const entry = readJson(storedEntry, entryJson, 'auditIntents.entryJson');
      await o.onLeft(tenant, entry);
      const details = { ...entry.details, begunAt: at };
      // Another instance may be doing the same.
      await this.#write(tenant, { ...entry, outcome: 'unknown', details }, (scope) => isTaken(scope, id));
    }
  }

  /** Durable when it resolves. With the intent of what has ended by it. */
  async write(tenant: string, entry: AuditEntry, intent?: AuditIntent): Promise<void> {
    await this.#write(tenant, entry, async (scope) => {
      if (intent) await isTaken(scope, intent.id);
      return true;
    });
  }

  async #write(tenant: string, entry: AuditEntry, isWanted: (scope: TenantScope) => Promise<boolean>): Promise<void> {
    const details = bounded(entry.details ?? {});
    const append = (): Promise<AuditRecord | undefined> =>
      this.#catalogue.tenant(tenant).transaction(async (scope) => {
        if (!(await isWanted(scope))) return undefined;
        return this.#append(scope, {
          ...{ outcome: 'done', requestId: '', ...entry, details },
          at: this.#clock.now().toISOString(),
        });
      });
    // One after the other within the process, so that transactions meet only those of other instances.
    const appended = this.#last.then(append, append);
    this.#last = appended;
    const record = await appended;
    if (!record) return;
    for (const listener of this.#listeners) {
      try {
        listener(record, tenant);
      } catch (error) {
        this.#logger.error({ error: toHoldfastError(error) }, 'a listener to the audit failed');
      }
    }
  }

  /**
   * As `write`, for what anybody can cause without any right: so many in a minute, so that nobody fills the disk with them. The
   * next one that is written says how many were left out. Those who have signed in are counted by themselves: strangers must not
   * be able to hide what they are refused.
   */
  async writeRefusal(tenant: string, entry: AuditEntry, from: 'signed-in' | 'anybody' = 'signed-in'): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const refusals = this.#refusals[from];
    if (nowMs - refusals.sinceMs >= 60_000) Object.assign(refusals, { sinceMs: nowMs, written: 0 });
    if (refusals.written >= refusalsPerMinute[from]) {
      refusals.left += 1;
      return;
    }
    refusals.written += 1;
    const leftOut = refusals.left;
    refusals.left = 0;
    await this.write(tenant, leftOut === 0 ? entry : { ...entry, details: { ...entry.details, leftOut } });
  }

  async read(tenant: string, query: AuditQuery): Promise<{ records: AuditRecord[]; next?: string }> {
    let rows = this.#catalogue.tenant(tenant).query.selectFrom('audit').selectAll();
    if (query.since !== undefined) rows = rows.where('at', '>=', new Date(query.since).toISOString());
    if (query.until !== undefined) rows = rows.where('at', '<', new Date(query.until).toISOString());
    for (const field of ['actor', 'action', 'subject', 'outcome'] as const)
      if (query[field] !== undefined) rows = rows.where(field, '=', query[field]);
    const { limit, after, order } = query;
    const { items, ...rest } = await readPage(rows, {
      ...{ limit, after, order: { number: 'number' }, newestFirst: order === 'newest', view: recordOf },
    });
    return { records: items, ...rest };
  }

  /** Records after that number, in their order. */
  async since(tenant: string, o: { number: number; limit: number }): Promise<AuditRecord[]> {
    const rows = await this.#catalogue
      .tenant(tenant)
      .query.selectFrom('audit')
      .selectAll()
      .where('number', '>', o.number)
      .orderBy('number')
      .limit(o.limit)
      .execute();
    return rows.map(recordOf);
  }

  /** The head's row is locked first, so that two writers, of two processes too, come one after the other. */
  async #append({ tenant, query }: TenantScope, entry: Omit<AuditRecord, 'number' | 'previousHash' | 'hash'>) {
    await query
      .insertInto('auditHeads')
      .values({ number: 0, hash: firstAuditHash })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    const head = await query
      .updateTable('auditHeads')
      .set((row) => ({ number: row('number', '+', 1) }))
      .returning(['number', 'hash'])
      .executeTakeFirstOrThrow();
    const { number, hash: previousHash } = head;
    const hash = auditHash(tenant, previousHash, { ...entry, number });
    const { details, ...fields } = entry;
    const detailsJson = JSON.stringify(details);
    await query
      .insertInto('audit')
      .values({ ...fields, number, detailsJson, previousHash, hash })
      .execute();
    await query.updateTable('auditHeads').set({ hash }).execute();
    return { ...entry, number, previousHash, hash };
  }
}

async function isTaken({ deleteFrom }: TenantScope, id: string): Promise<boolean> {
  const { numDeletedRows } = await deleteFrom('auditIntents').where('id', '=', id).executeTakeFirst();
  return numDeletedRows > 0n;
}

function recordOf(row: Selectable<AuditTable>): AuditRecord {
  const { tenant: _, sequence: __, detailsJson, ...record } = row;
  const details = readJson(z.record(z.string(), z.unknown()), detailsJson, 'audit.detailsJson');
  return { ...record, details };
}

/** As JSON gives it back, so that the hash is over what is read. */
function bounded(details: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const text = JSON.stringify(details);
  if (text.length > maxAuditDetailsCharacters) return { shortened: text.slice(0, maxAuditDetailsCharacters) };
  return JSON.parse(text) as Record<string, unknown>;
}
