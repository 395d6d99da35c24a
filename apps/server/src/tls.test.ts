import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { weakTlsItems } from '@holdfast/wire/testing';
import { TestServer } from './testing/test-server.ts';

test('no port of the server has anything weak in its TLS', {
  skip: skipUnless({ programs: ['sslscan'] }),
}, async (t) => {
  await using server = await TestServer.start(temporaryFolder(t));
  const ports = new Set(server.running.listening.map(({ port }) => port));
  assert.ok(ports.size >= 3, 'REST, and enrolment for Windows and for others');
  for (const port of ports) assert.deepEqual(await weakTlsItems({ host: '127.0.0.1', port }), [], `port ${port}`);
});
