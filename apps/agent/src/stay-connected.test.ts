import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { HoldfastError, ManualClock } from '@holdfast/core';
import { reconnectMaxMs } from './limits.ts';
import { stayConnected } from './stay-connected.ts';

test('what ends or fails is connected again after a wait, until it is told to stop', async () => {
  const clock = new ManualClock();
  const stop = new AbortController();
  const failures: string[] = [];
  let attempts = 0;
  const staying = stayConnected({
    clock,
    signal: stop.signal,
    onFailure: ({ code }) => failures.push(code),
    connect: async () => {
      attempts++;
      if (attempts <= 2) throw new HoldfastError('channel.refused');
      return { ended: attempts === 3 ? Promise.resolve() : new Promise(() => {}) };
    },
  });
  for (let round = 1; round <= 4; round++) {
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    assert.equal(attempts, round);
    clock.advance(reconnectMaxMs);
  }
  assert.deepEqual(failures, ['channel.refused', 'channel.refused']);
  // The fourth connection holds: no time makes a fifth.
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  assert.equal(attempts, 4);
  stop.abort();
  void staying;
});

test('stopping ends the wait', async () => {
  const stop = new AbortController();
  const staying = stayConnected({
    clock: new ManualClock(),
    signal: stop.signal,
    onFailure: () => {},
    connect: async () => {
      throw new HoldfastError('channel.refused');
    },
  });
  await nextTurn();
  stop.abort();
  await staying;
});
