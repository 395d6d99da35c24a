import { type Clock, type ErrorCode, errorTable } from '@holdfast/core';
import { type Counted, errorReport, type Overview, progress } from '@holdfast/protocol';
import { type Expression, type SqlBool, sql } from 'kysely';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { ComputerList } from '../inventory/computer-list.ts';
import { readJson } from '../json-column.ts';
import type { Approvals } from '../people/approvals.ts';
import type { Caller } from '../people/caller.ts';
import {
  backupAges,
  drillAges,
  failuresMs,
  shownCauses,
  shownLargest,
  shownRunning,
  shownWorst,
  trendDays,
} from './limits.ts';

/** What is counted, by the filters of the lists, each by an index or in one pass over the computers. */
export class OverviewCounts {
  readonly #list: ComputerList;
  readonly #approvals: Approvals;
  readonly #clock: Clock;

  constructor(o: { list: ComputerList; approvals: Approvals; clock: Clock }) {
    this.#list = o.list;
    this.#approvals = o.approvals;
    this.#clock = o.clock;
  }

  /** With `scope` confined to groups, of these alone. */
  async now(
    scope: TenantScope,
    o: { caller: Caller; from?: string | undefined; to?: string | undefined },
  ): Promise<Overview> {
    const now = this.#clock.now();
    const to = o.to ?? now.toISOString();
    const from = o.from ?? new Date(Date.parse(to) - failuresMs).toISOString();
    return {
      at: now.toISOString(),
      computers: await this.#computers(scope),
      backups: await backups(scope, now),
      failures: await failures(scope, { from, to }),
      running: await running(scope),
      storage: await storage(scope, now),
      drills: await drills(scope, now),
      ransomwareAlerts: await ransomwareAlerts(scope),
      approvals: {
        count: (await this.#approvals.list(o.caller, 'waiting')).length,
        ...{ list: 'approvals', query: 'only=waiting' },
      },
    };
  }

  async #computers(scope: TenantScope): Promise<Overview['computers']> {
    const counts = await this.#list.counts(scope);
    const of = (count: number, query: Record<string, string>) =>
      counted('computers', count, { role: 'agent', ...query });
    return {
      agents: of(counts.agents, { state: 'trusted' }),
      online: of(counts.online, { state: 'online' }),
      offline: of(counts.offline, { state: 'offline' }),
      protected: of(counts.agents - counts.unprotected, { state: 'protected' }),
      unprotected: of(counts.unprotected, { state: 'unprotected' }),
      outOfDate: of(counts.outOfDate, { state: 'out-of-date' }),
      untrusted: of(counts.untrusted, { state: 'untrusted' }),
    };
  }
}

function counted(list: Counted['list'], count: number | string | bigint, query: Record<string, string>): Counted {
  return { count: Number(count), list, query: new URLSearchParams(query).toString() };
}

/** Agents that count: not revoked. */
function agents({ query }: TenantScope) {
  return query.selectFrom('computers').where('role', '=', 'agent').where('revokedAt', 'is', null);
}

/** How many rows have the condition; one pass counts several. */
function countIf(condition: Expression<SqlBool>) {
  return sql<number>`coalesce(sum(case when ${condition} then 1 else 0 end), 0)`;
}

type Age = { readonly id: string; readonly ms: number };

/** Counts by age of a time of the computers: up to each of the ages, older, and never. */
async function countAges(
  scope: TenantScope,
  o: { column: 'lastBackupAt' | 'lastDrillAt'; ages: readonly Age[]; now: Date; withBackups: boolean },
): Promise<{ id: string; count: number; after?: string; before?: string }[]> {
  const { column } = o;
  const since = o.ages.map(({ id, ms }) => ({ id, at: new Date(o.now.getTime() - ms).toISOString() }));
  let rows = agents(scope);
  if (o.withBackups) rows = rows.where('lastBackupAt', '!=', '');
  const row = await rows
    .select((each) => [
      ...since.map(({ at }, index) => countIf(each(column, '>=', at)).as(`upTo${index}`)),
      countIf(each(column, '=', '')).as('never'),
      each.fn.countAll().as('all'),
    ])
    .executeTakeFirstOrThrow();
  const numbers = row as unknown as Record<string, number | string>;
  const upTo = since.map((_, index) => Number(numbers[`upTo${index}`]));
  const all = Number(numbers['all']);
  const never = Number(numbers['never']);
  return [
    ...since.map(({ id, at }, index) => ({
      id,
      count: (upTo[index] ?? 0) - (upTo[index - 1] ?? 0),
      after: at,
      ...(index === 0 ? {} : { before: since[index - 1]?.at ?? '' }),
    })),
    { id: 'older', count: all - never - (upTo.at(-1) ?? 0), before: since.at(-1)?.at ?? '' },
    { id: 'never', count: never },
  ];
}

