import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maxPasswordHashesAtOnce, maxPasswordHashesWaiting } from '../limits.ts';
import { PasswordHasher } from './password-hash.ts';

test('who has gone gives up the place in the queue, which is bounded', async () => {
  const hasher = new PasswordHasher();
  const gone = new AbortController();
  const stay = new AbortController();
  const first = Array.from({ length: maxPasswordHashesAtOnce }, () => hasher.hash('one', stay.signal));
  const waiting = Array.from({ length: maxPasswordHashesWaiting }, () => hasher.hash('two', gone.signal));
  await assert.rejects(hasher.hash('three', stay.signal), { code: 'auth.rate' });
  gone.abort(new Error('the client has gone'));
  for (const one of await Promise.allSettled(waiting)) assert.equal(one.status, 'rejected');
  const last = await hasher.hash('three', stay.signal);
  assert.ok(await hasher.verify('three', last, stay.signal));
  assert.equal(await hasher.verify('three', undefined, stay.signal), false);
  await Promise.all(first);
});
