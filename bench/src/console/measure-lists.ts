import type { RestClient } from '@holdfast/protocol';
import { type Timing, Timings } from './timing.ts';

/** As many rows as a table of the console asks for at once. */
const pageSize = 200;

/** What the pages of the console ask a server with a large fleet, one request after another. */
export async function measureLists(o: {
  readonly client: RestClient;
  readonly server: number;
  readonly rounds: number;
}): Promise<readonly Timing[]> {
  const { client } = o;
  const limit = pageSize;
  const timings = new Timings();
  const [computer] = (await client.call('computers', { query: { role: 'agent', limit: 1 } })).computers;
  const agentId = computer?.id ?? '';
  const asked: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['overview', () => client.call('overview', {})],
    ['computers', () => client.call('computers', { query: { limit, total: 'true' } })],
    ['computers by name', () => client.call('computers', { query: { limit, total: 'true', sort: 'name' } })],
    [
      'computers by last backup',
      () => client.call('computers', { query: { limit, total: 'true', sort: 'lastBackup' } }),
    ],
    [
      'computers, part of a name',
      () => client.call('computers', { query: { limit, total: 'true', text: 'host-099' } }),
    ],
    [
      'computers, unprotected',
      () => client.call('computers', { query: { limit, total: 'true', state: 'unprotected' } }),
    ],
    ['computers of a group', () => client.call('computers', { query: { limit, total: 'true', group: 'group-7' } })],
    ['runs', () => client.call('runs', { query: { limit, total: 'true' } })],
    ['runs, failed', () => client.call('runs', { query: { limit, total: 'true', state: 'failed' } })],
    ['runs of a computer', () => client.call('runs', { query: { limit, total: 'true', agentId } })],
    ['repositories', () => client.call('repositories', { query: { limit } })],
    ['backups of a computer', () => client.call('snapshots', { query: { limit, agentId } })],
  ];
  for (let round = 0; round < o.rounds; round += 1)
    for (const [what, ask] of asked) await timings.time(what, ask, () => [o.server]);
  return timings.all;
}
