import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { notifyConfigSchema } from '../configuration.ts';
import type { Outcome, Run } from '../event.ts';
import { maxRememberedRuns } from '../limits.ts';
import { StandAloneNotifications } from './stand-alone-notifications.ts';

const config = notifyConfigSchema.parse({
  destinations: { log: { kind: 'syslog', host: 'log', transport: 'udp' } },
  rules: [{ atLeast: 'information', send: ['log'] }],
  dailySummary: { at: '07:30' },
});

/** Messages go nowhere and are kept. */
async function opened(folder: string, clock: ManualClock) {
  const sent: string[] = [];
  const sendDatagram = async (_channel: string, _host: string, message: Uint8Array): Promise<void> => {
    sent.push(
      Buffer.from(message)
        .toString('utf8')
        .replace(/^.*\uFEFF/, ''),
    );
  };
  const dialOutside = () => Promise.reject(new Error('nothing is dialled here'));
  const notifications = await StandAloneNotifications.open({
    ...{ config, folder, computer: 'laptop' },
    context: {
      ...{ wire: { dialOutside, sendDatagram }, role: 'agent-linux', timeZone: 'Europe/Berlin', clock },
      readFile: async () => '',
    },
  });
  const deliver = () => notifications.deliver({ signal: new AbortController().signal });
  return { notifications, sent, deliver };
}

function run(clock: ManualClock, outcome: Outcome = 'succeeded', name = '/srv/backup'): Run {
  const endedAt = clock.now().toISOString();
  const startedAt = new Date(clock.now().getTime() - 60_000).toISOString();
  const problems = outcome === 'failed' ? [{ code: 'storage.full', message: 'It is full.', guidance: 'Free it.' }] : [];
  return {
    what: 'backup',
    name,
    computer: 'laptop',
    outcome,
    startedAt,
    endedAt,
    problems,
    problemCount: problems.length,
  };
}

test('runs are told as they end, and once a day all together, also when the computer was off at the time', async (t) => {
  const folder = temporaryFolder(t);
  const clock = new ManualClock(new Date('2026-01-10T09:00:00Z'));
  const first = await opened(folder, clock);
  await first.notifications.runEnded(run(clock));
  await first.deliver();
  // A new computer has no summary of the day on which it begins.
  assert.deepEqual(first.sent, ['Backup /srv/backup of laptop succeeded']);
  assert.equal((await first.notifications.nextWorkAt())?.toISOString(), '2026-01-11T06:30:00.000Z');

  clock.advance(20 * 3_600_000);
  const second = await opened(folder, clock);
  await second.notifications.runEnded(run(clock, 'failed'));
  await second.deliver();
  assert.deepEqual(second.sent, ['Backup /srv/backup of laptop failed: It is full.']);

  // Off at 07:30, on again at 11:00.
  clock.advance(6 * 3_600_000);
  const third = await opened(folder, clock);
  await third.deliver();
  await third.deliver();
  assert.deepEqual(third.sent, ['Summary: 1 succeeded, 0 with warnings, 1 failed']);
  clock.advance(24 * 3_600_000);
  await third.deliver();
  assert.equal(third.sent.at(-1), 'Summary: nothing was run');
});

test('the picture is of the same work, and what is remembered is bounded', async (t) => {
  const clock = new ManualClock(new Date('2026-01-10T09:00:00Z'));
  const folder = temporaryFolder(t);
  const { notifications } = await opened(folder, clock);
  await notifications.runEnded(run(clock, 'succeeded', '/srv/other'));
  for (const outcome of ['succeeded', 'warning', 'failed'] as const) {
    clock.advance(60_000);
    await notifications.runEnded(run(clock, outcome));
  }
  const last = (await notifications.store.waiting()).at(-1)?.event;
  assert.ok(last?.kind === 'run-ended');
  assert.deepEqual(
    last.history.map(({ outcome }) => outcome),
    ['succeeded', 'warning', 'failed'],
  );
  assert.deepEqual(
    last.history.map(({ durationMs }) => durationMs),
    [60_000, 60_000, 60_000],
  );
  const path = join(folder, 'runs.json');
  const state = JSON.parse(readFileSync(path, 'utf8')) as { runs: unknown[] };
  const runs = Array.from({ length: maxRememberedRuns }, () => state.runs.at(-1));
  writeFileSync(path, JSON.stringify({ ...state, runs }));
  clock.advance(60_000);
  await notifications.runEnded(run(clock));
  const newest = (await notifications.store.waiting()).at(-1)?.event;
  assert.ok(newest?.kind === 'run-ended' && newest.history.length === 30);
  assert.equal(newest.history.at(-1)?.outcome, 'succeeded');
  assert.equal((JSON.parse(readFileSync(path, 'utf8')) as { runs: unknown[] }).runs.length, maxRememberedRuns);
});

test('a history that is none begins anew', async (t: TestContext) => {
  const folder = temporaryFolder(t);
  const clock = new ManualClock();
  for (const content of ['', '{', '{"runs":[]}']) {
    writeFileSync(join(folder, 'runs.json'), content);
    const { notifications, deliver } = await opened(folder, clock);
    await notifications.runEnded(run(clock));
    await deliver();
  }
});
