import { type Clock, type ErrorReport, HoldfastError } from '@holdfast/core';
import {
  type ClaimedNotification,
  eventSchema,
  foldEvents,
  type Notification,
  type NotificationEvent,
  type NotificationStore,
  type WaitingNotification,
} from '@holdfast/notify';
import { errorReport } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { NotificationsTable } from '../catalogue/notification-tables.ts';
import { chunks } from '../jobs/chunks.ts';
import { readJson } from '../json-column.ts';
import {
  foldFrom,
  foldWindowMs,
  mailsBeforeFolding,
  maxFoldedAtOnce,
  maxGivenUpNotifications,
  maxListedRows,
  maxQueryValues,
  maxWaitingNotifications,
} from '../limits.ts';

export type NotificationRow = Selectable<NotificationsTable>;

/**
 * The queue in the catalogue. Whoever takes one moves its time on to the end of the claim, in one statement that only one of
 * several instances succeeds with; after a crash it is due again by itself. Mails of a burst are gathered, and sent as one: programs
 * get every event.
 */
export class NotificationQueue implements NotificationStore {
  readonly #scope: TenantScope;
  readonly #instance: string;
  /** Who tells, in folded messages. */
  readonly #from: string;
  readonly #clock: Clock;

  constructor(o: { scope: TenantScope; instance: string; from: string; clock: Clock }) {
    this.#scope = o.scope;
    this.#instance = o.instance;
    this.#from = o.from;
    this.#clock = o.clock;
  }

