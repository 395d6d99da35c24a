import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { TestPostgres } from '@holdfast/server/testing';
import { prepareInstallation } from './installation.ts';
import { measureFleet } from './measure-fleet.ts';
import { renderFleet } from './report.ts';

const say = (): void => undefined;
const conditions = { taskMs: 200, settleMs: 500, readsPerSecond: 5, giveUpMs: 180_000 };

test('a small fleet is measured on one instance', async (t) => {
  const folder = temporaryFolder(t);
  const installation = await prepareInstallation({ folder, agentCount: 4, database: undefined, say });
  const alone = { ...conditions, instances: 1, kills: 0, killEveryMs: 1, database: undefined };
  const measured = await measureFleet({ ...alone, installation, say });
  assert.deepEqual(
    measured.map(({ sessions, twice, never, failed }) => ({ sessions, twice, never, failed })),
    [{ sessions: 1, twice: 0, never: 0, failed: 0 }],
  );
  assert.match(renderFleet(measured), /^\| 4 \| 1 \| 4 \|/m);
  // What was enrolled is measured as often as one likes.
  assert.equal(
    (await prepareInstallation({ folder, agentCount: 4, database: undefined, say })).jobId,
    installation.jobId,
  );
});

test('no task of a small fleet is run twice or never while instances are killed', {
  skip: skipUnless({ programs: ['postgres', 'psql', 'initdb', 'setpriv'] }),
}, async (t) => {
  const cluster = await TestPostgres.start(t);
  await cluster.statement('create database fleet');
  const database = cluster.url('fleet');
  const installation = await prepareInstallation({ folder: temporaryFolder(t), agentCount: 12, database, say });
  const [, killed] = await measureFleet({
    ...{ ...conditions, instances: 3, kills: 2, killEveryMs: 1_000 },
    ...{ installation, database, say },
  });
  assert.ok(killed && killed.sessions >= 1 && killed.kills === 2);
  const { twice, never, failed } = killed;
  assert.deepEqual({ twice, never, failed }, { twice: 0, never: 0, failed: 0 });
});
