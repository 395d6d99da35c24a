import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { digestOfProof, verifyProof } from '@holdfast/protocol';
import { TestServer } from '../testing/test-server.ts';

const document = Buffer.from('{"kind":"proof"}\n');

test('an administrator gets a signature that the published keys verify, and the audit says so', async (t) => {
  await using server = await TestServer.start(temporaryFolder(t));
  const sha256 = digestOfProof(document);
  const { id, signature } = await server.client.call('signProof', { body: { sha256 } });
  const { installation, identityKeys } = await server.client.call('status', {});
  const attested = await verifyProof(document, { signature, installation, keys: identityKeys });
  assert.equal(attested.id, id);
  assert.equal(attested.sha256, sha256);
  const { records } = await server.client.call('audit', {});
  assert.deepEqual(
    records.slice(0, 1).map(({ actor, action, subject }) => ({ actor, action, subject })),
    [{ actor: 'local-administrator', action: 'signProof', subject: id }],
  );
});

test('what is no SHA-256 digest is not signed', async (t) => {
  await using server = await TestServer.start(temporaryFolder(t));
  for (const sha256 of ['', 'ab', 'G'.repeat(64), 'a'.repeat(65), '{"rep":"books"}'])
    await assert.rejects(server.client.call('signProof', { body: { sha256 } }), { code: 'request.invalid' });
});
