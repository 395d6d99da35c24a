import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { HoldfastError, hasCode, ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { type NotifyConfig, notifyConfigSchema } from './configuration.ts';
import { eventSchema, type NotificationEvent } from './event.ts';
import { giveUpAfterMs, maxDead, maxWaiting } from './limits.ts';
import { type Attempt, Notifier } from './notifier.ts';
import { FolderStore } from './queue/folder-store.ts';
import { destinationsOf } from './rules.ts';
import { sampleEvents } from './testing/sample-events.ts';

const hourMs = 3_600_000;

const mail = { kind: 'smtp', host: 'mx.example.com', from: 'holdfast@example.com' };
const twoMails = notifyConfigSchema.parse({
  destinations: { office: { ...mail, to: ['a@example.com', 'b@example.com'] }, log: { kind: 'syslog', host: 'log' } },
});

/** A notifier whose connections fail with what `fails` says, on a clock of its own. */
async function notifierIn(
  folder: string,
  o: { readonly config?: NotifyConfig; readonly clock?: ManualClock; readonly fails?: () => HoldfastError },
) {
  const clock = o.clock ?? new ManualClock(new Date('2026-01-10T06:31:00Z'));
  const store = await FolderStore.open(folder);
  let dials = 0;
  const dialOutside = async (): Promise<never> => {
    dials += 1;
    throw o.fails?.() ?? new HoldfastError('channel.refused');
  };
  const notifier = new Notifier({
    config: o.config ?? twoMails,
    store,
    context: {
      ...{ wire: { dialOutside, sendDatagram: async () => undefined }, role: 'agent-linux', timeZone: 'UTC', clock },
      readFile: async () => '',
    },
  });
  const deliver = async (): Promise<Attempt[]> => {
    const attempts: Attempt[] = [];
    const signal = new AbortController().signal;
    await notifier.deliver({ signal, onAttempt: (attempt) => attempts.push(attempt) });
    return attempts;
  };
  return { notifier, store, clock, deliver, dials: () => dials };
}

const failure = (): NotificationEvent => ({ ...sampleEvents['run-ended'], id: randomUUID() });
const kinds = (attempts: readonly Attempt[]): string[] => attempts.map(({ result }) => result.kind);

test('a notification survives a restart, is tried again at growing intervals, and ends among the dead', async (t) => {
  const folder = temporaryFolder(t);
  const first = await notifierIn(folder, {});
  assert.equal(await first.notifier.report(failure()), 3);
  // As after a crash: another process, the same folder and clock.
  const { deliver, clock, store, notifier, dials } = await notifierIn(folder, { clock: first.clock });
  assert.deepEqual(kinds(await deliver()), ['postponed', 'postponed', 'postponed']);
  // Both mails go to a server that is down: it was waited for once.
  assert.equal(dials(), 2);
  assert.deepEqual(await deliver(), []);
  const startedMs = clock.now().getTime();
  const intervals: number[] = [];
  let tries = 1;
  while ((await store.waiting()).length > 0) {
    const [next] = await store.waiting();
    assert.ok(next);
    intervals.push(next.dueAt.getTime() - clock.now().getTime());
    clock.advance(Math.max(0, next.dueAt.getTime() - clock.now().getTime()));
    await deliver();
    tries += 1;
  }
  assert.ok((intervals[0] ?? 0) >= 60_000 && (intervals[0] ?? 0) <= 75_000);
  assert.ok(Math.max(...intervals) <= 5 * hourMs);
  assert.ok(tries > 20 && tries < 200, `${tries}`);
  assert.ok(clock.now().getTime() - startedMs <= giveUpAfterMs);
  const dead = await store.dead();
  assert.equal(dead.length, 3);
  assert.equal(dead[0]?.lastError?.code, 'channel.refused');

  // Somebody has mended it, and wants one of them after all.
  assert.equal(await store.revive({ now: clock.now(), ids: [dead[0]?.id ?? ''] }), 1);
  assert.equal((await store.dead()).length, 2);
  assert.deepEqual(kinds(await deliver()), ['postponed']);
  await notifier.report(failure());
  assert.equal((await store.waiting()).length, 4);
});

test('what was refused for good is not tried again, and holds up nobody else', async (t) => {
  const { notifier, deliver, store, dials } = await notifierIn(temporaryFolder(t), {
    fails: () => new HoldfastError('notify.refused'),
  });
  await notifier.report(failure());
  assert.deepEqual(kinds(await deliver()), ['given-up', 'given-up', 'given-up']);
  assert.equal(dials(), 3);
  assert.equal((await store.waiting()).length, 0);
  assert.equal((await store.dead()).length, 3);
});

test('what waits goes to nobody whom the configuration has left out since', async (t) => {
  const folder = temporaryFolder(t);
  const before = await notifierIn(folder, {});
  await before.notifier.report(failure());
  const config = notifyConfigSchema.parse({ destinations: { office: { ...mail, to: ['a@example.com'] } } });
  const { deliver, store, dials } = await notifierIn(folder, { config, clock: before.clock });
  assert.deepEqual(kinds(await deliver()).sort(), ['given-up', 'given-up', 'postponed']);
  assert.equal(dials(), 1);
  assert.deepEqual(
    (await store.waiting()).map(({ recipient }) => recipient),
    ['a@example.com'],
  );
});

test('a turn of sending ends when its time is over, and the rest stays due', async (t) => {
  const clock = new ManualClock(new Date('2026-01-10T06:31:00Z'));
  const fails = (): HoldfastError => {
    clock.advance(20_000);
    return new HoldfastError('notify.deferred');
  };
  const { notifier, deliver, dials } = await notifierIn(temporaryFolder(t), { clock, fails });
  await notifier.report(failure());
  await notifier.deliver({ signal: new AbortController().signal, limitMs: 30_000 });
  assert.equal(dials(), 2);
  assert.equal((await deliver()).length, 1);
});

test('a server that asks for patience gets it', async (t) => {
  const { notifier, deliver, clock } = await notifierIn(temporaryFolder(t), {
    fails: () => new HoldfastError('notify.deferred', { context: { retryAfterMs: hourMs } }),
  });
  await notifier.report(failure());
  for (const { result } of await deliver()) {
    assert.equal(result.kind, 'postponed');
    assert.equal(result.kind === 'postponed' && result.dueAt.getTime(), clock.now().getTime() + hourMs);
  }
});

test('one of several processes gets a notification, and another one when the first is gone', async (t) => {
  const folder = temporaryFolder(t);
  const { notifier, store, clock } = await notifierIn(folder, {});
  await notifier.report(failure());
  const stores = [
    store,
    await FolderStore.open(folder),
    await FolderStore.open(folder),
    await FolderStore.open(folder),
  ];
  const take = (one: FolderStore) => one.takeDue({ now: clock.now(), claimMs: hourMs });
  const taken = (await Promise.all(stores.map(take))).map((one) => one?.id).filter((id) => id !== undefined);
  assert.equal(taken.length, 3);
  assert.equal(new Set(taken).size, 3);
  assert.equal(await take(store), undefined);
  clock.advance(hourMs);
  const again = await take(store);
  assert.ok(again);
  // The one who was too slow changes nothing any more.
  await store.done(again);
  await store.failed(again, { error: new HoldfastError('run.timeout').toJSON(), dueAt: clock.now() });
  await store.givenUp(again, { error: new HoldfastError('run.timeout').toJSON() });
  assert.equal((await store.waiting()).length, 2);
  assert.equal((await store.dead()).length, 0);
});

test('what is no notification is put aside', async (t: TestContext) => {
  const folder = temporaryFolder(t);
  const { notifier, store, deliver } = await notifierIn(folder, {});
  for (const content of ['', '{"id":1}', 'x'.repeat(300_000)])
    writeFileSync(join(folder, 'waiting', `0000000000000001-${randomUUID()}.json`), content);
  writeFileSync(join(folder, 'waiting', 'readme'), '');
  await notifier.report(failure());
  assert.equal((await deliver()).length, 3);
  assert.equal(readdirSync(join(folder, 'dead')).length, 3);
  assert.deepEqual(await store.dead(), []);
});

test('the queue and the dead are bounded', async (t) => {
  const { store, clock } = await notifierIn(temporaryFolder(t), {});
  const notification = () => ({
    ...{ id: randomUUID(), destination: 'office', recipient: undefined, event: sampleEvents.trial },
    ...{ createdAt: clock.now(), attempts: 0, lastError: undefined },
  });
  const many = Array.from({ length: maxDead + 3 }, notification);
  await store.add(many);
  await assert.rejects(store.add(Array.from({ length: maxWaiting - many.length + 1 }, notification)), (error) =>
    hasCode(error, 'internal.limit'),
  );
  for (;;) {
    const taken = await store.takeDue({ now: clock.now(), claimMs: hourMs });
    if (!taken) break;
    await store.givenUp(taken, { error: new HoldfastError('notify.refused').toJSON() });
  }
  assert.equal((await store.dead()).length, maxDead);
});

test('a destination that is gone from the configuration', async (t) => {
  const folder = temporaryFolder(t);
  const before = await notifierIn(folder, {});
  await before.notifier.report(failure());
  const config = notifyConfigSchema.parse({ destinations: { other: { kind: 'syslog', host: 'log' } } });
  const { deliver, store } = await notifierIn(folder, { config, clock: before.clock });
  assert.deepEqual(kinds(await deliver()), ['given-up', 'given-up', 'given-up']);
  assert.match((await store.dead())[0]?.lastError?.message ?? '', /no destination (office|log) any more/);
});

test('who gets what', () => {
  const destinations = {
    office: { ...mail, to: ['a@example.com'] },
    log: { kind: 'syslog', host: 'log' },
    chat: { kind: 'webhook', url: 'https://chat.example.com/x', secretFile: '/s' },
  };
  const all = ['office', 'log', 'chat'];
  const succeeded = eventSchema.parse({
    ...sampleEvents['run-ended'],
    run: { ...sampleEvents['run-ended'].run, outcome: 'succeeded' },
  });
  const plain = notifyConfigSchema.parse({ destinations });
  assert.deepEqual(destinationsOf(sampleEvents['run-ended'], plain), all);
  assert.deepEqual(destinationsOf(succeeded, plain), []);
  assert.deepEqual(destinationsOf(sampleEvents['daily-summary'], plain), all);
  const rules = [
    { atLeast: 'information', send: ['log'] },
    { events: ['run-ended'], atLeast: 'error', send: ['office', 'log'] },
    { events: ['computer-offline'], send: ['chat'] },
  ];
  const config = notifyConfigSchema.parse({ destinations, rules, dailySummary: { at: '07:30', send: ['office'] } });
  assert.deepEqual(destinationsOf(succeeded, config), ['log']);
  assert.deepEqual(destinationsOf(sampleEvents['run-ended'], config), ['log', 'office']);
  assert.deepEqual(destinationsOf(sampleEvents['computer-offline'], config), ['log', 'chat']);
  assert.deepEqual(destinationsOf(sampleEvents['daily-summary'], config), ['office']);
  assert.deepEqual(destinationsOf(sampleEvents.trial, config), []);
});

test('a configuration with mistakes is refused, each by name', () => {
  const office = { ...mail, to: ['a@example.com'] };
  const problems = (config: unknown): string[] =>
    (notifyConfigSchema.safeParse(config).error?.issues ?? []).map(
      ({ path, message }) => `${path.join('.')}: ${message}`,
    );
  assert.deepEqual(problems({ destinations: { office }, rules: [{ send: ['offfice'] }] }), [
    'rules.0.send: there is no destination offfice',
  ]);
  assert.deepEqual(problems({ destinations: { office }, timeZone: 'Europe/Berlim' }), [
    'timeZone: is no time zone, such as Europe/Berlin',
  ]);
  assert.deepEqual(problems({ destinations: { office }, dailySummary: { at: '24:00' } }), [
    'dailySummary.at: is a time of day, such as 07:30',
  ]);
  for (const wrong of [
    { ...office, host: 'mx.example.com:25' },
    { ...office, to: ['a@example.com\r\nBcc: b@example.com'] },
    { ...office, to: [] },
    { kind: 'webhook', url: 'http://chat.example.com/', secretFile: '/s' },
    {
      kind: 'graph',
      tenant: '../x',
      clientId: 'a',
      clientSecretFile: '/s',
      from: 'a@example.com',
      to: ['b@example.com'],
    },
  ])
    assert.notDeepEqual(problems({ destinations: { office: wrong } }), [], JSON.stringify(wrong));
});
