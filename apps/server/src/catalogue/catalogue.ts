import { HoldfastError, systemClock } from '@holdfast/core';
import { type Kysely, sql, type Transaction } from 'kysely';
import { maxListedRows, maxTransactionAttempts, transactionPauseMaxMs, transactionPauseMinMs } from '../limits.ts';
import { type DatabasePlace, openDatabase } from './database.ts';
import { isConflict, isConnectionLost } from './database-errors.ts';
import { Notices } from './notices.ts';
import type { Database } from './schema.ts';
import type { SystemDatabase } from './system-tables.ts';
import { TenantPlugin } from './tenant-plugin.ts';

/** Query builders confined to one tenant. The only way to the tables, beside deletions. */
export type TenantQueries = Pick<Kysely<Database>, 'selectFrom' | 'insertInto' | 'updateTable' | 'fn'>;

export interface TenantScope {
  readonly tenant: string;
  /** The groups of computers that it is confined to besides; undefined: all. */
  readonly groups: ReadonlySet<string> | undefined;
  readonly query: TenantQueries;
  /** The same, in the same transaction, without groups: for bounds that all share. Nothing of what it finds may be told. */
  readonly wholeTenant: TenantScope;
  /** Whatever is deleted passes here. */
  readonly deleteFrom: Kysely<Database>['deleteFrom'];
  /**
   * All or nothing, serializable, and durable when it resolves. Use only the scope that is given to `work`, which does nothing but
   * ask the database: where others changed the same at the same time, it is done once more from the beginning. Rejects with
   * `database.unavailable` where the connection was lost while it was being committed: then nobody knows whether it was.
   *
   * With `read committed` each statement sees what others have committed before it. For what thousands do at the same time in the
   * same tables, which otherwise would all begin again because of each other: `work` must first change the row that what it reads
   * depends on, so that others wait there.
   */
  transaction<T>(work: (scope: TenantScope) => Promise<T>, isolation?: 'serializable' | 'read committed'): Promise<T>;
}

/**
 * The server's memory: who is enrolled, what is to be done, what was done. Beside the tenants' scopes it answers the few
 * questions that come before a tenant is known.
 */
export class Catalogue implements AsyncDisposable {
  readonly #database: Kysely<Database>;
  /** What instances that share the catalogue tell each other; undefined where it is a file, which nobody shares. */
  readonly notices: Notices | undefined;

  private constructor(database: Kysely<Database>, notices: Notices | undefined) {
    this.#database = database;
    this.notices = notices;
  }

  static async open(place: DatabasePlace): Promise<Catalogue> {
    const database = await openDatabase(place);
    return new Catalogue(database, place.kind === 'postgres' ? new Notices(place, database) : undefined);
  }

  /** What belongs to the installation as a whole, and to no tenant. */
  get system(): Kysely<SystemDatabase> {
    return this.#database.$extendTables<SystemDatabase>().$pickTables<keyof SystemDatabase>();
  }

