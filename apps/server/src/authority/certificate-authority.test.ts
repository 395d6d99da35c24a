import 'reflect-metadata';
import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { type HoldfastError, ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { newKeyAndRequest } from '@holdfast/protocol';
import { certificateFingerprint, identityOf } from '@holdfast/wire';
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from '@peculiar/x509';
import fc from 'fast-check';
import { DataDirectory } from '../data-directory.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import { type RequestedKey, readSigningRequest } from './signing-request.ts';

const dayMs = 86_400_000;
const installation = '00000000-0000-4000-8000-000000000001';

async function open(t: TestContext, clock: ManualClock, folder = temporaryFolder(t)) {
  using data = await DataDirectory.open(folder);
  return await CertificateAuthority.open(data, { installation, clock });
}

function split(pem: string): X509Certificate[] {
  return pem
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .filter((part) => part.includes('BEGIN'))
    .map((part) => new X509Certificate(part));
}

async function requestedKey() {
  return readSigningRequest((await newKeyAndRequest()).signingRequest);
}

test('root signs intermediate signs leaf, each with what it needs and no more', async (t) => {
  const clock = new ManualClock();
  const authority = await open(t, clock);
  const key = await requestedKey();
  const id = crypto.randomUUID();
  const leaf = await authority.issue({
    spki: key.spki,
    role: 'mover',
    id,
    names: ['store', '192.0.2.7'],
    lifetimeMs: 90 * dayMs,
  });
  const [certificate, intermediate] = split(leaf.certificatePem);
  const root = new X509Certificate(authority.caPem);
  assert.ok(certificate && intermediate);
  assert.ok(certificate.verify(intermediate.publicKey) && certificate.checkIssued(intermediate));
  assert.ok(intermediate.verify(root.publicKey) && intermediate.checkIssued(root));
  assert.deepEqual([root.ca, intermediate.ca, certificate.ca], [true, true, false]);
  assert.equal(`sha256:${certificateFingerprint(root)}`, authority.caFingerprint);
  const named = identityOf(leaf.certificatePem);
  assert.deepEqual([named.installation, named.role, named.id], [installation, 'mover', id]);
  assert.equal(named.serial, leaf.serial);
  assert.equal(named.fingerprint, leaf.fingerprint);
  assert.equal(certificate.checkHost('store'), 'store');
  assert.equal(certificate.checkIP('192.0.2.7'), '192.0.2.7');
  assert.equal(leaf.expiresAt.getTime(), clock.now().getTime() + 90 * dayMs);
  assert.ok(certificate.validFromDate < clock.now());
});

test('serials are random, and the same in every program', async (t) => {
  const authority = await open(t, new ManualClock());
  const { spki } = await requestedKey();
  const serials = new Set<string>();
  for (let n = 0; n < 50; n += 1) {
    const leaf = await authority.issue({ spki, role: 'agent', id: 'x', names: [], lifetimeMs: dayMs });
    assert.match(leaf.serial, /^[4-7][0-9a-f]{31}$/);
    assert.equal(new X509Certificate(leaf.certificatePem).serialNumber.toLowerCase(), leaf.serial);
    serials.add(leaf.serial);
  }
  assert.equal(serials.size, 50);
});

test('the CA is kept; near the end of the intermediate there is a new one under the same root, and no leaf outlives its issuer', async (t) => {
  const clock = new ManualClock();
  const folder = temporaryFolder(t);
  const first = await open(t, clock, folder);
  clock.advance(3 * 365 * dayMs);
  const second = await open(t, clock, folder);
  assert.equal(second.caFingerprint, first.caFingerprint);
  assert.equal(second.issuerPem, first.issuerPem);
  const { spki } = await requestedKey();
  const long = await second.issue({ spki, role: 'agent', id: 'x', names: [], lifetimeMs: 800 * dayMs });
  assert.ok(long.expiresAt <= new X509Certificate(second.issuerPem).validToDate);
  clock.advance(365 * dayMs + dayMs);
  const third = await open(t, clock, folder);
  assert.equal(third.caFingerprint, first.caFingerprint);
  assert.notEqual(third.issuerPem, first.issuerPem);
  const renewed = split(
    (await third.issue({ spki, role: 'agent', id: 'x', names: [], lifetimeMs: dayMs })).certificatePem,
  );
  assert.ok(renewed[1]?.verify(new X509Certificate(first.caPem).publicKey));
});

test('names and extensions of a request are not looked at', async (t) => {
  const authority = await open(t, new ManualClock());
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const greedy = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=server',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [new SubjectAlternativeNameExtension([{ type: 'url', value: `holdfast://${installation}/server/x` }])],
  });
  const { spki } = await readSigningRequest(greedy.toString('pem'));
  const leaf = await authority.issue({ spki, role: 'agent', id: 'y', names: [], lifetimeMs: dayMs });
  assert.equal(new X509Certificate(leaf.certificatePem).subjectAltName, `URI:holdfast://${installation}/agent/y`);
});

test('keys of other kinds, and whatever else is called a request, are refused', async () => {
  const invalid = { code: 'request.invalid' };
  const rsa = await crypto.subtle.generateKey(
    { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
    true,
    ['sign', 'verify'],
  );
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=x',
    keys: rsa,
    signingAlgorithm: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  });
  await assert.rejects(readSigningRequest(request.toString('pem')), invalid);
  const { publicKey } = generateKeyPairSync('ed25519');
  await assert.rejects(readSigningRequest(String(publicKey.export({ format: 'pem', type: 'spki' }))), invalid);
  const good = Buffer.from((await newKeyAndRequest()).signingRequest.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  const wrap = (der: Uint8Array) =>
    `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  const { keyHash } = await readSigningRequest(wrap(good));
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: good.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const changed = Buffer.from(good);
      changed.writeUInt8((good.at(at) ?? 0) ^ flip, at);
      // A byte of the outer wrapping may not matter; no change ever gets another key through.
      const read = await readSigningRequest(wrap(changed)).catch((error: unknown) => error);
      if (read instanceof Error) assert.equal((read as HoldfastError).code, 'request.invalid');
      else assert.equal((read as RequestedKey).keyHash, keyHash);
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
      await assert.rejects(readSigningRequest(wrap(bytes)), invalid);
    }),
  );
});