  /** Within the transaction of the scope. */
  async add(notifications: readonly Notification[]): Promise<void> {
    const { query } = this.#scope;
    const { waiting } = await query
      .selectFrom('notifications')
      .select(query.fn.countAll<number>().as('waiting'))
      .where('state', '=', 'waiting')
      .executeTakeFirstOrThrow();
    if (Number(waiting) + notifications.length > maxWaitingNotifications)
      throw new HoldfastError('internal.limit', {
        message: `${waiting} notifications wait to be sent already, and ${maxWaitingNotifications} are kept at most.`,
        guidance: 'See what holds them up: `holdfast notify list`.',
      });
    for (const one of notifications) {
      const createdAt = one.createdAt.toISOString();
      const dueAt = (await this.#endOfBurst(one)) ?? createdAt;
      await query
        .insertInto('notifications')
        .values({
          ...{ id: one.id, destination: one.destination, recipient: one.recipient ?? null, createdAt, dueAt },
          ...{ eventJson: JSON.stringify(one.event), state: 'waiting', attempts: one.attempts },
        })
        .execute();
    }
  }

  /** One that is due; of a mail whose recipient others wait for as well, one that tells of all of them. */
  async takeDue(o: { now: Date; claimMs: number }): Promise<ClaimedNotification | undefined> {
    const now = o.now.toISOString();
    for (;;) {
      const row = await this.#scope.query
        .selectFrom('notifications')
        .selectAll()
        .where('state', '=', 'waiting')
        .where('dueAt', '<=', now)
        .orderBy('dueAt')
        .orderBy('id')
        .limit(1)
        .executeTakeFirst();
      if (!row) return undefined;
      if (row.recipient !== null && (await this.#fold(row, o.now))) continue;
      const claim = `${this.#instance}:${crypto.randomUUID()}`;
      const { numUpdatedRows } = await this.#scope.query
        .updateTable('notifications')
        .set({ claim, dueAt: new Date(o.now.getTime() + o.claimMs).toISOString() })
        .where('id', '=', row.id)
        .where('state', '=', 'waiting')
        .where('dueAt', '=', row.dueAt)
        .executeTakeFirst();
      if (numUpdatedRows === 1n) return { ...notificationOf(row), claim };
    }
  }

  async done({ claim }: ClaimedNotification): Promise<void> {
    const { query } = this.#scope;
    await query.updateTable('notifications').set({ state: 'sent', claim: null }).where('claim', '=', claim).execute();
  }

  async failed({ claim }: ClaimedNotification, o: { error: ErrorReport; dueAt: Date }): Promise<void> {
    await this.#note(claim, { state: 'waiting', dueAt: o.dueAt.toISOString(), error: o.error });
  }

  async givenUp({ claim }: ClaimedNotification, { error }: { error: ErrorReport }): Promise<void> {
    await this.#note(claim, { state: 'given-up', dueAt: this.#clock.now().toISOString(), error });
    const { query, deleteFrom } = this.#scope;
    const tooOld = await query
      .selectFrom('notifications')
      .select('id')
      .where('state', '=', 'given-up')
      .orderBy('dueAt', 'desc')
      .offset(maxGivenUpNotifications)
      .limit(maxListedRows)
      .execute();
    for (const { id } of tooOld) await deleteFrom('notifications').where('id', '=', id).execute();
  }

  async waiting(): Promise<WaitingNotification[]> {
    return (await this.#inState('waiting')).map((row) => ({ ...notificationOf(row), dueAt: new Date(row.dueAt) }));
  }

  async dead(): Promise<Notification[]> {
    return (await this.#inState('given-up')).map(notificationOf);
  }

  /** What was given up begins anew. What waits, and nobody is at, is due as well: whoever asks has mended something. */
  async revive(o: { now: Date; ids?: readonly string[] | undefined }): Promise<number> {
    const now = o.now.toISOString();
    const all = this.#scope.query.updateTable('notifications');
    const chosen = o.ids === undefined ? all : all.where('id', 'in', o.ids);
    const revived = await chosen
      .set({ state: 'waiting', attempts: 0, createdAt: now, dueAt: now })
      .where('state', '=', 'given-up')
      .executeTakeFirst();
    const hastened = await chosen
      .set({ dueAt: now })
      .where('state', '=', 'waiting')
      .where('claim', 'is', null)
      .where('dueAt', '>', now)
      .executeTakeFirst();
    return Number(revived.numUpdatedRows + hastened.numUpdatedRows);
  }

  /** What this instance had in its hands when it ended, or lost the catalogue, is nobody's. */
  async release(now: Date): Promise<void> {
    await this.#scope.query
      .updateTable('notifications')
      .set({ claim: null, dueAt: now.toISOString() })
      .where('state', '=', 'waiting')
      .where('claim', 'like', `${this.#instance}:%`)
      .execute();
  }

  async forgetSent(before: Date): Promise<void> {
    await this.#scope
      .deleteFrom('notifications')
      .where('state', '=', 'sent')
      .where('dueAt', '<', before.toISOString())
      .execute();
  }

  /** Undefined: the recipient of this mail has had few of late. */
  async #endOfBurst({ destination, recipient, createdAt }: Notification): Promise<string | undefined> {
    if (recipient === undefined) return undefined;
    const since = new Date(createdAt.getTime() - foldWindowMs).toISOString();
    const recent = await this.#scope.query
      .selectFrom('notifications')
      .select('createdAt')
      .where('destination', '=', destination)
      .where('recipient', '=', recipient)
      .where('createdAt', '>', since)
      .orderBy('createdAt')
      .limit(mailsBeforeFolding)
      .execute();
    const [first] = recent;
    if (!first || recent.length < mailsBeforeFolding) return undefined;
    return new Date(Date.parse(first.createdAt) + foldWindowMs).toISOString();
  }

  /** Puts one in the place of many that wait for the same recipient; false where there are few. */
  async #fold(row: NotificationRow, now: Date): Promise<boolean> {
    return this.#scope.transaction(async ({ query, deleteFrom }) => {
      const rows = await query
        .selectFrom('notifications')
        .selectAll()
        .where('state', '=', 'waiting')
        .where('destination', '=', row.destination)
        .where('recipient', '=', row.recipient)
        .where('dueAt', '<=', now.toISOString())
        .orderBy('createdAt')
        .limit(maxFoldedAtOnce)
        .execute();
      const events = rows.map(eventOf);
      const [first, ...others] = events;
      if (!first || rows.length < foldFrom) return false;
      const event = foldEvents([first, ...others], { from: this.#from, now });
      for (const some of chunks(rows, maxQueryValues))
        await deleteFrom('notifications')
          .where(
            'id',
            'in',
            some.map(({ id }) => id),
          )
          .execute();
      await query
        .insertInto('notifications')
        .values({
          ...{ id: crypto.randomUUID(), destination: row.destination, recipient: row.recipient },
          ...{ eventJson: JSON.stringify(event), state: 'waiting' },
          // As old and as often tried as the oldest, so that it is not tried for ever.
          ...{ createdAt: rows[0]?.createdAt ?? row.createdAt, attempts: rows[0]?.attempts ?? 0 },
          ...{ dueAt: row.dueAt, lastErrorJson: rows[0]?.lastErrorJson ?? null },
        })
        .execute();
      return true;
    });
  }

  async #note(claim: string, o: { state: NotificationRow['state']; dueAt: string; error: ErrorReport }): Promise<void> {
    const { state, dueAt, error } = o;
    await this.#scope.query
      .updateTable('notifications')
      .set((row) => ({
        ...{ state, dueAt, claim: null, lastErrorJson: JSON.stringify(error) },
        attempts: row('attempts', '+', 1),
      }))
      .where('claim', '=', claim)
      .execute();
  }

  #inState(state: NotificationRow['state']): Promise<NotificationRow[]> {
    return this.#scope.query
      .selectFrom('notifications')
      .selectAll()
      .where('state', '=', state)
      .orderBy('dueAt')
      .limit(maxListedRows)
      .execute();
  }
}

export function eventOf(row: NotificationRow): NotificationEvent {
  return readJson(eventSchema, row.eventJson, 'notifications.eventJson');
}

function notificationOf(row: NotificationRow): Notification {
  const { id, destination, attempts } = row;
  return {
    ...{ id, destination, attempts, recipient: row.recipient ?? undefined, event: eventOf(row) },
    createdAt: new Date(row.createdAt),
    lastError:
      row.lastErrorJson === null
        ? undefined
        : (readJson(errorReport, row.lastErrorJson, 'notifications.lastErrorJson') as ErrorReport),
  };
}