  /** With `groups`, what is of other groups is not there. */
  tenant(tenant: string, groups?: ReadonlySet<string>): TenantScope {
    return new Scope(this.#database, tenant, groups);
  }

  /** The tenant of a session or API token; undefined for an unknown one. */
  async tenantOfCredential(tokenHash: string): Promise<string | undefined> {
    const row = await this.#database
      .selectFrom('credentials')
      .select('tenant')
      .where('tokenHash', '=', tokenHash)
      .executeTakeFirst();
    return row?.tenant;
  }

  /** The tenant of an access token of OAuth, of a person or a machine; undefined for an unknown one. */
  async tenantOfAccessToken(
    idHash: string,
  ): Promise<{ tenant: string; model: 'AccessToken' | 'ClientCredentials' } | undefined> {
    const row = await this.#database
      .selectFrom('oauthArtifacts')
      .select(['tenant', 'model'])
      .where('model', 'in', ['AccessToken', 'ClientCredentials'])
      .where('idHash', '=', idHash)
      .executeTakeFirst();
    return row && { tenant: row.tenant, model: row.model === 'AccessToken' ? row.model : 'ClientCredentials' };
  }

  /** The tenant that a join token was made for, or was used in; undefined for an unknown one. */
  async tenantOfToken(tokenHash: string): Promise<string | undefined> {
    const token = await this.#database
      .selectFrom('joinTokens')
      .select('tenant')
      .where('tokenHash', '=', tokenHash)
      .executeTakeFirst();
    const used =
      token ??
      (await this.#database
        .selectFrom('tokenUses')
        .select('tenant')
        .where('tokenHash', '=', tokenHash)
        .executeTakeFirst());
    return used?.tenant;
  }

  /** The tenant that a certificate was issued in; undefined for an unknown serial. */
  async tenantOfCertificate(serial: string): Promise<string | undefined> {
    const row = await this.#database
      .selectFrom('certificates')
      .select('tenant')
      .where('serial', '=', serial)
      .executeTakeFirst();
    return row?.tenant;
  }

  /** The tenant that a recovery token was made in; undefined for an unknown one. */
  async tenantOfRecoveryToken(tokenMac: string): Promise<string | undefined> {
    const row = await this.#database
      .selectFrom('recoveryTokens')
      .select('tenant')
      .where('tokenMac', '=', tokenMac)
      .executeTakeFirst();
    return row?.tenant;
  }

  /** The tenant of a certificate for a recovery; undefined for an unknown serial. */
  async tenantOfRecovery(serial: string): Promise<string | undefined> {
    const row = await this.#database
      .selectFrom('recoveryAccesses')
      .select('tenant')
      .where('serial', '=', serial)
      .executeTakeFirst();
    return row?.tenant;
  }

  /** Serials of all tenants that are revoked and not yet expired. Throws `internal.limit` above `limit`, rather than forget one. */
  async revokedSerials(o: { now: Date; limit: number }): Promise<string[]> {
    const rows = await this.#database
      .selectFrom('certificates')
      .select('serial')
      .where('revokedAt', 'is not', null)
      .where('expiresAt', '>', o.now.toISOString())
      .unionAll(
        this.#database
          .selectFrom('recoveryAccesses')
          .select('serial')
          .where('revokedAt', 'is not', null)
          .where('expiresAt', '>', o.now.toISOString()),
      )
      .limit(o.limit + 1)
      .execute();
    if (rows.length > o.limit) {
      throw new HoldfastError('internal.limit', {
        message: `More than ${o.limit} certificates are revoked and not yet expired.`,
      });
    }
    return rows.map((row) => row.serial);
  }

  /** Every tenant that has anything enrolled. */
  async tenants(): Promise<string[]> {
    // From one to the next in the index: this is asked all the time, and `distinct` would read every computer.
    const { rows } = await sql<{ tenant: string }>`
      with recursive found(tenant) as (
        select min("tenant") from "computers"
        union all
        select (select min("tenant") from "computers" where "tenant" > found.tenant) from found where found.tenant is not null
      )
      select tenant from found where tenant is not null`.execute(this.#database);
    return rows.map((row) => row.tenant);
  }

  /** Changes of all tenants that have been begun and are not in the audit yet, the oldest first. */
  async auditIntents(): Promise<{ tenant: string; id: string; instance: string; at: string; entryJson: string }[]> {
    return this.#database.selectFrom('auditIntents').selectAll().orderBy('at').limit(maxListedRows).execute();
  }

  /** Every tenant that has a row there. */
  async tenantsWith(table: 'notificationSettings' | 'auditExports'): Promise<string[]> {
    const rows = await this.#database.selectFrom(table).select('tenant').execute();
    return rows.map((row) => row.tenant);
  }

  /** Groups of all tenants whose rescan is due, or was not yet given a time. */
  async dueRescans(now: Date): Promise<{ tenant: string; groupName: string }[]> {
    return this.#database
      .selectFrom('groups')
      .select(['tenant', 'groupName'])
      .where('enabled', '=', 1)
      .where('rescanAt', 'is not', null)
      .where((row) => row.or([row('nextRescanAt', 'is', null), row('nextRescanAt', '<=', now.toISOString())]))
      .orderBy('nextRescanAt')
      .limit(maxListedRows)
      .execute();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database.destroy();
  }
}

class Scope implements TenantScope {
  readonly tenant: string;
  readonly groups: ReadonlySet<string> | undefined;
  readonly #database: Kysely<Database> | Transaction<Database>;
  readonly #confined: Kysely<Database>;

  constructor(
    database: Kysely<Database> | Transaction<Database>,
    tenant: string,
    groups: ReadonlySet<string> | undefined,
  ) {
    this.tenant = tenant;
    this.groups = groups;
    this.#database = database;
    this.#confined = database.withPlugin(new TenantPlugin(tenant, groups));
  }

  get query(): TenantQueries {
    return this.#confined;
  }

  get wholeTenant(): TenantScope {
    return new Scope(this.#database, this.tenant, undefined);
  }

  get deleteFrom(): Kysely<Database>['deleteFrom'] {
    return this.#confined.deleteFrom.bind(this.#confined);
  }

  async transaction<T>(
    work: (scope: TenantScope) => Promise<T>,
    isolation: 'serializable' | 'read committed' = 'serializable',
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      let isCommitting = false;
      try {
        // SQLite's are serializable anyway, and the isolation level means nothing to it.
        return await this.#database
          .transaction()
          .setIsolationLevel(isolation)
          .execute(async (transaction) => {
            const result = await work(new Scope(transaction, this.tenant, this.groups));
            isCommitting = true;
            return result;
          });
      } catch (error) {
        const isRepeatable = isConflict(error) || (isConnectionLost(error) && !isCommitting);
        if (!isRepeatable || attempt === maxTransactionAttempts) throw error;
        // At random, so that those that met do not meet again.
        const pauseMs = Math.min(transactionPauseMaxMs, transactionPauseMinMs * 2 ** attempt);
        await systemClock.sleep(pauseMs * Math.random());
      }
    }
  }
}
