import { type Clock, HoldfastError } from '@holdfast/core';
import { defaultRescanAt, type Group, type GroupType, type RescanResult, rescanResult } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import { z } from 'zod';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { holds, type PageRequest, readPage } from '../catalogue/page.ts';
import type { GroupsTable } from '../catalogue/schema.ts';
import { checkMoved } from '../jobs/other-kind.ts';
import { readJson } from '../json-column.ts';
import { revokeLostGrants } from '../policies/standing-grants.ts';
import { readExclusions } from './exclusions.ts';

export type GroupRow = Selectable<GroupsTable>;
type Settings = Pick<Group, 'exclusions' | 'rescanAt' | 'enabled' | 'csvFile'>;
/** What is not said is as usual. */
type GivenSettings = { [Name in keyof Settings]?: Settings[Name] | undefined };

/** What computers join unless they are told another one. It is always there. */
const defaultGroup = 'default';

const texts = z.array(z.string());

export function exclusionsOf(row: GroupRow): string[] {
  return readJson(texts, row.exclusionsJson, 'groups.exclusionsJson');
}

export function groupView(row: GroupRow): Group {
  return {
    name: row.groupName,
    type: row.type,
    exclusions: exclusionsOf(row),
    rescanAt: row.rescanAt,
    enabled: row.enabled === 1,
    csvFile: row.csvFile,
    ...(row.managedBy === '' ? {} : { managedBy: row.managedBy }),
    createdAt: row.createdAt,
    ...(row.nextRescanAt === null || row.enabled === 0 ? {} : { nextRescanAt: row.nextRescanAt }),
    ...(row.lastRescanJson === null
      ? {}
      : { lastRescan: readJson(rescanResult, row.lastRescanJson, 'groups.lastRescanJson') }),
  };
}

export async function pageOfGroups(
  scope: TenantScope,
  o: PageRequest & { text?: string | undefined; type?: GroupType | undefined; order: 'asc' | 'desc' },
): Promise<{ groups: Group[]; next?: string }> {
  let query = scope.query.selectFrom('groups').selectAll();
  if (o.type !== undefined) query = query.where('type', '=', o.type);
  const { text } = o;
  if (text !== undefined) query = query.where((row) => holds(row.ref('groupName'), text));
  const { items, ...rest } = await readPage(query, {
    ...{ ...o, order: { groupName: 'text' } },
    newestFirst: o.order === 'desc',
    view: groupView,
  });
  return { groups: items, ...rest };
}

/** Throws `request.missing`. */
export async function loadGroup({ query }: TenantScope, name: string): Promise<GroupRow> {
  const row = await query.selectFrom('groups').selectAll().where('groupName', '=', name).executeTakeFirst();
  if (row) return row;
  throw new HoldfastError('request.missing', {
    message: `There is no protection group ${name}.`,
    guidance: '`holdfast groups list` shows all; `holdfast groups create` makes one.',
  });
}

/** A group that computers may join. Makes the default one, if it is that. Throws `request.missing`, `request.conflict`. */
export async function loadOpenGroup(scope: TenantScope, name: string, clock: Clock): Promise<GroupRow> {
  if (name === defaultGroup)
    await scope.query
      .insertInto('groups')
      .values(newRow({ name, type: 'individual' }, clock))
      .onConflict((conflict) => conflict.columns(['tenant', 'groupName']).doNothing())
      .execute();
  const row = await loadGroup(scope, name);
  if (row.enabled === 1) return row;
  throw new HoldfastError('request.conflict', {
    message: `The protection group ${name} is disabled: nothing joins it.`,
    guidance: `\`holdfast groups enable ${name}\` changes that.`,
  });
}

/** Throws `request.conflict` when the name is taken, or for a type that there are no groups of yet. */
export async function createGroup(
  scope: TenantScope,
  o: { name: string; type: GroupType; managedBy?: string | null | undefined } & GivenSettings,
  clock: Clock,
): Promise<GroupRow> {
  if (o.type === 'directory' || o.type === 'cloud')
    throw new HoldfastError('request.conflict', {
      message: `Groups of type ${o.type} are not there yet.`,
      guidance: 'Use individual, csv or preinstalled.',
    });
  const row = newRow(o, clock);
  checkSettings(o.type, { ...row, exclusions: o.exclusions ?? [] });
  return scope.transaction(async ({ query }) => {
    const made = await query
      .insertInto('groups')
      .values(row)
      .onConflict((conflict) => conflict.columns(['tenant', 'groupName']).doNothing())
      .returningAll()
      .executeTakeFirst();
    if (made) return made;
    throw new HoldfastError('request.conflict', { message: `There is a protection group ${o.name} already.` });
  });
}

export async function changeGroup(
  scope: TenantScope,
  o: {
    name: string;
    settings: Settings;
    managedBy: string | null | undefined;
    requireUnchanged: (present: Group) => void;
  },
  clock: Clock,
): Promise<GroupRow> {
  return scope.transaction(async (inside) => {
    const before = await loadGroup(inside, o.name);
    o.requireUnchanged(groupView(before));
    checkSettings(before.type, o.settings);
    return inside.query
      .updateTable('groups')
      .set({
        ...columnsOf(o.settings, clock),
        managedBy: o.managedBy === undefined ? before.managedBy : (o.managedBy ?? ''),
      })
      .where('groupName', '=', o.name)
      .returningAll()
      .executeTakeFirstOrThrow();
  });
}

