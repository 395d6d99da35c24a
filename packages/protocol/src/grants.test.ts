import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import fc from 'fast-check';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { GrantIssuer, type GrantRequest, GrantVerifier, identityKey } from './grants.ts';

const installation = 'here';
const fingerprint = 'f'.repeat(43);
const request: GrantRequest = {
  subject: 'agent/00000000-0000-4000-8000-000000000001',
  tenant: 'local',
  repository: 'books',
  mode: 'append',
  sessionId: '00000000-0000-4000-8000-000000000002',
  fingerprint,
  lifetimeMs: 3_600_000,
};

async function identity(kid: string) {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  return { privateKey, key: identityKey.parse({ ...(await exportJWK(publicKey)), kid }) };
}

async function parts() {
  const clock = new ManualClock();
  const one = await identity('one');
  const issuer = new GrantIssuer({ installation, key: { id: 'one', privateKey: one.privateKey }, clock });
  const verifier = new GrantVerifier({ installation, keys: [one.key], clock });
  return { clock, one, issuer, verifier };
}

test('a grant says what was asked for, to whoever shows its certificate', async () => {
  const { issuer, verifier, clock } = await parts();
  const { id, expiresAt, ...grant } = await verifier.verify(await issuer.issue(request), { fingerprint });
  assert.deepEqual(grant, {
    installation,
    subject: request.subject,
    tenant: 'local',
    repository: 'books',
    mode: 'append',
    sessionId: request.sessionId,
    fingerprint,
  });
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.equal(expiresAt.getTime(), clock.now().getTime() + request.lifetimeMs);
});

test('another certificate, or none, does not do; a grant without one is for its bearer', async () => {
  const { issuer, verifier } = await parts();
  const bound = await issuer.issue(request);
  for (const shown of [undefined, '', 'g'.repeat(43), fingerprint.slice(1)]) {
    await assert.rejects(verifier.verify(bound, { fingerprint: shown }), { code: 'grant.invalid' });
  }
  const bearer = await issuer.issue({ ...request, fingerprint: undefined, sessionId: undefined });
  const grant = await verifier.verify(bearer, { fingerprint: undefined });
  assert.equal(grant.fingerprint, undefined);
  assert.equal(grant.sessionId, undefined);
});

test('a grant expires, with a minute for clocks that differ', async () => {
  const { issuer, verifier, clock } = await parts();
  const token = await issuer.issue(request);
  clock.advance(request.lifetimeMs + 59_000);
  await verifier.verify(token, { fingerprint });
  clock.advance(2_000);
  await assert.rejects(verifier.verify(token, { fingerprint }), { code: 'grant.expired' });
});

test('only the pinned keys of this installation sign grants', async () => {
  const { issuer, clock, one } = await parts();
  const token = await issuer.issue(request);
  const other = await identity('other');
  const stranger = new GrantVerifier({ installation, keys: [other.key], clock });
  await assert.rejects(stranger.verify(token, { fingerprint }), { code: 'grant.invalid' });
  // Another key under the same name.
  const impostor = new GrantVerifier({ installation, keys: [{ ...other.key, kid: 'one' }], clock });
  await assert.rejects(impostor.verify(token, { fingerprint }), { code: 'grant.invalid' });
  const elsewhere = new GrantVerifier({ installation: 'elsewhere', keys: [one.key], clock });
  await assert.rejects(elsewhere.verify(token, { fingerprint }), { code: 'grant.invalid' });
});

test('other tokens of the same key, other algorithms and missing claims are no grants', async () => {
  const { verifier, one, clock } = await parts();
  const nowSeconds = clock.now().getTime() / 1000;
  const claims = {
    ten: 'local',
    rep: 'books',
    mod: 'append',
    iss: installation,
    sub: 'x',
    jti: '00000000-0000-4000-8000-000000000003',
    iat: nowSeconds,
    exp: nowSeconds + 60,
  };
  const sign = (header: { alg: string; kid?: string; typ?: string }, change: object = {}) =>
    new SignJWT({ ...claims, ...change }).setProtectedHeader(header).sign(one.privateKey);
  const right = { alg: 'EdDSA', kid: 'one', typ: 'holdfast-grant+jwt' };
  await verifier.verify(await sign(right), { fingerprint: undefined });
  const wrong = [
    await sign({ ...right, typ: 'JWT' }),
    await sign({ alg: 'EdDSA', kid: 'one' }),
    await sign({ alg: 'EdDSA', typ: right.typ }),
    await sign(right, { mod: 'everything' }),
    await sign(right, { rep: '../books' }),
    await sign(right, { ten: undefined }),
    await sign(right, { exp: undefined }),
    await sign(right, { jti: undefined }),
    await sign(right, { cnf: { 'x5t#S256': 'short' } }),
  ];
  const [, body] = (await sign(right)).split('.');
  wrong.push(`${Buffer.from(JSON.stringify({ ...right, alg: 'none' })).toString('base64url')}.${body}.`);
  const hmac = await new SignJWT(claims)
    .setProtectedHeader({ ...right, alg: 'HS256' })
    .sign(Buffer.from(one.key.x.padEnd(64)));
  wrong.push(hmac);
  for (const token of wrong)
    await assert.rejects(verifier.verify(token, { fingerprint: undefined }), { code: 'grant.invalid' });
});

test('no changed letter gets through, and no foreign text throws anything else', async () => {
  const { issuer, verifier } = await parts();
  const token = await issuer.issue(request);
  const [head = '', body = '', signature = ''] = token.split('.');
  const same = (a: string, b: string) => Buffer.from(a, 'base64url').equals(Buffer.from(b, 'base64url'));
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: token.length - 1 }),
      fc.constantFrom('A', 'Z', 'a', 'z', '0', '9', '-', '_', '.'),
      async (at, letter) => {
        const changed = `${token.slice(0, at)}${letter}${token.slice(at + 1)}`;
        const [h = '', b = '', s = '', ...more] = changed.split('.');
        // The last letter of a part has bits that mean nothing.
        fc.pre(changed !== token && !(more.length === 0 && h === head && b === body && same(s, signature)));
        await assert.rejects(verifier.verify(changed, { fingerprint }), { code: 'grant.invalid' });
      },
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.string(), async (text) => {
      await assert.rejects(verifier.verify(text, { fingerprint }), { code: 'grant.invalid' });
    }),
  );
});
