import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, systemClock } from './clock.ts';

test('time moves only when told to, and wakes sleepers in the order of their time', async () => {
  const clock = new ManualClock(new Date('2026-05-01T12:00:00Z'));
  const woken: string[] = [];
  const late = clock.sleep(2000).then(() => woken.push('late'));
  const early = clock.sleep(1000).then(() => woken.push('early'));
  const never = clock.sleep(60_000).then(() => woken.push('never'));
  clock.advance(999);
  await Promise.resolve();
  assert.deepEqual(woken, []);
  clock.advance(1001);
  await Promise.all([late, early]);
  assert.deepEqual(woken, ['early', 'late']);
  assert.equal(clock.now().toISOString(), '2026-05-01T12:00:02.000Z');
  assert.equal(clock.monotonicMs(), clock.now().getTime());
  clock.advance(58_000);
  await never;
});

test('a sleep that is cancelled rejects with the reason and is not woken any more', async () => {
  for (const clock of [new ManualClock(), systemClock]) {
    const reason = new Error('enough');
    await assert.rejects(clock.sleep(3_600_000, AbortSignal.abort(reason)), reason);
    const controller = new AbortController();
    const sleep = clock.sleep(3_600_000, controller.signal);
    controller.abort(reason);
    await assert.rejects(sleep, reason);
  }
});

test('the clock hands out copies of its date', () => {
  const clock = new ManualClock(new Date(0));
  clock.now().setFullYear(1999);
  assert.equal(clock.now().getTime(), 0);
});

test('the system clock tells the time and sleeps', async () => {
  const before = Date.now();
  const startedMs = systemClock.monotonicMs();
  await systemClock.sleep(1);
  assert.ok(systemClock.monotonicMs() > startedMs);
  assert.ok(systemClock.now().getTime() >= before);
});
