import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attachment, parseRange } from './byte-stream.ts';

test('a name from a backup can not break out of its header', () => {
  const name = 'a"; filename="b\r\nset-cookie: x\u{1F600}é\\..\ud800';
  const header = attachment(name);
  assert.match(header, /^attachment; filename="[A-Za-z0-9._-]*"; filename\*=UTF-8''[A-Za-z0-9%._~!-]*$/);
  const exact = decodeURIComponent(header.slice(header.indexOf("''") + 2));
  assert.equal(exact, name.toWellFormed());
});

test('ranges that are simple are taken, others answered with the whole', () => {
  assert.deepEqual(parseRange('bytes=0-'), { from: 0 });
  assert.deepEqual(parseRange('bytes=5-9'), { from: 5, to: 9 });
  for (const other of [undefined, '', 'bytes=-5', 'bytes=9-5', 'bytes=0-1,3-4', 'items=0-1', 'bytes=1e3-'])
    assert.equal(parseRange(other), undefined);
});
