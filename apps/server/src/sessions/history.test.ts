import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unlistSnapshots } from '../runs/run-store.ts';
import { testCatalogue } from '../testing/test-database.ts';
import { plainPlan } from './session-plan.ts';
import { createSession, pruneSessions } from './session-store.ts';

test('old sessions are forgotten with their runs and logs; a run that made a snapshot stays as long as that, also beside snapshots of no run', async (t) => {
  const catalogue = await testCatalogue(t.fullName);
  t.after(() => catalogue[Symbol.asyncDispose]());
  const scope = catalogue.tenant('default');
  const { query } = scope;
  const now = new Date('2026-01-02T00:00:00.000Z');
  const computer = { role: 'agent', hostname: 'h', address: 'a', platform: 'linux', productVersion: '1' } as const;
  const certificate = { certificateSerial: '0', certificateFingerprint: 'f', certificateExpiresAt: '2026' };
  await query
    .insertInto('computers')
    .values({ id: 'a', groupName: 'default', portsJson: '{}', enrolledAt: '2026', ...computer, ...certificate })
    .execute();
  await query
    .insertInto('repositories')
    .values({ id: 'r', name: 'r', moverId: 'a', location: '', sealedPassword: '', createdAt: now.toISOString() })
    .execute();
  const session = await createSession(scope, {
    ...{ kind: 'backup', groupName: 'default', trigger: 'person', plan: plainPlan, now },
  });
  await query.updateTable('sessions').set({ state: 'succeeded', endedAt: now.toISOString() }).execute();
  const run = (id: string) => ({
    ...{ id, kind: 'backup' as const, jobId: null, agentId: 'a', repositoryId: 'r', orderJson: '{}', sessionId: id },
    ...{ state: 'succeeded' as const, handedOver: 1, cancelRequested: 0, jobSessionId: session },
    ...{ queuedAt: now.toISOString(), problemsJson: '[]', problemCount: 0, degradationsJson: '[]' },
  });
  await query
    .insertInto('runs')
    .values([run('made'), run('failed')])
    .execute();
  const line = { number: 0, at: now.toISOString(), level: 'info', process: 'server', writer: 'server' } as const;
  await query
    .insertInto('runLog')
    .values(['made', 'failed'].map((runId) => ({ ...line, runId, message: 'it began' })))
    .execute();
  const snapshot = (id: string, runId: string | null) => ({
    ...{ id, runId, repositoryId: 'r', agentId: 'a', hostname: 'h', sourcesJson: '[]', tagsJson: '[]' },
    ...{ takenAt: now.toISOString(), totalFiles: 0, totalBytes: 0, storedBytes: 0 },
  });
  await query
    .insertInto('snapshots')
    .values([snapshot('s1', 'made'), snapshot('found', null)])
    .execute();
  assert.equal(await pruneSessions(scope, { before: now, limit: 10 }), 0);
  assert.equal(await pruneSessions(scope, { before: new Date(now.getTime() + 1), limit: 10 }), 1);
  const runs = async () => (await query.selectFrom('runs').select('id').execute()).map(({ id }) => id);
  assert.deepEqual(await runs(), ['made']);
  assert.deepEqual(await query.selectFrom('runLog').selectAll().execute(), []);
  assert.deepEqual(await query.selectFrom('sessions').selectAll().execute(), []);
  await unlistSnapshots(scope, 'r', ['s1', 'found']);
  assert.deepEqual(await runs(), []);
});
