import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Run } from '@holdfast/protocol';
import { eventOfCause } from '../notifications/notification-events.ts';
import { loadRepository } from '../repositories.ts';
import { testCatalogue } from '../testing/test-database.ts';
import { alertView, forgetAlerts, raiseAlerts, settleAlert } from './alerts.ts';
import { analysisFields, isToAnalyse, repositoriesToAnalyse, takeComparisons } from './comparisons.ts';

const hourMs = 3_600_000;
const start = Date.parse('2026-01-31T00:00:00.000Z');
const at = (hours: number): Date => new Date(start + hours * hourMs);
const idOf = (letter: string): string => letter.repeat(64);

test('compared is with the earliest of a day, else with the nearest of a month; alerts are raised once, and settled', async (t) => {
  const catalogue = await testCatalogue(t.fullName);
  t.after(() => catalogue[Symbol.asyncDispose]());
  const scope = catalogue.tenant('default');
  const { query } = scope;
  const certificate = { certificateSerial: '0', certificateFingerprint: 'f', certificateExpiresAt: '2026' };
  const computer = { role: 'agent', hostname: 'h', address: 'a', platform: 'linux', productVersion: '1' } as const;
  await query
    .insertInto('computers')
    .values({ id: 'a', groupName: 'default', portsJson: '{}', enrolledAt: '2026', ...computer, ...certificate })
    .execute();
  await query
    .insertInto('repositories')
    .values({ id: 'r', name: 'r', moverId: 'a', location: '', sealedPassword: '', createdAt: '2026' })
    .execute();
  /** What a backup that is listed then is compared with. The clock of the computer says something else. */
  const listed = async (
    letter: string,
    hours: number,
    { backupSet = 'home', totalFiles = 0, newFiles = 100 } = {},
  ): Promise<string | undefined> => {
    const backup = {
      ...{ id: idOf(letter), repositoryId: 'r', agentId: 'a', backupSet, listedAt: at(hours).toISOString() },
      totalFiles,
    };
    await query
      .insertInto('snapshots')
      .values({
        ...{ runId: null, hostname: 'h', sourcesJson: '[]', tagsJson: '[]', takenAt: at(-hours).toISOString() },
        ...{ totalBytes: 0, storedBytes: 0, ...backup, ...(await analysisFields(scope, { ...backup, newFiles })) },
      })
      .execute();
    assert.deepEqual(await repositoriesToAnalyse(scope), (await isToAnalyse(scope, 'r')) ? ['r'] : []);
    const order = await takeComparisons(scope, await loadRepository(scope, 'r'));
    assert.deepEqual(await repositoriesToAnalyse(scope), []);
    return order?.comparisons.map(({ before }) => before[0]).join();
  };
  assert.equal(await listed('a', 0), undefined);
  assert.equal(await listed('b', 10), 'a');
  assert.equal(await listed('c', 20), 'a');
  assert.equal(await listed('d', 25), 'a');
  assert.equal(await listed('e', 26), 'b');
  assert.equal(await listed('f', 26.5, { backupSet: 'another' }), undefined);
  assert.equal(await listed('0', 26 + 29 * 24), 'e');
  assert.equal(await listed('1', 26 + 60 * 24), undefined);
  // Of as many files as there were and have come, as many are there but for 99; then one more is gone.
  const counted = { backupSet: 'counted', totalFiles: 500, newFiles: 500 };
  assert.equal(await listed('3', 0, counted), undefined);
  assert.equal(await listed('4', 1, { ...counted, totalFiles: 451, newFiles: 50 }), undefined);
  assert.equal(await listed('5', 2, { ...counted, totalFiles: 450, newFiles: 0 }), '3');
  const off = JSON.stringify({ ransomwareAnalysis: false });
  await query.updateTable('repositories').set({ maintenanceJson: off }).execute();
  assert.equal(await listed('2', 27 + 60 * 24), undefined);

  const raised = async (hours: number, gone: number, since = 0): Promise<number> => {
    const count = async () => (await query.selectFrom('ransomwareAlerts').select('id').execute()).length;
    const before = await count();
    const pair = { before: idOf('a'), after: idOf('b') };
    await raiseAlerts(scope, {
      run: { id: 'run', repositoryId: 'r' } as Run,
      found: {
        kind: 'analysis',
        comparisons: [
          { ...pair, changes: [{ extension: 'docx', before: 1_000, gone, renamed: 0, folders: 0 }] },
          // Nobody asked for it.
          { before: idOf('c'), after: idOf('d'), changes: [{ before: 100, gone: 100, renamed: 0, folders: 0 }] },
        ],
        durationMs: 1,
      },
      order: {
        kind: 'analysis',
        comparisons: [{ ...pair, agentId: 'a', hostname: 'h', since: at(since).toISOString() }],
      },
      now: at(hours),
    });
    return (await count()) - before;
  };
  assert.deepEqual(
    [await raised(1, 500), await raised(1, 540), await raised(2, 600), await raised(3, 700)],
    [0, 1, 0, 1],
  );
  const rows = await query.selectFrom('ransomwareAlerts').selectAll().orderBy('raisedAt').execute();
  const [first = assert.fail(), second = assert.fail()] = rows.map(alertView);
  assert.deepEqual(first.findings, [
    { sign: 'mass-deletion', extension: 'docx', files: 540, of: 1_000, thresholdPercent: 50 },
  ]);
  const event = await eventOfCause(scope, { kind: 'ransomware-alert', alertId: first.id }, { from: 's', now: at(1) });
  assert.ok(event?.kind === 'ransomware-alert');
  assert.deepEqual([event.computer, event.repository, event.signs], ['h', 'r', ['540 of 1,000 files .docx are gone']]);
  const settled = await settleAlert(scope, { id: first.id, state: 'false-alarm', by: 'user/ada', now: at(4) });
  assert.deepEqual([settled.state, settled.settledBy], ['false-alarm', 'user/ada']);
  await settleAlert(scope, { id: second.id, state: 'acknowledged', by: 'user/ada', now: at(4) });
  // From 50 to 55 percent.
  assert.deepEqual([await raised(30, 550, 20), await raised(30, 551, 20)], [0, 1]);
  await forgetAlerts(scope, at(5 + 14 * 24));
  const kept = await query.selectFrom('ransomwareAlerts').select('state').orderBy('raisedAt').execute();
  assert.deepEqual(
    kept.map(({ state }) => state),
    ['false-alarm', 'open'],
  );
});
