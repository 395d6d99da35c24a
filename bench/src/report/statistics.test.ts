import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spread } from './statistics.ts';

test('the median is the middle one, or the mean of the two in the middle', () => {
  assert.deepEqual(spread([5]), { median: 5, min: 5, max: 5 });
  assert.deepEqual(spread([9, 1, 4]), { median: 4, min: 1, max: 9 });
  assert.deepEqual(spread([10, 2, 4, 100]), { median: 7, min: 2, max: 100 });
});

test('numbers are sorted as numbers, and the list stays as it was', () => {
  const values = [100, 20, 3];
  assert.deepEqual(spread(values), { median: 20, min: 3, max: 100 });
  assert.deepEqual(values, [100, 20, 3]);
});

test('nothing has no median', () => {
  assert.equal(spread([]), undefined);
});
