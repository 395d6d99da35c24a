import { type Clock, HoldfastError, productVersion } from '@holdfast/core';
import type { Computer, ComputerDetail, ComputerFilter, EnrollableRole } from '@holdfast/protocol';
import { type ExpressionBuilder, type SqlBool, sql } from 'kysely';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { type PageRequest, readPage } from '../catalogue/page.ts';
import type { Database } from '../catalogue/schema.ts';
import { type ComputerRow, computerView } from '../computers/computers.ts';
import type { Presence } from '../computers/presence.ts';
import { isOlderVersion } from './versions.ts';

interface Selection extends PageRequest {
  readonly role?: EnrollableRole | undefined;
  readonly group?: string | undefined;
  readonly state?: ComputerFilter | undefined;
  readonly text?: string | undefined;
}

/** A computer without a backup is unprotected; this is what there is to know of it. */
interface Protection {
  readonly lastBackupAt: string | null;
  readonly isUnprotected: number;
}

/** Who is there now. */
type Connected = Pick<Presence, 'onlineJson' | 'isOnline'>;

/** The computers with what the catalogue and the connections say of their state, and the built-in groups as filters. */
export class ComputerList {
  readonly #presence: Connected;
  readonly #clock: Clock;
  readonly #unprotectedAfterMs: number;

  constructor(o: { presence: Connected; clock: Clock; unprotectedAfterMs: number }) {
    this.#presence = o.presence;
    this.#clock = o.clock;
    this.#unprotectedAfterMs = o.unprotectedAfterMs;
  }

  /** A page of the list, in the order of joining. */
  async page(scope: TenantScope, o: Selection): Promise<{ computers: ComputerDetail[]; next?: string }> {
    let query = this.#rows(scope);
    if (o.role !== undefined) query = query.where('role', '=', o.role);
    if (o.group !== undefined) query = query.where('groupName', '=', o.group);
    if (o.text !== undefined) {
      const part = `%${o.text.toLowerCase().replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
      query = query.where((row) =>
        row.or(
          (['hostname', 'address'] as const).map(
            (column) => sql<SqlBool>`lower(${row.ref(`computers.${column}`)}) like ${part} escape '\\'`,
          ),
        ),
      );
    }
    if (o.state !== undefined) {
      const { state } = o;
      const older = state === 'out-of-date' ? await olderVersions(scope) : [];
      query = query.where((row) => this.#isIn(row, state, older));
    }
    const order = { enrolledAt: 'text', id: 'text' } as const;
    const { items, ...rest } = await readPage(query, { ...o, order, view: (row) => this.#view(row) });
    return { computers: items, ...rest };
  }

  /** Throws `request.missing`. */
  async one(scope: TenantScope, id: string): Promise<ComputerDetail> {
    const row = await this.#rows(scope).where('id', '=', id).executeTakeFirst();
    if (row) return this.#view(row);
    throw new HoldfastError('request.missing', { message: `There is no computer ${id}.` });
  }

  #rows({ query }: TenantScope) {
    const since = this.#protectedSince();
    return query
      .selectFrom('computers')
      .selectAll('computers')
      .select((row) => [
        lastBackup(row).as('lastBackupAt'),
        row.case().when(isUnprotected(row, since)).then(1).else(0).end().as('isUnprotected'),
      ]);
  }

  #protectedSince(): string {
    return new Date(this.#clock.now().getTime() - this.#unprotectedAfterMs).toISOString();
  }

  #isIn(row: ExpressionBuilder<Database, 'computers'>, state: ComputerFilter, older: readonly string[]) {
    const isThere = row('computers.id', 'in', keysOf(this.#presence.onlineJson));
    switch (state) {
      case 'online':
        return row.and([row('revokedAt', 'is', null), isThere]);
      case 'offline':
        return row.and([row('revokedAt', 'is', null), row.not(isThere)]);
      case 'manually-added':
        return row(
          'computers.groupName',
          'in',
          row.selectFrom('groups').select('groups.groupName').where('groups.type', '=', 'individual'),
        );
      case 'out-of-date':
        return row('productVersion', 'in', orNone(older));
      case 'untrusted':
        return row.or([
          row('revokedAt', 'is not', null),
          row('certificateExpiresAt', '<=', this.#clock.now().toISOString()),
        ]);
      case 'unprotected':
        return isUnprotected(row, this.#protectedSince());
    }
  }

  #view(row: ComputerRow & Protection): ComputerDetail {
    const computer = computerView(row, this.#presence.isOnline(row.id));
    const conditions: ComputerDetail['conditions'] = [];
    if (isOutOfDate(computer)) conditions.push('out-of-date');
    if (isUntrusted(computer, this.#clock)) conditions.push('untrusted');
    if (row.isUnprotected === 1) conditions.push('unprotected');
    return { ...computer, conditions, ...(row.lastBackupAt === null ? {} : { lastBackupAt: row.lastBackupAt }) };
  }
}

export function isOutOfDate(computer: Pick<Computer, 'productVersion'>): boolean {
  return isOlderVersion(computer.productVersion, productVersion);
}

export function isUntrusted(computer: Pick<Computer, 'state' | 'certificateExpiresAt'>, clock: Clock): boolean {
  return computer.state === 'revoked' || Date.parse(computer.certificateExpiresAt) <= clock.now().getTime();
}

function lastBackup(row: ExpressionBuilder<Database, 'computers'>) {
  return row
    .selectFrom('snapshots')
    .select((snapshot) => snapshot.fn.max('snapshots.takenAt').as('takenAt'))
    .whereRef('snapshots.agentId', '=', 'computers.id');
}

/** The one place that knows what protects an agent: a job, and a backup since then. Who was revoked needs neither. */
function isUnprotected(row: ExpressionBuilder<Database, 'computers'>, since: string) {
  const job = row
    .selectFrom('jobMembers')
    .select('jobMembers.jobId')
    .where((member) =>
      member.or([
        member('jobMembers.agentId', '=', member.ref('computers.id')),
        member.and([
          member('jobMembers.agentId', '=', ''),
          member('jobMembers.groupName', '=', member.ref('computers.groupName')),
        ]),
      ]),
    );
  const backup = row
    .selectFrom('snapshots')
    .select('snapshots.id')
    .whereRef('snapshots.agentId', '=', 'computers.id')
    .where('snapshots.takenAt', '>', since);
  return row.and([
    row('computers.role', '=', 'agent'),
    row('computers.revokedAt', 'is', null),
    row.or([row.not(row.exists(job)), row.not(row.exists(backup))]),
  ]);
}

async function olderVersions({ query }: TenantScope): Promise<string[]> {
  const rows = await query.selectFrom('computers').select('productVersion').distinct().execute();
  return rows.map((row) => row.productVersion).filter((version) => isOlderVersion(version, productVersion));
}

/** A list of any length in one parameter: databases take some tens of thousands. SQLite and PostgreSQL know `json_each`. */
function keysOf(json: string) {
  return sql<string>`(select "key" from json_each(${json}))`;
}

/** A list that may be empty, which not every database takes: no id or version is the empty text. */
function orNone(values: readonly string[]): readonly string[] {
  return values.length === 0 ? [''] : values;
}
