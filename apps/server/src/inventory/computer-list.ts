import { type Clock, HoldfastError, productVersion } from '@holdfast/core';
import type { Computer, ComputerDetail, ComputerFilter, Routes } from '@holdfast/protocol';
import { type ExpressionBuilder, sql } from 'kysely';
import type { z } from 'zod';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { holds, type PageRequest, readPage, totalOf } from '../catalogue/page.ts';
import type { Database } from '../catalogue/schema.ts';
import { type ComputerRow, computerView } from '../computers/computers.ts';
import type { Presence } from '../computers/presence.ts';
import { isOlderVersion } from './versions.ts';

type Selection = PageRequest & Partial<z.output<Routes['computers']['query']>>;
type ComputerExpression = ExpressionBuilder<Database, 'computers'>;

/** A computer without a backup is unprotected; this is what there is to know of it. */
interface Protection {
  readonly isUnprotected: number;
}

/** Columns that each order has; the last one makes it a total one. */
const orders = {
  joined: { enrolledAt: 'text', id: 'text' },
  name: { hostname: 'text', id: 'text' },
  lastBackup: { lastBackupAt: 'text', id: 'text' },
  /** By its end. */
  certificate: { certificateExpiresAt: 'text', id: 'text' },
} as const;

/** Who is there now. */
type Connected = Pick<Presence, 'online' | 'isOnline'>;

