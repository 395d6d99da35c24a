import 'reflect-metadata';
import assert from 'node:assert/strict';
import { randomBytes, randomUUID, webcrypto } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasCode, ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { certificateFingerprint, createHttpServer, createWire, type Identity, type Wire } from '@holdfast/wire';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { enrolComputer } from './enrol-client.ts';
import { type EnrolRequest, enrolPath, renewPath } from './enrolment.ts';
import { IdentityKeeper } from './identity-keeper.ts';
import { loadIdentity } from './stored-identity.ts';

/** Enrolment and renewal over real TLS, against the smallest server that can sign a request. */

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;
const token = `hfj_${'t'.repeat(43)}`;

interface Received {
  readonly path: string;
  readonly body: EnrolRequest;
}

async function startServer(t: { after(end: () => Promise<void>): void }, options: { lifetimeDays?: number } = {}) {
  const installation = randomUUID();
  const serverId = randomUUID();
  const rootKeys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const validity = {
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + (options.lifetimeDays ?? 30) * dayMs),
  };
  const root = await X509CertificateGenerator.createSelfSigned({
    serialNumber: `4${randomBytes(8).toString('hex')}f`,
    name: 'CN=Root',
    ...validity,
    keys: rootKeys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 1, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  const caPem = root.toString('pem');
  const issue = async (publicKey: webcrypto.CryptoKey, role: string, id: string): Promise<string> => {
    const leaf = await X509CertificateGenerator.create({
      serialNumber: `4${randomBytes(8).toString('hex')}f`,
      subject: 'CN=Leaf',
      issuer: root.subject,
      ...validity,
      publicKey,
      signingKey: rootKeys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new SubjectAlternativeNameExtension([{ type: 'url', value: `holdfast://${installation}/${role}/${id}` }]),
      ],
    });
    return leaf.toString('pem');
  };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const identity: Identity = {
    certificatePem: await issue(keys.publicKey, 'server', serverId),
    privateKeyPem: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
    caPem,
  };
  const received: Received[] = [];
  const control = { loseAnswers: 0, certificateRole: 'agent' };
  const agentId = randomUUID();
  const http = createHttpServer({
    handler: (req, res) => {
      void (async () => {
        const pieces: Buffer[] = [];
        for await (const piece of req) pieces.push(piece as Buffer);
        const body = JSON.parse(Buffer.concat(pieces).toString()) as EnrolRequest;
        received.push({ path: req.url ?? '', body });
        if (control.loseAnswers > 0) {
          control.loseAnswers -= 1;
          req.socket.destroy();
          return;
        }
        if (req.url === renewPath && http.peerOf(req)?.id !== agentId) {
          res.writeHead(401).end('{}');
          return;
        }
        const request = new Pkcs10CertificateRequest(body.signingRequest);
        assert.ok(await request.verify());
        const publicKey = await request.publicKey.export();
        const certificatePem = await issue(publicKey, control.certificateRole, agentId);
        res.writeHead(200, { 'content-type': 'application/json' }).end(
          JSON.stringify({
            certificatePem,
            caPem,
            expiresAt: validity.notAfter.toISOString(),
            ...(req.url === enrolPath ? { id: agentId, installation, serverId, identityKeys: [] } : {}),
          }),
        );
      })();
    },
  });
  const wire = createWire({
    role: 'backup-server',
    bind: '127.0.0.1',
    identity: () => identity,
    overrides: { enrolment: 0, 'posix-agent-control': 0 },
  });
  const listener = await wire.listen(['enrolment', 'posix-agent-control'], { onConnection: (c) => http.feed(c) });
  t.after(async () => {
    await http.close({ graceMs: 0 });
    await wire[Symbol.asyncDispose]();
  });
  const caFingerprint = `sha256:${certificateFingerprint(caPem)}`;
  const enrol = (dataDir: string, joining: Wire, change: { caFingerprint?: string } = {}) =>
    enrolComputer({
      dataDir,
      wire: joining,
      channel: 'enrolment',
      server: { host: '127.0.0.1', port: listener.port },
      token,
      caFingerprint,
      role: 'agent',
      productVersion: '1',
      ...change,
    });
  return { enrol, received, control, agentId, serverId };
}

function joiner(t: { after(end: () => Promise<void>): void }, identity?: () => Identity): Wire {
  const wire = createWire({ role: 'agent-linux', bind: '127.0.0.1', ...(identity ? { identity } : {}) });
  t.after(() => wire[Symbol.asyncDispose]());
  return wire;
}