/**
 * Deletes a group with its tokens and what it expects; gives the computers that were moved, and the movers that have to be told of
 * revoked grants. Computers and repositories are moved to another one; without one the group has
 * to be empty. Throws `request.conflict` also while accounts are confined to it: a later group of its name would be theirs.
 */
export async function deleteGroup(
  scope: TenantScope,
  o: { name: string; moveTo?: string | undefined; requireUnchanged: (present: Group) => void },
  clock: Clock,
): Promise<{ movedIds: string[]; movers: Set<string> }> {
  const refuse = (message: string, guidance: string): never => {
    throw new HoldfastError('request.conflict', { message, guidance });
  };
  if (o.name === defaultGroup)
    refuse('The default protection group can not be deleted.', `Disable it: \`holdfast groups disable ${o.name}\`.`);
  if (o.name === o.moveTo) refuse(`The computers of ${o.name} are in ${o.name} already.`, 'Give another group.');
  return scope.transaction(async (inside) => {
    const { query } = inside;
    o.requireUnchanged(groupView(await loadGroup(inside, o.name)));
    const movedIds: string[] = [];
    let movers = new Set<string>();
    for (const table of ['computers', 'repositories'] as const) {
      if (o.moveTo === undefined) {
        const row = await query.selectFrom(table).select('id').where('groupName', '=', o.name).executeTakeFirst();
        if (row)
          refuse(`The protection group ${o.name} has ${table}; nothing was deleted.`, 'Say where they go: --move-to.');
      } else {
        await loadOpenGroup(inside, o.moveTo, clock);
        if (table === 'computers') {
          const rows = await query.selectFrom(table).select('id').where('groupName', '=', o.name).execute();
          movedIds.push(...rows.map(({ id }) => id));
        }
        await query.updateTable(table).set({ groupName: o.moveTo }).where('groupName', '=', o.name).execute();
        if (table === 'computers') {
          await checkMoved(inside, o.moveTo);
          movers = await revokeLostGrants(inside, { groupName: o.moveTo }, clock);
        }
      }
    }
    const accounts = await query
      .selectFrom('accounts')
      .select('name')
      .where('groupsJson', 'like', `%${JSON.stringify(o.name)}%`)
      .execute();
    if (accounts.length > 0)
      refuse(
        `Accounts are confined to the protection group ${o.name}: ${accounts.map(({ name }) => name).join(', ')}; nothing was deleted.`,
        'Change these accounts first.',
      );
    for (const table of ['joinTokens', 'expectedComputers', 'groups'] as const)
      await inside.deleteFrom(table).where('groupName', '=', o.name).execute();
    return { movedIds, movers };
  });
}

/** The next time of the day, in the server's time zone, that comes after `now`. */
export function nextRescan(rescanAt: string, now: Date): Date {
  const [hour = 0, minute = 0] = rescanAt.split(':').map(Number);
  const next = new Date(now);
  next.setHours(hour, minute, 0, 0);
  if (next <= now) next.setDate(next.getDate() + 1);
  return next;
}

export async function recordRescan({ query }: TenantScope, name: string, result: RescanResult): Promise<void> {
  await query
    .updateTable('groups')
    .set({ lastRescanJson: JSON.stringify(result) })
    .where('groupName', '=', name)
    .execute();
}

function newRow(
  o: { name: string; type: GroupType; managedBy?: string | null | undefined } & GivenSettings,
  clock: Clock,
): Omit<GroupRow, 'tenant'> {
  const { rescanAt = o.type === 'preinstalled' ? null : defaultRescanAt } = o;
  const settings = { exclusions: o.exclusions ?? [], enabled: o.enabled ?? true, csvFile: o.csvFile ?? null, rescanAt };
  return {
    groupName: o.name,
    type: o.type,
    ...columnsOf(settings, clock),
    createdAt: clock.now().toISOString(),
    lastRescanJson: null,
    managedBy: o.managedBy ?? '',
  };
}

function columnsOf(settings: Settings, clock: Clock) {
  const { exclusions, rescanAt, enabled, csvFile } = settings;
  return {
    exclusionsJson: JSON.stringify(exclusions),
    rescanAt,
    enabled: enabled ? 1 : 0,
    csvFile,
    nextRescanAt: rescanAt === null ? null : nextRescan(rescanAt, clock.now()).toISOString(),
  };
}

function checkSettings(type: GroupType, o: Pick<Settings, 'exclusions' | 'rescanAt' | 'csvFile'>): void {
  readExclusions(o.exclusions);
  if (o.csvFile !== null && type !== 'csv')
    throw new HoldfastError('request.conflict', { message: `A group of type ${type} reads no file.` });
  if (o.rescanAt !== null && type === 'preinstalled') throw notRescanned('A group of pre-installed computers');
}

export function notRescanned(what: string): HoldfastError {
  return new HoldfastError('request.conflict', {
    message: `${what} can not be rescanned: pre-installed agents call in by themselves.`,
    guidance: 'See when it was last heard of: `holdfast computers list`.',
  });
}
