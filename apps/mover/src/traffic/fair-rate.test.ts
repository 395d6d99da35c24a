import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { FairRate } from './fair-rate.ts';

const kib = 1024;
const never = new AbortController().signal;

/** Lets everything happen that can without time. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

test('tasks share a rate equally, however many each asks for at once; what one leaves the others have', async () => {
  const clock = new ManualClock();
  const rate = new FairRate({ bytesPerSecond: 64 * kib, clock });
  const passed = new Map<string, number>();
  const stop = new AbortController();
  const work = async (task: string): Promise<void> => {
    while (!stop.signal.aborted) {
      await rate.take(task, 8 * kib, stop.signal);
      passed.set(task, (passed.get(task) ?? 0) + 8);
    }
  };
  // One of them with five requests in parallel.
  const working = ['a', 'a', 'a', 'a', 'a', 'b', 'c'].map(work);
  const pass = async (seconds: number): Promise<void> => {
    for (let step = 0; step < seconds * 8; step += 1) {
      clock.advance(125);
      await settle();
    }
  };
  await pass(30);
  const shares = [...passed.values()];
  assert.ok(Math.max(...shares) - Math.min(...shares) <= 16, JSON.stringify([...passed]));
  const total = shares.reduce((sum, share) => sum + share, 0);
  assert.ok(total <= 30 * 64 + 16 && total >= 29 * 64, `${total} KiB in 30 s`);
  const ended = Promise.all(working.map((one) => assert.rejects(one, /done/)));
  stop.abort(new Error('done'));
  await ended;

  const before = clock.monotonicMs();
  for (let piece = 0; piece < 64; piece += 1) {
    const taken = rate.take('alone', 8 * kib, never);
    for (let done = false; !done; ) {
      void taken.then(() => {
        done = true;
      });
      await settle();
      if (!done) clock.advance(125);
    }
  }
  const tookMs = clock.monotonicMs() - before;
  assert.ok(tookMs >= 7_500 && tookMs <= 8_500, `${tookMs} ms for 512 KiB`);
});

test('who is stopped leaves the queue, and nobody behind waits for him', async () => {
  const clock = new ManualClock();
  const rate = new FairRate({ bytesPerSecond: 64 * kib, clock });
  await rate.take('a', 64 * kib, never);
  const stop = new AbortController();
  const first = rate.take('a', 640 * kib, stop.signal);
  const second = rate.take('b', kib, never);
  stop.abort(new Error('left'));
  await assert.rejects(first, /left/);
  await assert.rejects(rate.take('a', kib, stop.signal), /left/);
  clock.advance(1000);
  await second;
});
