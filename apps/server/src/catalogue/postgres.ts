import type { Socket } from 'node:net';
import { HoldfastError, systemClock } from '@holdfast/core';
import { PostgresDialect, type PostgresPool, type PostgresPoolClient, type PostgresQueryResult } from 'kysely';
import { type ClientConfig, Pool, type PoolClient, types } from 'pg';
import {
  databaseConnectMs,
  databaseIdleTransactionMs,
  databaseLockWaitMs,
  databaseReconnectMs,
  databaseReconnectPauseMaxMs,
  databaseReconnectPauseMinMs,
  databaseStatementMs,
  maxDatabaseConnections,
  maxDatabaseWaiters,
} from '../limits.ts';
import { isConnectionLost, translated } from './database-errors.ts';
import type { PostgresAddress } from './postgres-address.ts';

export interface PostgresPlace {
  readonly address: PostgresAddress;
  /** A socket of channel `server-to-database`, not yet connected. */
  readonly socket: () => Socket;
}

/** PostgreSQL's numbers for the types whose values `pg` gives as texts, because some of them are no safe integers. */
const int8 = 20;
const numeric = 1700;

/** What every connection to the database has, those of the pool and the one that listens for notices. */
export function clientConfig({ address, socket }: PostgresPlace): ClientConfig {
  const { host, port, user, password, database, tls } = address;
  return {
    host,
    port,
    user,
    // Given even if there is none: `pg` would look for one in the environment and in files of its own.
    password: password ?? '',
    database,
    stream: socket,
    ssl:
      tls.mode === 'off' ? false : { rejectUnauthorized: true, ...(tls.caPem === undefined ? {} : { ca: tls.caPem }) },
    application_name: 'holdfast-server',
    // Statements take milliseconds. To compile one takes tens of them, which the planner chooses where it expects a whole fleet of rows.
    options: '-c jit=off',
    connectionTimeoutMillis: databaseConnectMs,
    statement_timeout: databaseStatementMs,
    lock_timeout: databaseLockWaitMs,
    idle_in_transaction_session_timeout: databaseIdleTransactionMs,
    // Longer than the database's own limit: it ends the wait for one that is no longer there to keep it.
    query_timeout: 2 * databaseStatementMs,
    keepAlive: true,
    types: {
      getTypeParser: (id: number, format?: 'text' | 'binary'): ((text: string) => unknown) =>
        id === int8 || id === numeric
          ? safeNumber
          : (types.getTypeParser(id, format ?? 'text') as (text: string) => unknown),
    },
  };
}

/** Kysely's dialect over a bounded pool that gets over restarts and failovers of the database. */
export function postgresDialect(place: PostgresPlace): PostgresDialect {
  const pool = new Pool({ ...clientConfig(place), max: maxDatabaseConnections });
  const lost = new WeakSet<PoolClient>();
  // A connection that dies tells by an event, which would end the process if nobody listened. The pool forgets idle ones itself.
  pool.on('connect', (client) => client.on('error', () => lost.add(client)));
  pool.on('error', () => undefined);
  const kept: PostgresPool = {
    options: pool.options,
    connect: async () => new PooledClient(pool, await acquire(pool), lost),
    end: () => pool.end(),
  };
  return new PostgresDialect({ pool: kept });
}

/** One connection for one statement or transaction. */
class PooledClient implements PostgresPoolClient {
  readonly #pool: Pool;
  readonly #lost: WeakSet<PoolClient>;
  #client: PoolClient;
  #isFresh = true;

  constructor(pool: Pool, client: PoolClient, lost: WeakSet<PoolClient>) {
    this.#pool = pool;
    this.#client = client;
    this.#lost = lost;
  }

  query<R>(statement: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query(): never;
  async query(statement?: string, parameters?: readonly unknown[]): Promise<unknown> {
    if (statement === undefined) throw new HoldfastError('internal.unexpected');
    // What only reads, or begins a transaction, is repeated when it is the first to find its connection dead.
    const isRepeatable = this.#isFresh && /^(select|begin|start transaction)\b/i.test(statement);
    this.#isFresh = false;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#client.query(statement, parameters?.map(parameter));
      } catch (error) {
        if (isConnectionLost(error)) this.#lost.add(this.#client);
        // Every connection of the pool may have died at once, and is found dead only when it is used.
        if (!isRepeatable || !isConnectionLost(error) || attempt > maxDatabaseConnections) throw translated(error);
        this.release();
        this.#client = await acquire(this.#pool);
      }
    }
  }

  release(): void {
    this.#client.release(this.#lost.has(this.#client));
  }
}

/** A connection of the pool. While the database is away, restarting for example, it is waited for. */
async function acquire(pool: Pool): Promise<PoolClient> {
  if (pool.waitingCount >= maxDatabaseWaiters) {
    throw new HoldfastError('internal.limit', {
      message: `More than ${maxDatabaseWaiters} requests wait for the database.`,
    });
  }
  const untilMs = systemClock.monotonicMs() + databaseReconnectMs;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await pool.connect();
    } catch (error) {
      if (pool.ending || !isConnectionLost(error) || systemClock.monotonicMs() >= untilMs) throw translated(error);
      await systemClock.sleep(Math.min(databaseReconnectPauseMaxMs, databaseReconnectPauseMinMs * 2 ** attempt));
    }
  }
}

function safeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) || !/^-?\d+$/.test(text)) return value;
  throw new HoldfastError('internal.unexpected', {
    message: `The catalogue holds ${text}, which is too large a number.`,
  });
}

/** As with SQLite, where there is no type for truth values. */
function parameter(value: unknown): unknown {
  return typeof value === 'boolean' ? Number(value) : value;
}
