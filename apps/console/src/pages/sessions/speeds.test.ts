import assert from 'node:assert/strict';
import { test } from 'node:test';
import { speedsOf } from './speeds.ts';

test('speeds are those between two samples, and never negative', () => {
  const at = (second: number, bytesDone: number) => ({ at: new Date(second * 1000).toISOString(), bytesDone });
  assert.deepEqual(speedsOf([at(10, 0), at(12, 4_000), at(13, 3_000), at(13, 3_000), at(17, 11_000)]), [
    { elapsedMs: 2_000, bytesPerSecond: 2_000 },
    { elapsedMs: 3_000, bytesPerSecond: 0 },
    { elapsedMs: 7_000, bytesPerSecond: 2_000 },
  ]);
  assert.deepEqual(speedsOf([]), []);
  assert.deepEqual(speedsOf([at(1, 5)]), []);
});
