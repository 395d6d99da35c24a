import { HoldfastError, systemClock, toHoldfastError } from '@holdfast/core';
import { type Kysely, sql } from 'kysely';
import { Client } from 'pg';
import type { Logger } from 'pino';
import { databaseReconnectPauseMaxMs, maxPendingNotices, noticeFlushMs, noticeProbeMs } from '../limits.ts';
import { translated } from './database-errors.ts';
import { clientConfig, type PostgresPlace } from './postgres.ts';
import type { Database } from './schema.ts';

const channel = 'holdfast';

/** What an instance tells the others: where to look. Never the thing itself, which is in the catalogue behind its tenant. */
export interface Notice extends NoticeReference {
  readonly instance: string;
}

export interface NoticeReference {
  readonly tenant: string;
  readonly kind: string;
  readonly id: string;
}

interface Watch {
  readonly signal: AbortSignal;
  readonly onNotice: (notice: Notice) => void;
  readonly onGap: () => void;
  readonly logger: Logger;
}

/**
 * Short messages between the instances on one PostgreSQL, by its LISTEN and NOTIFY. They may be lost, with the connection: who
 * listens is told of the gap, and reads again what he needs to know.
 */
export class Notices {
  readonly #place: PostgresPlace;
  readonly #database: Kysely<Database>;
  readonly #pending = new Set<string>();

  constructor(place: PostgresPlace, database: Kysely<Database>) {
    this.#place = place;
    this.#database = database;
  }

  /** Is sent soon, once, however often it is said meanwhile. Beyond the bound it is lost, as it might be on the way. */
  send(notice: Notice): void {
    if (this.#pending.size < maxPendingNotices) this.#pending.add(JSON.stringify(notice));
  }

  /** Sends what waits, and gives what others send, until the signal aborts. */
  async watch(o: Watch): Promise<void> {
    await Promise.all([this.#sendAll(o.signal), this.#listen(o)]);
  }

  async #sendAll(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await systemClock.sleep(noticeFlushMs, signal);
      if (this.#pending.size === 0) continue;
      const texts = [...this.#pending];
      this.#pending.clear();
      try {
        await sql`select pg_notify(${channel}, notice) from unnest(${texts}::text[]) as notice`.execute(this.#database);
      } catch {
        // The others were cut off as well, and read everything again when they are back.
        signal.throwIfAborted();
      }
    }
  }

  async #listen(o: Watch): Promise<void> {
    const { signal } = o;
    let isTold = false;
    for (;;) {
      signal.throwIfAborted();
      const client = new Client(clientConfig(this.#place));
      const failed = new AbortController();
      client.on('error', (error) => failed.abort(error));
      client.on('end', () => failed.abort(new HoldfastError('database.unavailable')));
      client.on('notification', ({ payload }) => {
        const notice = parseNotice(payload);
        if (notice) o.onNotice(notice);
      });
      const either = AbortSignal.any([signal, failed.signal]);
      try {
        await client.connect();
        await client.query(`listen ${channel}`);
        if (isTold) o.logger.info('notices of other instances are heard again');
        isTold = false;
        o.onGap();
        for (;;) {
          // A connection whose other end has vanished is noticed only by who says something.
          await systemClock.sleep(noticeProbeMs, either);
          await client.query('select 1');
        }
      } catch (error) {
        signal.throwIfAborted();
        // Once for each time that it is away, however often it is tried.
        if (!isTold)
          o.logger.warn(
            { error: toHoldfastError(translated(error)) },
            'notices of other instances are not heard: what they do is seen later',
          );
        isTold = true;
      } finally {
        await endQuietly(client);
      }
      await systemClock.sleep(databaseReconnectPauseMaxMs, signal);
    }
  }
}

async function endQuietly(client: Client): Promise<void> {
  try {
    await client.end();
  } catch {
    // It is gone already.
  }
}

function parseNotice(payload: string | undefined): Notice | undefined {
  try {
    const value: unknown = JSON.parse(payload ?? '');
    return isNotice(value) ? value : undefined;
  } catch {
    // Somebody else's, on a channel of the same name.
    return undefined;
  }
}

function isNotice(value: unknown): value is Notice {
  if (typeof value !== 'object' || value === null) return false;
  return ['instance', 'tenant', 'kind', 'id'].every((key) => typeof Reflect.get(value, key) === 'string');
}
