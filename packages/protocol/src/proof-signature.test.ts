import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { exportJWK, generateKeyPair } from 'jose';
import { GrantIssuer, GrantVerifier, identityKey } from './grants.ts';
import { digestOfProof, ProofSigner, verifyProof } from './proof-signature.ts';

const installation = 'here';
const document = Buffer.from('{"topology":"main-job","holds":true}\n');

async function parts(kid = 'one') {
  const clock = new ManualClock();
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const key = { id: kid, privateKey };
  const keys = [identityKey.parse({ ...(await exportJWK(publicKey)), kid })];
  const signer = new ProofSigner({ installation, key, clock });
  const issuer = new GrantIssuer({ installation, key, clock });
  return { clock, keys, signer, issuer, grants: new GrantVerifier({ installation, keys, clock }) };
}

test('a signature attests who got the document and when, and never more than that', async () => {
  const { signer, keys, clock } = await parts();
  const { id, signature } = await signer.sign(digestOfProof(document));
  const signedAt = new Date(Math.floor(clock.now().getTime() / 1000) * 1000);
  clock.advance(20 * 365 * 86_400_000);
  const { statement, ...attested } = await verifyProof(document, { signature, installation, keys });
  assert.deepEqual(attested, { id, installation, signedAt, sha256: digestOfProof(document) });
  assert.match(statement, /neither made nor checked/);
});

test('any other byte in the document is noticed', async () => {
  const { signer, keys } = await parts();
  const { signature } = await signer.sign(digestOfProof(document));
  const changed = [document.subarray(1), Buffer.concat([document, Buffer.from('\n')])];
  for (let index = 0; index < document.length; index += 1) {
    const copy = Buffer.from(document);
    copy.writeUInt8(copy.readUInt8(index) ^ 1, index);
    changed.push(copy);
  }
  for (const other of changed)
    await assert.rejects(verifyProof(other, { signature, installation, keys }), { code: 'proof.signature' });
});

test('any other character in the signature is noticed', async () => {
  const { signer, keys } = await parts();
  const { signature } = await signer.sign(digestOfProof(document));
  // The lowest bits of a part's last character may stand for nothing; the next one up never does.
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  for (let index = 0; index < signature.length; index += 1) {
    const value = alphabet.indexOf(signature.charAt(index));
    const other = value === -1 ? 'A' : alphabet.charAt(value ^ 32);
    const changed = `${signature.slice(0, index)}${other}${signature.slice(index + 1)}`;
    await assert.rejects(verifyProof(document, { signature: changed, installation, keys }), {
      code: 'proof.signature',
    });
  }
});

test("another key, and another installation's name, are not the signer's", async () => {
  const { signer, keys } = await parts();
  const { signature } = await signer.sign(digestOfProof(document));
  const others = await parts();
  for (const wrong of [
    { installation, keys: [] },
    { installation, keys: others.keys },
    { installation: 'elsewhere', keys },
  ])
    await assert.rejects(verifyProof(document, { signature, ...wrong }), { code: 'proof.signature' });
});

test('no signature passes for a grant, and no grant for a signature', async () => {
  const { signer, issuer, grants, keys } = await parts();
  const { signature } = await signer.sign(digestOfProof(document));
  await assert.rejects(grants.verify(signature, { fingerprint: undefined }), { code: 'grant.invalid' });
  const grant = await issuer.issue({
    ...{ subject: 'administrator/note', tenant: 'local', repository: 'books', mode: 'read' },
    ...{ sessionId: undefined, fingerprint: undefined, lifetimeMs: 3_600_000 },
  });
  await assert.rejects(verifyProof(document, { signature: grant, installation, keys }), { code: 'proof.signature' });
});