async function backups(scope: TenantScope, now: Date): Promise<Overview['backups']> {
  const buckets = await countAges(scope, { column: 'lastBackupAt', ages: backupAges, now, withBackups: false });
  const worst = await agents(scope)
    .select(['id', 'hostname', 'groupName', 'lastBackupAt'])
    .orderBy('lastBackupAt')
    .orderBy('id')
    .limit(shownWorst)
    .execute();
  return {
    buckets: buckets.map(({ id, count, after, before }) => ({
      id: id as Overview['backups']['buckets'][number]['id'],
      ...counted('computers', count, {
        ...{ role: 'agent', state: 'trusted' },
        ...(id === 'never' ? { backup: 'never' } : {}),
        ...(after === undefined ? {} : { lastBackupAfter: after }),
        ...(before === undefined ? {} : { lastBackupBefore: before, backup: 'any' }),
      }),
    })),
    worst: worst.map(({ groupName: group, lastBackupAt, ...rest }) => ({
      ...{ ...rest, group },
      ...(lastBackupAt === '' ? {} : { lastBackupAt }),
    })),
  };
}

async function drills(scope: TenantScope, now: Date): Promise<Overview['drills']> {
  const buckets = await countAges(scope, { column: 'lastDrillAt', ages: drillAges, now, withBackups: true });
  const worst = await agents(scope)
    .select(['id', 'hostname', 'lastDrillAt'])
    .where('lastBackupAt', '!=', '')
    .orderBy('lastDrillAt')
    .orderBy('id')
    .limit(shownWorst)
    .execute();
  return {
    buckets: buckets.map(({ id, count, after, before }) => ({
      id: id as Overview['drills']['buckets'][number]['id'],
      ...counted('computers', count, {
        ...{ role: 'agent', state: 'trusted', backup: 'any' },
        ...(id === 'never' ? { drill: 'never' } : {}),
        ...(after === undefined ? {} : { lastDrillAfter: after }),
        ...(before === undefined ? {} : { lastDrillBefore: before, drill: 'any' }),
      }),
    })),
    worst: worst.map(({ lastDrillAt, ...rest }) => ({ ...rest, ...(lastDrillAt === '' ? {} : { lastDrillAt }) })),
  };
}

async function ransomwareAlerts({ query }: TenantScope): Promise<Overview['ransomwareAlerts']> {
  const { count } = await query
    .selectFrom('ransomwareAlerts')
    .where('state', '=', 'open')
    .select(({ fn }) => fn.countAll().as('count'))
    .executeTakeFirstOrThrow();
  return counted('ransomware-alerts', count, { state: 'open' });
}

async function failures(scope: TenantScope, { from, to }: { from: string; to: string }): Promise<Overview['failures']> {
  const { query } = scope;
  const causes = await query
    .selectFrom('runs')
    .where('state', '=', 'failed')
    .where('superseded', '=', 0)
    .where('endedAt', '>=', from)
    .where('endedAt', '<=', to)
    .groupBy('errorCode')
    .select([
      'errorCode',
      query.fn.countAll().as('count'),
      query.fn.count('agentId').distinct().as('computers'),
      query.fn.max('sequence').as('last'),
    ])
    .orderBy('count', 'desc')
    .orderBy('errorCode')
    .execute();
  const filter = { state: 'failed', superseded: 'false', endedFrom: from, endedTo: to };
  const last = await query
    .selectFrom('runs')
    .where('sequence', 'in', [0, ...causes.slice(0, shownCauses).map((cause) => Number(cause.last))])
    .select(['id', 'agentId', 'endedAt', 'errorJson', 'errorCode'])
    .execute();
  const lastOf = new Map((await withHostnames(scope, last)).map((row) => [row.errorCode ?? '', row]));
  return {
    ...{ from, to },
    ...counted(
      'runs',
      causes.reduce((sum, { count }) => sum + Number(count), 0),
      filter,
    ),
    causes: causes.flatMap(({ errorCode, count, computers }) => {
      const row = lastOf.get(errorCode ?? '');
      if (!row) return [];
      const code = errorCode ?? 'internal.unexpected';
      const report = row.errorJson === null ? undefined : readJson(errorReport, row.errorJson, 'runs.errorJson');
      const known = Object.hasOwn(errorTable, code) ? errorTable[code as ErrorCode] : undefined;
      return [
        {
          ...counted('runs', count, { ...filter, errorCode: code }),
          code,
          meaning: known?.summary ?? report?.message ?? code,
          guidance: known?.guidance ?? report?.guidance ?? '',
          computers: Number(computers),
          last: {
            runId: row.id,
            ...{ agentId: row.agentId, hostname: row.hostname, at: row.endedAt ?? to },
            message: report?.message ?? '',
          },
        },
      ];
    }),
  };
}

