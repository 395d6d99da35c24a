import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
// socket exception: a server that is as weak as ours must not be
import { createServer } from 'node:tls';
import { skipUnless } from '@holdfast/core/testing';
import { createTestInstallation } from '../test-certificates.ts';
import { weakTlsItems } from './weak-tls.ts';

test('the scan finds what is weak', { skip: skipUnless({ programs: ['sslscan'] }) }, async () => {
  const { certificatePem, privateKeyPem } = await (await createTestInstallation()).issue({ role: 'server' });
  const server = createServer({
    ...{ cert: certificatePem, key: privateKeyPem, minVersion: 'TLSv1.2' },
    ciphers: 'ECDHE-ECDSA-AES128-SHA:TLS_AES_128_GCM_SHA256',
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const found = await weakTlsItems({ host: '127.0.0.1', port });
    for (const item of ['protocol tls 1.2', 'cipher ECDHE-ECDSA-AES128-SHA', 'group ffdhe2048 of 112 bits'])
      assert.ok(found.includes(item), found.join());
  } finally {
    server.close();
  }
});