const filterOf = {
  online: 'online',
  offline: 'offline',
  unprotected: 'unprotected',
  outOfDate: 'out-of-date',
  untrusted: 'untrusted',
} as const satisfies Record<string, ComputerFilter>;
type AgentCount = keyof typeof filterOf;
const agentCounts = Object.keys(filterOf) as AgentCount[];

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

  async page(
    scope: TenantScope,
    o: Selection,
  ): Promise<{ computers: ComputerDetail[]; next?: string; total?: number }> {
    let query = this.#rows(scope);
    if (o.ids !== undefined) query = query.where('computers.id', 'in', o.ids);
    if (o.role !== undefined) query = query.where('role', '=', o.role);
    if (o.group !== undefined) query = query.where('groupName', '=', o.group);
    if (o.platform !== undefined) query = query.where('platform', '=', o.platform);
    if (o.lastResult !== undefined) query = query.where('lastResult', '=', o.lastResult);
    if (o.text !== undefined) {
      const { text } = o;
      query = query.where((row) =>
        row.or((['hostname', 'address'] as const).map((column) => holds(row.ref(`computers.${column}`), text))),
      );
    }
    for (const [column, is, before, after] of [
      ['lastBackupAt', o.backup, o.lastBackupBefore, o.lastBackupAfter],
      ['lastDrillAt', o.drill, o.lastDrillBefore, o.lastDrillAfter],
    ] as const) {
      if (is !== undefined) query = query.where(column, is === 'never' ? '=' : '!=', '');
      if (before !== undefined) query = query.where(column, '<', before);
      if (after !== undefined) query = query.where(column, '>=', after);
    }
    if (o.state !== undefined) {
      const { state } = o;
      const older = state === 'out-of-date' ? await olderVersions(scope) : [];
      query = query.where((row) => this.#isIn(row, state, older));
    }
    const { items, ...rest } = await readPage(query, {
      ...o,
      order: orders[o.sort ?? 'joined'],
      newestFirst: o.order === 'desc',
      view: (row) => this.#view(row),
    });
    return { computers: items, ...rest, ...(await totalOf(query, o.total ?? false)) };
  }

  /** Of the agents, in one pass. */
  async counts(scope: TenantScope): Promise<Record<'agents' | AgentCount, number>> {
    const older = await olderVersions(scope);
    const row = await scope.query
      .selectFrom('computers')
      .where('role', '=', 'agent')
      .select((each) => [
        ...agentCounts.map((state) =>
          sql<number>`coalesce(sum(case when ${this.#isIn(each, filterOf[state], older)} then 1 else 0 end), 0)`.as(
            state,
          ),
        ),
        sql<number>`coalesce(sum(case when ${each('revokedAt', 'is', null)} then 1 else 0 end), 0)`.as('agents'),
      ])
      .executeTakeFirstOrThrow();
    const numbers = row as unknown as Record<'agents' | AgentCount, number | string>;
    return {
      agents: Number(numbers.agents),
      online: Number(numbers.online),
      offline: Number(numbers.offline),
      unprotected: Number(numbers.unprotected),
      outOfDate: Number(numbers.outOfDate),
      untrusted: Number(numbers.untrusted),
    };
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
      .select((row) => [row.case().when(isUnprotected(row, since)).then(1).else(0).end().as('isUnprotected')]);
  }

  #protectedSince(): string {
    return new Date(this.#clock.now().getTime() - this.#unprotectedAfterMs).toISOString();
  }

  #isIn(row: ComputerExpression, state: ComputerFilter, older: readonly string[]) {
    const { heldBy, answering } = this.#presence.online;
    const isThere = row.or([
      row.and([row('computers.heldBy', 'is not', null), row('computers.heldBy', 'in', heldBy)]),
      row('computers.id', 'in', orNone(answering)),
    ]);
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
      case 'trusted':
        return row('revokedAt', 'is', null);
      case 'unprotected':
        return isUnprotected(row, this.#protectedSince());
      case 'protected':
        return row.and([
          row('computers.role', '=', 'agent'),
          row('revokedAt', 'is', null),
          row.not(isUnprotected(row, this.#protectedSince())),
        ]);
    }
  }

  #view(row: ComputerRow & Protection): ComputerDetail {
    const computer = computerView(row, this.#presence.isOnline(row));
    const conditions: ComputerDetail['conditions'] = [];
    if (isOutOfDate(computer)) conditions.push('out-of-date');
    if (isUntrusted(computer, this.#clock)) conditions.push('untrusted');
    if (row.isUnprotected === 1) conditions.push('unprotected');
    return {
      ...{ ...computer, conditions },
      ...(row.lastBackupAt === '' ? {} : { lastBackupAt: row.lastBackupAt }),
      ...(row.lastDrillAt === '' ? {} : { lastDrillAt: row.lastDrillAt }),
      ...(row.lastResult === '' ? {} : { lastResult: row.lastResult, lastResultAt: row.lastResultAt }),
    };
  }
}

export function isOutOfDate(computer: Pick<Computer, 'productVersion'>): boolean {
  return isOlderVersion(computer.productVersion, productVersion);
}

export function isUntrusted(computer: Pick<Computer, 'state' | 'certificateExpiresAt'>, clock: Clock): boolean {
  return computer.state === 'revoked' || Date.parse(computer.certificateExpiresAt) <= clock.now().getTime();
}

/** The one place that knows what protects an agent: a job, and a backup since then. Who was revoked needs neither. */
function isUnprotected(row: ComputerExpression, since: string) {
  // Not asked anew for each computer: the database looks its computers up in what it has found once.
  const named = row.selectFrom('jobMembers').select('jobMembers.agentId').where('jobMembers.agentId', '!=', '');
  const inGroups = row.selectFrom('jobMembers').select('jobMembers.groupName').where('jobMembers.agentId', '=', '');
  const hasJob = row.or([row('computers.id', 'in', named), row('computers.groupName', 'in', inGroups)]);
  return row.and([
    row('computers.role', '=', 'agent'),
    row('computers.revokedAt', 'is', null),
    row.or([row('computers.lastBackupAt', '<=', since), row.not(hasJob)]),
  ]);
}

async function olderVersions({ query }: TenantScope): Promise<string[]> {
  const rows = await query.selectFrom('computers').select('productVersion').distinct().execute();
  return rows.map((row) => row.productVersion).filter((version) => isOlderVersion(version, productVersion));
}

/** A list that may be empty, which not every database takes: no id or version is the empty text. */
function orNone(values: readonly string[]): readonly string[] {
  return values.length === 0 ? [''] : values;
}
