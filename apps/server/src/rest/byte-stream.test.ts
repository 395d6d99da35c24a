import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRange } from './byte-stream.ts';

test('ranges that are simple are taken, others answered with the whole', () => {
  assert.deepEqual(parseRange('bytes=0-'), { from: 0 });
  assert.deepEqual(parseRange('bytes=5-9'), { from: 5, to: 9 });
  for (const other of [undefined, '', 'bytes=-5', 'bytes=9-5', 'bytes=0-1,3-4', 'items=0-1', 'bytes=1e3-'])
    assert.equal(parseRange(other), undefined);
});
