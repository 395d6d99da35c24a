import { type Clock, HoldfastError } from '@holdfast/core';
import { type ExpectedComputer, platform } from '@holdfast/protocol';
import { type ExpressionBuilder, type Selectable, sql } from 'kysely';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { type PageRequest, readPage } from '../catalogue/page.ts';
import type { Database, ExpectedComputersTable } from '../catalogue/schema.ts';
import { maxExpectedComputers, maxQueryRows } from '../limits.ts';
import type { ListedComputer } from './csv-list.ts';
import { readExclusions } from './exclusions.ts';
import { exclusionsOf, type GroupRow, loadGroup } from './groups.ts';

type Row = Selectable<ExpectedComputersTable>;

/** The agent that has joined under the expected name or address, whatever group it is in. */
function enrolledAgent(build: ExpressionBuilder<Database, 'expectedComputers'>) {
  return build
    .selectFrom('computers')
    .select('computers.id')
    .where('computers.role', '=', 'agent')
    .where('computers.revokedAt', 'is', null)
    .where((row) =>
      row.or([
        row(sql`lower(${row.ref('computers.hostname')})`, '=', row.ref('expectedComputers.name')),
        row('computers.address', '=', row.ref('expectedComputers.name')),
        row('computers.address', '=', row.ref('expectedComputers.address')),
      ]),
    )
    .orderBy('computers.enrolledAt', 'desc')
    .limit(1);
}

/** A page of what groups expect, by group and name. */
export async function pageOfExpected(
  { query }: TenantScope,
  o: PageRequest & { group?: string | undefined; state?: ExpectedComputer['state'] | undefined },
): Promise<{ expected: ExpectedComputer[]; next?: string }> {
  let rows = query
    .selectFrom('expectedComputers')
    .selectAll()
    .select((build) => enrolledAgent(build).as('computerId'));
  if (o.group !== undefined) rows = rows.where('groupName', '=', o.group);
  if (o.state !== undefined)
    rows = rows.where('noLongerListedAt', o.state === 'no-longer-listed' ? 'is not' : 'is', null);
  if (o.state === 'enrolled') rows = rows.where((build) => build.exists(enrolledAgent(build)));
  if (o.state === 'unmanaged') rows = rows.where((build) => build.not(build.exists(enrolledAgent(build))));
  const { items, ...rest } = await readPage(rows, { ...o, order: { groupName: 'text', name: 'text' }, view });
  return { expected: items, ...rest };
}

/** How many a group expects, by what became of them. */
export async function countExpected({ query }: TenantScope, group: string) {
  const { total, unlisted, enrolled } = await query
    .selectFrom('expectedComputers')
    .select(({ fn, eb }) => [
      fn.countAll<number>().as('total'),
      fn.count<number>('noLongerListedAt').as('unlisted'),
      fn
        .count<number>(eb.case().when('noLongerListedAt', 'is', null).then(enrolledAgent(eb)).else(null).end())
        .as('enrolled'),
    ])
    .where('groupName', '=', group)
    .executeTakeFirstOrThrow();
  const expected = Number(total) - Number(unlisted);
  return {
    ...{ expected, enrolled: Number(enrolled), unmanaged: expected - Number(enrolled) },
    noLongerListed: Number(unlisted),
  };
}

/** Adds computers by hand, or changes what is known of them. Throws `request.conflict` for one that the group excludes. */
export async function expectComputers(
  scope: TenantScope,
  o: { group: string; computers: readonly ListedComputer[] },
  clock: Clock,
): Promise<{ changed: number }> {
  return scope.transaction(async (inside) => {
    const group = await loadGroup(inside, o.group);
    if (group.type !== 'individual')
      throw new HoldfastError('request.conflict', {
        message: `The protection group ${o.group} is of type ${group.type}: its computers are not given one by one.`,
        guidance: group.type === 'csv' ? 'Change its list.' : 'Use a group of individual computers.',
      });
    const isExcluded = readExclusions(exclusionsOf(group));
    const excluded = o.computers.find(isExcluded);
    if (excluded)
      throw new HoldfastError('request.conflict', {
        message: `The protection group ${o.group} excludes ${excluded.name}; nothing was changed.`,
        guidance: 'Change its exclusions, or use another group.',
      });
    const unique = new Map(o.computers.map((one) => [one.name.toLowerCase(), one]));
    await store(inside, { group: o.group, computers: [...unique.values()], clock });
    const { expected } = await countExpected(inside, o.group);
    if (expected > maxExpectedComputers)
      throw new HoldfastError('internal.limit', {
        message: `A protection group expects ${maxExpectedComputers} computers at most; nothing was changed.`,
      });
    return { changed: unique.size };
  });
}