test('a computer joins: its key stays here, and what it is is kept in one file for it alone', async (t) => {
  const server = await startServer(t);
  const dataDir = join(temporaryFolder(t), 'data');
  const identity = await server.enrol(dataDir, joiner(t));
  assert.deepEqual([identity.id, identity.server.id], [server.agentId, server.serverId]);
  assert.deepEqual(await loadIdentity(dataDir), identity);
  assert.doesNotMatch(JSON.stringify(server.received), /PRIVATE/);
  assert.deepEqual(readdirSync(dataDir), ['identity.json']);
  if (process.platform !== 'win32') {
    assert.equal(statSync(join(dataDir, 'identity.json')).mode & 0o777, 0o600);
    assert.equal(statSync(dataDir).mode & 0o777, 0o700);
  }
  await assert.rejects(server.enrol(dataDir, joiner(t)), (error) => hasCode(error, 'request.conflict'));
});

test('the token is not sent to a server with another fingerprint', async (t) => {
  const server = await startServer(t);
  const dataDir = join(temporaryFolder(t), 'data');
  const other = `sha256:${'A'.repeat(43)}`;
  await assert.rejects(server.enrol(dataDir, joiner(t), { caFingerprint: other }), (error) =>
    hasCode(error, 'auth.fingerprint'),
  );
  assert.deepEqual(server.received, []);
  assert.equal(await loadIdentity(dataDir), undefined);
});

test('after a lost answer the identical request is repeated', async (t) => {
  const server = await startServer(t);
  const dataDir = join(temporaryFolder(t), 'data');
  server.control.loseAnswers = 1;
  await assert.rejects(server.enrol(dataDir, joiner(t)), (error) => hasCode(error, 'channel.closed'));
  assert.equal(await loadIdentity(dataDir), undefined);
  await server.enrol(dataDir, joiner(t));
  const [first, second] = server.received;
  assert.deepEqual(first, second);
});

test('a certificate for somebody else is not taken', async (t) => {
  const server = await startServer(t);
  server.control.certificateRole = 'mover';
  const dataDir = join(temporaryFolder(t), 'data');
  await assert.rejects(server.enrol(dataDir, joiner(t)), (error) => hasCode(error, 'channel.identity'));
  assert.equal(await loadIdentity(dataDir), undefined);
});

test('a certificate renews itself at two thirds of its life, later while it is in use', async (t) => {
  const server = await startServer(t, { lifetimeDays: 30 });
  const dataDir = join(temporaryFolder(t), 'data');
  const enrolled = await server.enrol(dataDir, joiner(t));
  const clock = new ManualClock(new Date());
  await using keeper = new IdentityKeeper({ dataDir, stored: enrolled, clock });
  const wire = joiner(t, () => keeper.identity);
  let busy = true;
  let failures = 0;
  const { promise: renewed, resolve } = Promise.withResolvers<void>();
  keeper.start({
    wire,
    channel: 'posix-agent-control',
    busy: () => busy,
    onRenewed: () => resolve(),
    onFailure: () => {
      failures += 1;
    },
  });
  const days = async (count: number): Promise<void> => {
    for (let hour = 0; hour < count * 24; hour += 1) {
      clock.advance(3_600_000);
      await new Promise((done) => setImmediate(done));
    }
  };
  await days(22);
  assert.equal(keeper.stored.certificatePem, enrolled.certificatePem, 'grants are bound to it while a run goes on');
  busy = false;
  await days(1);
  await renewed;
  assert.notEqual(keeper.stored.certificatePem, enrolled.certificatePem);
  assert.notEqual(keeper.stored.privateKeyPem, enrolled.privateKeyPem);
  assert.equal(keeper.stored.id, enrolled.id);
  assert.deepEqual(await loadIdentity(dataDir), keeper.stored);
  assert.equal(failures, 0);
});

test('a renewal that fails is told and tried again', async (t) => {
  const server = await startServer(t, { lifetimeDays: 30 });
  const dataDir = join(temporaryFolder(t), 'data');
  const enrolled = await server.enrol(dataDir, joiner(t));
  server.control.loseAnswers = 1;
  const clock = new ManualClock(new Date(Date.now() + 25 * dayMs));
  await using keeper = new IdentityKeeper({ dataDir, stored: enrolled, clock });
  const failed = Promise.withResolvers<void>();
  const renewed = Promise.withResolvers<void>();
  keeper.start({
    wire: joiner(t, () => keeper.identity),
    channel: 'posix-agent-control',
    onRenewed: () => renewed.resolve(),
    onFailure: () => failed.resolve(),
  });
  await failed.promise;
  assert.deepEqual(keeper.stored, enrolled, 'the old one stays in use');
  await new Promise((done) => setImmediate(done));
  clock.advance(3_600_000);
  await renewed.promise;
});
