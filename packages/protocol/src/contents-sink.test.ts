import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attachment } from './contents-sink.ts';

test('a name from a backup can not break out of its header', () => {
  const name = 'a"; filename="b\r\nset-cookie: x\u{1F600}é\\..\ud800';
  const header = attachment(name);
  assert.match(header, /^attachment; filename="[A-Za-z0-9._-]*"; filename\*=UTF-8''[A-Za-z0-9%._~!-]*$/);
  const exact = decodeURIComponent(header.slice(header.indexOf("''") + 2));
  assert.equal(exact, name.toWellFormed());
});
