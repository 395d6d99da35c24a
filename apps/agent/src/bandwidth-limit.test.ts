import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { BandwidthLimit } from './bandwidth-limit.ts';

const mib = 1024 * 1024;
const all = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;

/** Seconds of the clock until it is done; at most ten minutes. */
async function secondsFor(clock: ManualClock, work: Promise<void>): Promise<number> {
  let done = false;
  void work.then(() => {
    done = true;
  });
  for (let seconds = 0; seconds <= 600; seconds += 1) {
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    if (done) return seconds;
    clock.advance(1000);
  }
  return assert.fail('it never went');
}

test('the lowest of the rules that hold now, and none outside of all windows', async () => {
  const clock = new ManualClock(new Date('2026-01-01T08:00:00Z'));
  const window = (from: string, to: string) => ({ days: [...all], from, to });
  const limit = new BandwidthLimit(
    {
      timeZone: 'UTC',
      rules: [
        { bytesPerSecond: 8 * mib, windows: [window('08:00', '18:00')] },
        { bytesPerSecond: 2 * mib, windows: [window('09:00', '10:00')] },
      ],
    },
    clock,
  );
  // A second's bytes are there at once, and what goes out as a whole is paid for afterwards.
  await limit.take(16 * mib);
  assert.equal(await secondsFor(clock, limit.take(8 * mib)), 1);
  clock.advance(3_600_000);
  await limit.take(16 * mib);
  assert.equal(await secondsFor(clock, limit.take(mib)), 7);
  clock.advance(9 * 3_600_000);
  for (let taken = 0; taken < 10; taken += 1) await limit.take(16 * mib);
});

test('who waits goes as soon as another rule holds, and stops when asked to', async () => {
  const clock = new ManualClock(new Date('2026-01-01T09:58:00Z'));
  const windows = [{ days: [...all], from: '09:00', to: '10:00' }];
  const limit = new BandwidthLimit({ timeZone: 'UTC', rules: [{ bytesPerSecond: 64 * 1024, windows }] }, clock);
  await limit.take(64 * mib);
  const leave = new AbortController();
  const left = limit.take(mib, leave.signal);
  leave.abort(new Error('left'));
  await assert.rejects(left);
  // A quarter of an hour is owed, the window closes in two minutes; who waits finds out within another one.
  const seconds = await secondsFor(clock, limit.take(mib));
  assert.ok(seconds >= 120 && seconds <= 181, `${seconds} s`);
});
