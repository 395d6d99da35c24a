import type { JobSettings } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { JobKind } from '../catalogue/schema.ts';
import type { ComputerRow } from '../computers/computers.ts';
import { maxInsertedRows, maxJobComputers, maxQueryValues } from '../limits.ts';
import { chunks } from './chunks.ts';

/** No group has this name: it is no slug. */
const manyGroups = '*';

/** The group that all computers of a job are in. */
export function groupOf(settings: Pick<JobSettings, 'groups'>, computers: readonly ComputerRow[]): string {
  const names = new Set([...settings.groups, ...computers.map(({ groupName }) => groupName)]);
  const [only = manyGroups, another] = names;
  return another === undefined ? only : manyGroups;
}

/** The agents that a job is about now: those that it names and those in its groups, without revoked ones. */
export async function computersOf(
  { query }: TenantScope,
  settings: Pick<JobSettings, 'computers' | 'groups'>,
): Promise<ComputerRow[]> {
  const agents = query
    .selectFrom('computers')
    .selectAll()
    .where('role', '=', 'agent')
    .where('revokedAt', 'is', null)
    .orderBy('enrolledAt')
    .limit(maxJobComputers);
  const found = new Map<string, ComputerRow>();
  for (let first = 0; first < settings.computers.length; first += maxQueryValues) {
    const named = settings.computers.slice(first, first + maxQueryValues);
    for (const row of await agents.where('id', 'in', named).execute()) found.set(row.id, row);
  }
  if (settings.groups.length > 0)
    for (const row of await agents.where('groupName', 'in', settings.groups).execute()) found.set(row.id, row);
  return [...found.values()];
}

/** Enters what a job is about, in the place of what it was about before. Gives the group of all of it. */
export async function setMembers(
  scope: TenantScope,
  { id: jobId, kind }: { readonly id: string; readonly kind: JobKind },
  settings: JobSettings,
): Promise<string> {
  const computers = await computersOf(scope, settings);
  const named = new Set(settings.computers);
  const members = [
    ...[...new Set(settings.groups)].map((groupName) => ({ jobId, kind, agentId: '', groupName })),
    ...computers
      .filter(({ id }) => named.has(id))
      .map(({ id, groupName }) => ({ jobId, kind, agentId: id, groupName })),
  ];
  await scope.deleteFrom('jobMembers').where('jobId', '=', jobId).execute();
  for (const some of chunks(members, maxInsertedRows))
    await scope.query.insertInto('jobMembers').values(some).execute();
  return groupOf(settings, computers);
}
