import { hostname } from 'node:os';
import type { Pseudonyms } from '@holdfast/support';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import type { DatabasePlace } from '../catalogue/database.ts';
import type { ServerConfig } from '../config.ts';
import { listJobs, settingsOf } from '../jobs/job-rows.ts';

/** Tells who is to be anonymous by which names: those of the catalogue, and of the server itself. */
export async function knowNames(
  pseudonyms: Pseudonyms,
  o: {
    readonly scope: TenantScope;
    readonly catalogue: Catalogue;
    readonly place: DatabasePlace;
    readonly config: ServerConfig;
    readonly names: readonly string[];
  },
): Promise<void> {
  const { query } = o.scope;
  const instances = await o.catalogue.system.selectFrom('instances').select('name').execute();
  const computers = await query.selectFrom('computers').select(['hostname', 'address']).execute();
  const expected = await query.selectFrom('expectedComputers').select(['name', 'address']).execute();
  pseudonyms.know('computer', [hostname(), ...o.names, ...o.config.names, ...instances.map(({ name }) => name)]);
  if (o.config.publicUrl !== undefined) pseudonyms.know('computer', [new URL(o.config.publicUrl).hostname]);
  if (o.place.kind === 'postgres') pseudonyms.know('computer', [o.place.address.host]);
  pseudonyms.know('computer', [...computers.map((one) => one.hostname), ...expected.map(({ name }) => name)]);
  // One that is called by a name stands in the catalogue with it.
  pseudonyms.know(
    'computer',
    [...computers, ...expected].flatMap(({ address }) =>
      address !== null && /[a-z]/i.test(address) && !address.includes(':') ? [address] : [],
    ),
  );
  for (const { groupName } of await query.selectFrom('groups').select('groupName').execute())
    pseudonyms.know('group', [groupName]);
  for (const { name } of await query.selectFrom('repositories').select('name').execute())
    pseudonyms.know('repository', [name]);
  for (const { name, displayName } of await query.selectFrom('accounts').select(['name', 'displayName']).execute())
    pseudonyms.know('person', [name, displayName]);
  for (const { name } of await query.selectFrom('bandwidthRules').select('name').execute())
    pseudonyms.know('name', [name]);
  const jobs = (await listJobs(o.scope)).map((row) => settingsOf(row).name);
  // Of deleted ones as well.
  const sessions = await query.selectFrom('sessions').select('jobName').distinct().execute();
  pseudonyms.know('name', [...jobs, ...sessions.flatMap(({ jobName }) => jobName ?? [])]);
}
