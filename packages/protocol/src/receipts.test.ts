import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, hasCode, ManualClock } from '@holdfast/core';
import fc from 'fast-check';
import { exportJWK, generateKeyPair } from 'jose';
import { GrantIssuer, identityKey } from './grants.ts';
import { digestOfProof, ProofSigner } from './proof-signature.ts';
import { firstReceiptHash, type ReceiptDrill, ReceiptSigner, ReceiptVerifier, receiptHash } from './receipts.ts';

const installation = 'here';
const id = '6f1c2a34-9f52-4c1e-9a57-0b0d5f0c7f11';
const at = '2026-11-21T06:00:00.000Z';
const drill: ReceiptDrill = {
  ...{ runId: id, repositoryId: id, repository: 'laptops', agentId: id, hostname: 'db1', snapshotId: 'ab'.repeat(32) },
  ...{ takenAt: at, startedAt: at, endedAt: at, outcome: 'good', problems: [], problemCount: 0 },
};

async function signing(kid = 'one') {
  const clock = new ManualClock();
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const options = { installation, key: { id: kid, privateKey }, clock };
  const keys = [identityKey.parse({ ...(await exportJWK(publicKey)), kid })];
  return { options, keys, signer: new ReceiptSigner(options) };
}

async function chain(signer: ReceiptSigner, count: number, tenant = 'local'): Promise<string[]> {
  const receipts: string[] = [];
  let previousHash = firstReceiptHash;
  for (let number = 1; number <= count; number += 1) {
    const jws = await signer.sign({ tenant, number, previousHash, drill });
    previousHash = receiptHash(jws);
    receipts.push(jws);
  }
  return receipts;
}

/** The code with which a chain is refused; `undefined` when it is whole. */
async function refusal(
  receipts: readonly string[],
  o: ConstructorParameters<typeof ReceiptVerifier>[0],
): Promise<ErrorCode | undefined> {
  const verifier = new ReceiptVerifier(o);
  for (const [index, jws] of receipts.entries()) {
    try {
      assert.equal((await verifier.add(jws)).number, index + (o.first ?? 1));
    } catch (error) {
      assert.ok(hasCode(error, 'receipt.key', 'receipt.changed', 'receipt.missing', 'receipt.broken'), String(error));
      return error.code;
    }
  }
  assert.deepEqual(verifier.head.hash, receiptHash(receipts.at(-1) ?? ''));
  return undefined;
}

test('a chain is whole, from the first receipt or a later one, however much later it is looked at', async () => {
  const { signer, keys, options } = await signing();
  const receipts = await chain(signer, 4);
  options.clock.advance(20 * 365 * 86_400_000);
  const by = { installation, keys };
  assert.equal(await refusal(receipts, by), undefined);
  assert.equal(await refusal(receipts.slice(2), { ...by, first: 3 }), undefined);
});

test('missing, doubled and moved receipts, other keys and other tenants are told apart', async () => {
  const { signer, keys } = await signing();
  const other = await signing('two');
  const impostor = await signing();
  const by = { installation, keys };
  const receipts = await chain(signer, 4);
  const [a = '', b = '', c = '', d = ''] = receipts;
  assert.equal(await refusal([b, c, d], by), 'receipt.missing');
  assert.equal(await refusal([a, c, d], by), 'receipt.missing');
  assert.equal(await refusal([a, b, b], by), 'receipt.broken');
  assert.equal(await refusal([a, b, a], by), 'receipt.broken');
  // Another chain of the same server.
  assert.equal(await refusal([a, (await chain(signer, 2))[1] ?? ''], by), 'receipt.broken');
  const [, foreign = ''] = await chain(signer, 2, 'theirs');
  assert.equal(await refusal([a, foreign], by), 'receipt.broken');
  assert.equal(await refusal(receipts, { ...by, keys: other.keys }), 'receipt.key');
  assert.equal(await refusal(receipts, { ...by, installation: 'elsewhere' }), 'receipt.key');
  assert.equal(await refusal(receipts, { ...by, keys: impostor.keys }), 'receipt.changed');
});

test('any change of a receipt is noticed', async () => {
  const { signer, keys } = await signing();
  const receipts = await chain(signer, 3);
  await fc.assert(
    fc.asyncProperty(fc.nat(2), fc.nat(), fc.nat(), async (which, where, what) => {
      const jws = receipts[which] ?? '';
      const index = where % jws.length;
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.';
      const character = alphabet[what % alphabet.length] ?? '';
      const changed = `${jws.slice(0, index)}${character}${jws.slice(index + 1)}`;
      const given = receipts.with(which, changed);
      const code = await refusal(given, { installation, keys });
      assert.equal(code === undefined, changed === jws, `${index} ${character}: ${code}`);
    }),
    { numRuns: 150 },
  );
});

test('what else the same key signs is no receipt, and nothing at all neither', async () => {
  const { options, keys } = await signing();
  const { signature } = await new ProofSigner(options).sign(digestOfProof(Buffer.from('{}')));
  const grant = await new GrantIssuer(options).issue({
    ...{ subject: 'agent/one', tenant: 'local', repository: 'laptops', mode: 'read', sessionId: undefined },
    ...{ fingerprint: undefined, lifetimeMs: 60_000 },
  });
  for (const jws of [signature, grant, 'a.b.c', ''])
    assert.equal(await refusal([jws], { installation, keys }), 'receipt.changed');
});
