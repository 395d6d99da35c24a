import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HoldfastError, ManualClock } from '@holdfast/core';
import type { Notification, NotificationEvent } from '@holdfast/notify';
import { sampleEvents } from '@holdfast/notify/testing';
import { foldWindowMs, mailsBeforeFolding, maxGivenUpNotifications } from '../limits.ts';
import { testCatalogue } from '../testing/test-database.ts';
import { NotificationQueue } from './notification-queue.ts';

const start = new Date('2026-01-10T06:30:00Z');
const claimMs = 600_000;

async function made(t: TestContext) {
  const catalogue = await testCatalogue(t.fullName);
  t.after(() => catalogue[Symbol.asyncDispose]());
  const clock = new ManualClock(start);
  const queueOf = (instance: string, tenant = 'local') =>
    new NotificationQueue({ scope: catalogue.tenant(tenant), instance, from: 'server', clock });
  return { clock, queueOf, queue: queueOf('one') };
}

function one(
  o: { event?: NotificationEvent; recipient?: string; at?: Date; attempts?: number; destination?: string } = {},
): Notification {
  const { event = sampleEvents['run-ended'], at: createdAt = start, attempts = 0, destination = 'office' } = o;
  const id = crypto.randomUUID();
  return { id, destination, event, createdAt, attempts, recipient: o.recipient, lastError: undefined };
}

const error = new HoldfastError('notify.deferred').toJSON();
const isSet = <T>(value: T | undefined): T => value ?? assert.fail();

test('each notification is taken by one of several instances, in order, and again after its claim has ended', async (t) => {
  const { queue, queueOf, clock } = await made(t);
  const other = queueOf('two');
  const all = [one(), one({ at: new Date(start.getTime() + 1) })];
  await queue.add(all);
  clock.advance(10);
  const now = clock.now();
  const taken = await Promise.all([queue.takeDue({ now, claimMs }), other.takeDue({ now, claimMs })]);
  assert.deepEqual(new Set(taken.map((two) => two?.id)), new Set(all.map(({ id }) => id)));
  assert.equal(await queue.takeDue({ now, claimMs }), undefined);
  clock.advance(claimMs);
  const again = isSet(await other.takeDue({ now: clock.now(), claimMs }));
  // Who was too slow changes nothing of what another has by now.
  const slow = isSet(taken.find((before) => before?.id === again.id));
  await queue.done(slow);
  await other.failed(again, { error, dueAt: new Date(clock.now().getTime() + 60_000) });
  const waiting = await queue.waiting();
  const failed = isSet(waiting.find(({ id }) => id === again.id));
  assert.equal(failed.attempts, 1);
  assert.equal(failed.lastError?.code, 'notify.deferred');
  assert.deepEqual(failed.event, again.event);
});

test('what an instance had in its hands when it ended is due when it begins again, and nothing of another', async (t) => {
  const { queue, queueOf, clock } = await made(t);
  await queue.add([one(), one()]);
  const mine = isSet(await queue.takeDue({ now: clock.now(), claimMs }));
  isSet(await queueOf('two').takeDue({ now: clock.now(), claimMs }));
  await queueOf('one').release(clock.now());
  assert.equal((await queue.takeDue({ now: clock.now(), claimMs }))?.id, mine.id);
  assert.equal(await queue.takeDue({ now: clock.now(), claimMs }), undefined);
});

test('what was given up is kept within a bound, and begins anew when somebody asks', async (t) => {
  const { queue, clock } = await made(t);
  await queue.add(Array.from({ length: maxGivenUpNotifications + 2 }, () => one({ attempts: 3 })));
  for (let left = maxGivenUpNotifications + 2; left > 0; left -= 1)
    await queue.givenUp(isSet(await queue.takeDue({ now: clock.now(), claimMs })), { error });
  assert.equal((await queue.dead()).length, maxGivenUpNotifications);
  const [first] = await queue.dead();
  clock.advance(60_000);
  assert.equal(await queue.revive({ now: clock.now(), ids: [isSet(first).id] }), 1);
  const revived = isSet(await queue.takeDue({ now: clock.now(), claimMs }));
  assert.deepEqual([revived.id, revived.attempts], [isSet(first).id, 0]);
  await queue.failed(revived, { error, dueAt: new Date(clock.now().getTime() + 3_600_000) });
  // What waits is hastened.
  assert.equal(await queue.revive({ now: clock.now(), ids: [revived.id] }), 1);
  assert.equal((await queue.takeDue({ now: clock.now(), claimMs }))?.id, revived.id);
});

test('a burst of mails to one recipient becomes one, without losing an event; programs get each', async (t) => {
  const { queue, clock } = await made(t);
  const recipient = 'ada@example.com';
  const total = 200;
  const subjects: number[] = [];
  const take = async () => {
    const taken = await queue.takeDue({ now: clock.now(), claimMs });
    if (taken) await queue.done(taken);
    return taken;
  };
  for (let sent = 0; sent < total; sent += 1) {
    await queue.add([one({ recipient, at: clock.now() })]);
    clock.advance(1_000);
    const taken = await take();
    if (taken) subjects.push(taken.event.kind === 'several' ? taken.event.count : 1);
  }
  assert.deepEqual(subjects, Array(mailsBeforeFolding).fill(1));
  assert.equal((await queue.waiting()).length, total - mailsBeforeFolding);
  clock.advance(foldWindowMs);
  const folded = isSet(await take()).event;
  assert.ok(folded.kind === 'several');
  assert.equal(folded.count, total - mailsBeforeFolding);
  assert.equal(folded.severity, 'error');
  assert.match(folded.events[0]?.subject ?? '', /^Backup homes of laptop failed: /);
  assert.equal(await take(), undefined);

  await queue.add(Array.from({ length: 20 }, () => one({ destination: 'chat', at: clock.now() })));
  let programs = 0;
  while ((await take())?.event.kind === 'run-ended') programs += 1;
  assert.equal(programs, 20);
});

test('a few that wait for a mail server are as many mails; of what failed before, the one in their place is as old', async (t) => {
  const { queue, clock } = await made(t);
  const recipient = 'ada@example.com';
  await queue.add(Array.from({ length: 4 }, () => one({ recipient })));
  assert.equal(isSet(await queue.takeDue({ now: clock.now(), claimMs })).event.kind, 'run-ended');
  await queue.add(Array.from({ length: 4 }, () => one({ recipient, attempts: 2 })));
  const folded = isSet(await queue.takeDue({ now: clock.now(), claimMs }));
  assert.ok(folded.event.kind === 'several');
  // One is in somebody's hands.
  assert.equal(folded.event.count, 7);
  assert.deepEqual(folded.createdAt, start);
});