/** Throws `request.missing` for a name that the group does not expect, `request.conflict` for one that its list still has. */
export async function forgetExpected(
  scope: TenantScope,
  o: { group: string; names: readonly string[] },
): Promise<{ changed: number }> {
  return scope.transaction(async (inside) => {
    const group = await loadGroup(inside, o.group);
    const names = new Set(o.names.map((name) => name.toLowerCase()));
    const { query } = inside;
    for (const name of names) {
      const row = await query
        .selectFrom('expectedComputers')
        .select('noLongerListedAt')
        .where('groupName', '=', o.group)
        .where('name', '=', name)
        .executeTakeFirst();
      if (!row)
        throw new HoldfastError('request.missing', {
          message: `The protection group ${o.group} does not expect ${name}; nothing was changed.`,
        });
      if (group.type === 'csv' && row.noLongerListedAt === null)
        throw new HoldfastError('request.conflict', {
          message: `${name} is in the list of the protection group ${o.group}; nothing was changed.`,
          guidance: 'Take it out of the list, or exclude it.',
        });
      await inside.deleteFrom('expectedComputers').where('groupName', '=', o.group).where('name', '=', name).execute();
    }
    return { changed: names.size };
  });
}

/**
 * Takes a CSV group's list as it is now. What it has no longer is marked with the time, and unmarked when it comes back; what the
 * group excludes counts as not listed.
 */
export async function takeList(
  scope: TenantScope,
  o: { group: GroupRow; computers: readonly ListedComputer[]; clock: Clock },
): Promise<{ listed: number; excluded: number; noLongerListed: number }> {
  const isExcluded = readExclusions(exclusionsOf(o.group));
  const computers = o.computers.filter((one) => !isExcluded(one));
  const group = o.group.groupName;
  return scope.transaction(async (inside) => {
    await inside.query
      .updateTable('expectedComputers')
      .set({ noLongerListedAt: o.clock.now().toISOString() })
      .where('groupName', '=', group)
      .where('noLongerListedAt', 'is', null)
      // In two steps a list of any length will do: what is listed is unmarked at once.
      .execute();
    await store(inside, { group, computers, clock: o.clock });
    const { noLongerListed } = await countExpected(inside, group);
    return { listed: computers.length, excluded: o.computers.length - computers.length, noLongerListed };
  });
}

async function store(
  { query }: TenantScope,
  o: { group: string; computers: readonly ListedComputer[]; clock: Clock },
): Promise<void> {
  const addedAt = o.clock.now().toISOString();
  const rows = o.computers.map(({ name, address, comment, ...one }) => ({
    ...{ groupName: o.group, name: name.toLowerCase(), addedAt, noLongerListedAt: null },
    ...{ address: address ?? null, platform: one.platform ?? null, comment: comment ?? null },
  }));
  for (let first = 0; first < rows.length; first += maxQueryRows)
    await query
      .insertInto('expectedComputers')
      .values(rows.slice(first, first + maxQueryRows))
      .onConflict((conflict) =>
        conflict.columns(['tenant', 'groupName', 'name']).doUpdateSet((row) => ({
          address: row.ref('excluded.address'),
          platform: row.ref('excluded.platform'),
          comment: row.ref('excluded.comment'),
          noLongerListedAt: null,
        })),
      )
      .execute();
}

function view(row: Row & { computerId: string | null }): ExpectedComputer {
  const unlisted = row.noLongerListedAt;
  return {
    name: row.name,
    group: row.groupName,
    state: unlisted !== null ? 'no-longer-listed' : row.computerId === null ? 'unmanaged' : 'enrolled',
    addedAt: row.addedAt,
    ...(row.address === null ? {} : { address: row.address }),
    ...(row.platform === null ? {} : { platform: platform.parse(row.platform) }),
    ...(row.comment === null ? {} : { comment: row.comment }),
    ...(row.computerId === null ? {} : { computerId: row.computerId }),
    ...(unlisted === null ? {} : { noLongerListedAt: unlisted }),
  };
}