/** Of a computer that whoever asks may not see, as the mover of others where something of one's own repository is done, a part of its id. */
async function withHostnames<Row extends { readonly agentId: string }>(
  { query }: TenantScope,
  rows: readonly Row[],
): Promise<(Row & { readonly hostname: string })[]> {
  const ids = ['', ...rows.map(({ agentId }) => agentId)];
  const computers = await query.selectFrom('computers').where('id', 'in', ids).select(['id', 'hostname']).execute();
  const names = new Map(computers.map(({ id, hostname }) => [id, hostname]));
  return rows.map((row) => ({ ...row, hostname: names.get(row.agentId) ?? row.agentId.slice(0, 8) }));
}

async function running(scope: TenantScope): Promise<Overview['running']> {
  const { query } = scope;
  const counts = await query
    .selectFrom('runs')
    .where('state', 'in', ['queued', 'running'])
    .groupBy('state')
    .select(['state', query.fn.countAll().as('count')])
    .execute();
  const of = (state: 'queued' | 'running') =>
    counted('runs', counts.find((row) => row.state === state)?.count ?? 0, { state });
  const rows = await query
    .selectFrom('runs')
    .where('state', '=', 'running')
    .select(['id', 'kind', 'agentId', 'repositoryId', 'startedAt', 'progressJson'])
    .orderBy('sequence')
    .limit(shownRunning)
    .execute();
  return {
    ...of('running'),
    queued: of('queued'),
    runs: (await withHostnames(scope, rows)).map(({ startedAt, progressJson, ...rest }) => ({
      ...rest,
      ...(startedAt === null ? {} : { startedAt }),
      ...(progressJson === null ? {} : { progress: readJson(progress, progressJson, 'runs.progressJson') }),
    })),
  };
}

async function storage({ query }: TenantScope, now: Date): Promise<Overview['storage']> {
  const dayBefore = (days: number) => new Date(now.getTime() - days * 86_400_000).toISOString().slice(0, 10);
  const sum = await query
    .selectFrom('repositories')
    .select(({ fn }) => [fn.countAll().as('all'), fn.count('usedBytes').as('measured'), fn.sum('usedBytes').as('used')])
    .executeTakeFirstOrThrow();
  const trend = await query
    .selectFrom('groupUsage')
    .where('day', '>=', dayBefore(trendDays))
    .groupBy('day')
    .select(['day', query.fn.sum('usedBytes').as('usedBytes')])
    .orderBy('day')
    .execute();
  const largest = await query
    .selectFrom('repositories')
    .select(['id', 'name', 'usedBytes'])
    .where('usedBytes', 'is not', null)
    .orderBy('usedBytes', 'desc')
    .orderBy('id', 'desc')
    .limit(shownLargest)
    .execute();
  const days = [dayBefore(30), dayBefore(90)] as const;
  const earlier = await query
    .selectFrom('repositoryUsage')
    .selectAll()
    .where('repositoryId', 'in', ['', ...largest.map(({ id }) => id)])
    .where('day', 'in', [...days])
    .execute();
  const before = (usedOn: (day: string) => number | undefined) => {
    const [before30, before90] = days.map(usedOn);
    return { ...(before30 === undefined ? {} : { before30 }), ...(before90 === undefined ? {} : { before90 }) };
  };
  const used = trend.map((each) => ({ day: each.day, usedBytes: Number(each.usedBytes) }));
  return {
    usedBytes: Number(sum.used ?? 0),
    measured: counted('repositories', sum.measured, { measured: 'true' }),
    unmeasured: counted('repositories', Number(sum.all) - Number(sum.measured), { measured: 'false' }),
    trend: used,
    ...before((day) => used.find((each) => each.day === day)?.usedBytes),
    largest: largest.map(({ id, name, usedBytes }) => ({
      ...{ id, name, usedBytes: usedBytes ?? 0 },
      ...before((day) => earlier.find((each) => each.repositoryId === id && each.day === day)?.usedBytes),
    })),
  };
}
