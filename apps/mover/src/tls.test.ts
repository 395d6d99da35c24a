import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { leaseAnswer } from '@holdfast/protocol';
import { weakTlsItems } from '@holdfast/wire/testing';
import { startFixture } from './testing/mover-fixture.ts';

test('neither the port of the mover nor one that it leases has anything weak in its TLS', {
  skip: skipUnless({ programs: ['sslscan'] }),
}, async (t) => {
  const fixture = await startFixture(t);
  const scan = (port: number) => weakTlsItems({ host: '127.0.0.1', port });
  assert.deepEqual(await scan(fixture.mover.port), []);
  await fixture.place('repo');
  const { sessionId, grant } = await fixture.openSession();
  const answer = await fixture.client(fixture.agent).request({
    method: 'POST',
    path: `/holdfast/v1/sessions/${sessionId}/leases`,
    headers: { authorization: `Bearer ${grant}` },
    body: '{"count":1}',
  });
  const [lease] = leaseAnswer.parse(await answer.json()).leases;
  assert.ok(lease);
  assert.deepEqual(await scan(lease.port), []);
});
