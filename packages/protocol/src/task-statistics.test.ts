import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { firstSampleMs, maxSpeedSamples } from './limits.ts';
import { SpeedSamples, taskStatistics } from './task-statistics.ts';

test('samples are bounded however long it takes, at equal distances, with the latest state at the end', () => {
  const clock = new ManualClock();
  const samples = new SpeedSamples(clock);
  let taken = 0;
  for (let step = 0; step < 5000; step += 1) {
    if (samples.add({ bytesDone: step })) taken += 1;
    clock.advance(firstSampleMs);
    assert.ok(samples.all().length <= maxSpeedSamples);
  }
  const all = samples.all();
  assert.ok(all.length > maxSpeedSamples / 3 && taken < 1000);
  assert.deepEqual([all[0]?.bytesDone, all.at(-1)?.bytesDone], [0, 4999]);
  const distances = new Set(
    all.slice(1, -1).map(({ at }, before) => Date.parse(at) - Date.parse(all[before]?.at ?? '')),
  );
  assert.equal(distances.size, 1);
  assert.ok(taskStatistics.safeParse({ samples: all, channels: [] }).success);
});

test('what comes between two samples is only the latest state', () => {
  const clock = new ManualClock();
  const samples = new SpeedSamples(clock);
  assert.equal(samples.add({ bytesDone: 1, transferredBytes: 2 }), true);
  assert.equal(samples.add({ bytesDone: 3 }), false);
  assert.deepEqual(
    samples.all().map(({ bytesDone }) => bytesDone),
    [1, 3],
  );
});
