import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { SnapshotFacts } from '@holdfast/protocol';
import { testCatalogue } from '../testing/test-database.ts';
import { refreshSnapshots } from './refresh-snapshots.ts';
import type { RepositoryQueries } from './repository-queries.ts';

const at = '2026-01-10T06:30:00.000Z';
const idOf = (number: number): string => number.toString(16).padStart(64, '0');

/** A repository of group `default` whose executor finds what it is told to. */
async function made(t: TestContext) {
  const catalogue = await testCatalogue(t.fullName);
  t.after(() => catalogue[Symbol.asyncDispose]());
  const scope = catalogue.tenant('local');
  const join = async (
    hostname: string,
    o: { role?: 'agent' | 'mover'; groupName?: string; revoked?: boolean } = {},
  ): Promise<string> => {
    const id = crypto.randomUUID();
    await scope.query
      .insertInto('computers')
      .values({
        ...{ id, role: o.role ?? 'agent', groupName: o.groupName ?? 'default', hostname, address: '192.0.2.1' },
        ...{ platform: 'linux', productVersion: '1.0.0', portsJson: '{}', certificateSerial: id },
        ...{ certificateFingerprint: id, certificateExpiresAt: at, enrolledAt: at },
        ...(o.revoked ? { revokedAt: at } : {}),
      })
      .execute();
    return id;
  };
  const moverId = await join('store', { role: 'mover' });
  const repositoryId = crypto.randomUUID();
  await scope.query
    .insertInto('repositories')
    .values({
      ...{ id: repositoryId, name: 'shared', groupName: 'default', moverId, location: '/srv', sealedPassword: 'x' },
      ...{ createdAt: at, initialisedAt: at },
    })
    .execute();
  const backUp = async (agentId: string): Promise<void> => {
    await scope.query
      .insertInto('runs')
      .values({
        ...{ id: crypto.randomUUID(), kind: 'backup', agentId, repositoryId, orderJson: '{}', state: 'succeeded' },
        ...{ sessionId: crypto.randomUUID(), handedOver: 1, cancelRequested: 0, queuedAt: at, endedAt: at },
        ...{ problemsJson: '[]', problemCount: 0, degradationsJson: '[]' },
      })
      .execute();
  };
  const pages: { snapshots: SnapshotFacts[]; next?: string }[] = [];
  const queries = {
    ask: async (_scope: unknown, { query }: { query: { after?: string } }) => {
      const page = query.after === undefined ? 0 : pages.findIndex(({ next }) => next === query.after) + 1;
      return { answer: { kind: 'snapshots', ...(pages[page] ?? assert.fail()) }, unreadable: 0 };
    },
  } as unknown as Pick<RepositoryQueries, 'ask'>;
  const found = (hostname: string, number: number): SnapshotFacts => ({
    ...{ id: idOf(number), takenAt: at, hostname, sources: ['/'], tags: [] },
  });
  const refresh = (trustNames = false) =>
    refreshSnapshots(scope, queries, { repositoryId, trustNames, signal: new AbortController().signal });
  const owners = async (): Promise<Record<string, string>> => {
    const rows = await scope.query.selectFrom('snapshots').select(['hostname', 'agentId']).orderBy('id').execute();
    return Object.fromEntries(rows.map(({ hostname, agentId }) => [hostname, agentId]));
  };
  return { scope, join, backUp, moverId, pages, found, refresh, owners };
}

test('what is found is its computer’s, and nobody comes by it who takes the name', async (t) => {
  const { scope, join, backUp, moverId, pages, found, refresh, owners } = await made(t);
  const alpha = await join('alpha');
  const thief = await join('beta');
  for (const agent of [alpha, thief]) await backUp(agent);
  // Has never backed up here.
  await join('delta');
  // Was here once, and belongs to another group now; was revoked.
  await join('gamma', { groupName: 'elsewhere' });
  await join('omega', { revoked: true });
  const names = ['alpha', 'delta', 'gamma', 'omega', 'nobody', 'nul\0name'];
  pages.push(
    { snapshots: names.slice(0, 2).map(found), next: idOf(1) },
    { snapshots: names.slice(2).map((name, index) => found(name, index + 2)) },
  );
  // A computer says itself what it is called: it tries each of the names.
  for (const name of ['gamma', 'omega', 'alpha']) {
    await scope.query.updateTable('computers').set({ hostname: name }).where('id', '=', thief).execute();
    await scope.deleteFrom('snapshots').execute();
    const { added, hostnames } = await refresh();
    assert.equal(added, names.length);
    assert.deepEqual(hostnames, [...names.slice(0, -1), 'nul\uFFFDname'].sort());
    const of = await owners();
    assert.ok(!Object.values(of).includes(thief), name);
    assert.equal(of['alpha'], name === 'alpha' ? moverId : alpha);
    for (const other of ['delta', 'gamma', 'omega', 'nobody', 'nul\uFFFDname']) assert.equal(of[other], moverId, other);
  }
  // A name of its own, that nobody else has.
  await scope.query.updateTable('computers').set({ hostname: 'beta' }).where('id', '=', thief).execute();
  pages.splice(0, 2, { snapshots: [found('beta', 1), found('alpha', 2)] });
  const { added, removed } = await refresh();
  assert.deepEqual([added, removed], [0, names.length - 2]);
  await scope.deleteFrom('snapshots').execute();
  await refresh();
  assert.deepEqual(await owners(), { beta: thief, alpha });
});

test('where an administrator vouches for names, what is nobody’s goes to the one that has joined', async (t) => {
  const { join, moverId, pages, found, refresh, owners } = await made(t);
  await join('alpha', { revoked: true });
  pages.push({ snapshots: [found('alpha', 1), found('twin', 2)] });
  await refresh();
  assert.deepEqual(await owners(), { alpha: moverId, twin: moverId });
  const alpha = await join('alpha');
  for (let twins = 0; twins < 2; twins += 1) await join('twin');
  await refresh(true);
  assert.deepEqual(await owners(), { alpha, twin: moverId });
});

test('a list that does not get on is not followed for ever, and nothing of it is taken over', async (t) => {
  const { pages, found, refresh, owners } = await made(t);
  pages.push({ snapshots: [found('alpha', 1)], next: idOf(1) }, { snapshots: [found('alpha', 2)], next: idOf(0) });
  await assert.rejects(refresh(), { code: 'internal.limit' });
  assert.deepEqual(await owners(), {});
});
