import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { certificateFingerprint, parseFingerprint, parseSubjectAltName, peerIdentity } from './identity.ts';
import { createTestInstallation } from './test-certificates.ts';

const installation = await createTestInstallation();

test('a certificate names installation, role, id, serial and fingerprint', async () => {
  const leaf = await installation.issue({ role: 'mover', id: 'm-1' });
  const peer = peerIdentity(new X509Certificate(leaf.certificatePem));
  assert.equal(peer?.installation, installation.installation);
  assert.equal(peer?.role, 'mover');
  assert.equal(peer?.id, 'm-1');
  assert.equal(peer?.serial, leaf.serial);
  assert.match(peer?.serial ?? '', /^[0-9a-f]+$/);
  assert.equal(peer?.fingerprint, leaf.fingerprint);
});

test('names of another form are no identity', async () => {
  for (const uri of [
    'holdfast://i/king/1',
    'holdfast://i/agent/',
    'holdfast://i/agent/1/2',
    'holdfast:i/agent/1',
    'https://i/agent/1',
    'holdfast://i/agent/1?x',
    'holdfast://i/agent/1%2f',
  ]) {
    const leaf = await installation.issue({ role: 'agent', uri });
    assert.equal(peerIdentity(new X509Certificate(leaf.certificatePem)), undefined, uri);
  }
});

test('a quoted name cannot pass as a URI entry', () => {
  assert.deepEqual(parseSubjectAltName('DNS:"a, URI:holdfast://i/server/1", URI:holdfast://i/agent/2'), [
    { kind: 'DNS', value: '"a, URI:holdfast://i/server/1"' },
    { kind: 'URI', value: 'holdfast://i/agent/2' },
  ]);
  assert.deepEqual(parseSubjectAltName('DNS:"open, URI:holdfast://i/server/1'), []);
  assert.deepEqual(parseSubjectAltName('IP Address:127.0.0.1'), [{ kind: 'IP Address', value: '127.0.0.1' }]);
});

test('reading alternative names never fails, and gives back what was written', () => {
  fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseSubjectAltName(text))));
  const value = fc.stringMatching(/^[a-z0-9:/.-]{1,20}$/);
  fc.assert(
    fc.property(
      fc.array(fc.record({ kind: fc.constantFrom('DNS', 'URI', 'email'), value }, { noNullPrototype: true })),
      (entries) => {
        const text = entries.map((entry) => `${entry.kind}:${entry.value}`).join(', ');
        assert.deepEqual(parseSubjectAltName(text), entries);
      },
    ),
  );
});

test('a fingerprint is read in every form that people write', () => {
  const expected = certificateFingerprint(installation.caPem);
  const hex = Buffer.from(expected, 'base64url').toString('hex');
  const colons = new X509Certificate(installation.caPem).fingerprint256;
  for (const text of [expected, installation.caFingerprint, hex, hex.toUpperCase(), colons, ` SHA256:${colons}\n`]) {
    assert.equal(parseFingerprint(text), expected);
  }
  for (const text of ['', 'sha256:', hex.slice(1), `${expected}A`]) {
    assert.throws(() => parseFingerprint(text), { code: 'usage.option' });
  }
});
