import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ManualClock } from '@holdfast/core';
import { freePort, skipUnless } from '@holdfast/core/testing';
import { TestMover } from '../testing/test-mover.ts';
import { until } from '../testing/test-server.ts';
import { startTwoServers } from '../testing/two-servers.ts';

const hourMs = 3_600_000;
const jobCount = 12;

test('of two servers that look at the same schedules one starts what is due, each time once', {
  skip: skipUnless({ programs: ['postgres', 'psql', 'initdb', 'setpriv'] }),
}, async (t) => {
  const clock = new ManualClock(new Date());
  const [one, other] = await startTwoServers(t, { clock });
  const port = await freePort();
  await using mover = new TestMover(await one.join('mover', { ports: { 'server-to-mover': port } }), { port });
  await mover.listen();
  const repository = await one.client.call('createRepository', { body: { name: 'first', moverId: mover.id } });
  // An agent that is not there: its runs wait, and a session ends when it is stopped.
  const agent = await one.join('agent', { preinstalled: true });
  for (let number = 0; number < jobCount; number += 1)
    await one.client.call('createJob', {
      body: {
        name: `files ${number}`,
        computers: [agent.answer.id],
        scope: { kind: 'folders', paths: ['/srv'] },
        target: { kind: 'shared', repositoryId: repository.id },
        schedule: { kind: 'interval', everyMinutes: 60 },
        timeZone: 'UTC',
      },
    });
  for (const hour of [1, 2]) {
    clock.advance(hourMs);
    const sessions = async () => one.client.list('sessions', {});
    await until(async () => (await sessions()).length >= hour * jobCount, 'every job was started');
    // Whichever is behind looks at them as well, and both once more.
    for (let look = 0; look < 3; look += 1) {
      clock.advance(15_000);
      await delay(200);
    }
    const all = await other.client.list('sessions', {});
    assert.equal(all.length, hour * jobCount);
    assert.ok(all.every(({ trigger }) => trigger === 'schedule'));
    const fired = await one.readDatabase(`select "jobId", count(*) from "jobFirings" group by "jobId"`);
    assert.equal(fired.length, jobCount);
    assert.ok(
      fired.every((row) => row.endsWith(`|${hour}`)),
      fired.join(),
    );
    for (const { id, endedAt } of all)
      if (endedAt === undefined) await other.client.call('stopSession', { params: { id }, body: {} });
    // What was asked for at one is found by the other when it looks again.
    while ((await sessions()).some(({ endedAt }) => endedAt === undefined)) {
      clock.advance(2_000);
      await delay(50);
    }
  }
});
