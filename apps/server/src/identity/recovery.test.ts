import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ChannelId } from '@holdfast/contract';
import { ManualClock } from '@holdfast/core';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import {
  GrantVerifier,
  identityForRecovery,
  parseProblem,
  RecoveryClient,
  type RecoveryProof,
  recoveryBackupsPath,
  recoveryTokenPath,
  type StoredRecovery,
  signInForRecovery,
} from '@holdfast/protocol';
import { createWire, httpClient, identityOf } from '@holdfast/wire';
import { stepAt, totpCode } from '../people/totp.ts';
import { fromBase32 } from '../testing/from-base32.ts';
import { TestAgent } from '../testing/test-agent.ts';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer, until } from '../testing/test-server.ts';

const never = new AbortController().signal;
const hourMs = 3_600_000;

/** Backups of three computers: `ann` alone in `own`, and `bob` with `eve` in `shared`. */
async function start(t: TestContext) {
  const clock = new ManualClock(new Date());
  const folder = temporaryFolder(t);
  const server = await TestServer.start(folder, { clock, config: { people: { fourEyes: 'off' } } });
  t.after(() => server[Symbol.asyncDispose]());
  const port = await freePort();
  const joined = await server.join('mover', { ports: { 'server-to-mover': port } });
  const mover = new TestMover(joined, { port });
  t.after(() => mover[Symbol.asyncDispose]());
  await mover.listen();
  const repository = async (name: string) =>
    (await server.client.call('createRepository', { body: { name, moverId: mover.id } })).id;
  const [own, shared] = [await repository('own'), await repository('shared')];
  const agent = async () => (await server.join('agent')).answer.id;
  const [ann, bob, eve] = [await agent(), await agent(), await agent()];
  const snapshot = (id: string, repositoryId: string, agentId: string) =>
    server.alterDatabase(
      `insert into "snapshots" ("tenant", "id", "repositoryId", "agentId", "runId", "hostname", "sourcesJson", "tagsJson",
        "takenAt", "totalFiles", "totalBytes", "storedBytes") values ('local', '${id.repeat(32)}', '${repositoryId}', '${agentId}',
        null, 'h', '["/a"]', '[]', '2026-11-21T10:00:00.000Z', 1, 1, 1)`,
    );
  await snapshot('aa', own, ann);
  await snapshot('ab', own, ann);
  await snapshot('bb', shared, bob);
  await snapshot('ee', shared, eve);

  /** What somebody does on the computer to restore to. */
  const recover = async (proof: RecoveryProof, o: { folder?: string; caFingerprint?: string } = {}) => {
    const got: { stored?: StoredRecovery } = {};
    const wire = createWire({
      role: 'recovery-media',
      bind: '127.0.0.1',
      identity: () => got.stored && identityForRecovery(got.stored),
    });
    t.after(() => wire[Symbol.asyncDispose]());
    const channel = proof.kind === 'token' ? 'recovery-media-token-sign-in' : 'recovery-media-credential-sign-in';
    const signedIn = await signInForRecovery({
      ...{ folder: o.folder ?? join(folder, crypto.randomUUID()), wire, proof, signal: never },
      ...{ server: { host: '127.0.0.1', port: server.running.portOf(channel) } },
      caFingerprint: o.caFingerprint ?? server.running.caFingerprint,
    });
    got.stored = signedIn;
    const client = new RecoveryClient({ wire, ...signedIn });
    t.after(() => client[Symbol.asyncDispose]());
    const snapshots = async () => (await client.snapshots(never)).map(({ id }) => id.slice(0, 2)).toSorted();
    return { wire, client, snapshots, identity: identityOf(signedIn.certificate.certificatePem), stored: signedIn };
  };
  const token = (body: Parameters<typeof server.client.call<'createRecoveryToken'>>[1]['body']) =>
    server.client.call('createRecoveryToken', { body });
  return {
    clock,
    server,
    joined,
    mover,
    moverPort: port,
    folder,
    own,
    shared,
    ann,
    bob,
    eve,
    snapshot,
    recover,
    token,
  };
}

test('a token gives a certificate and grants for what it names, and for nothing else', async (t) => {
  const { clock, server, mover, own, shared, ann, eve, snapshot, recover, token } = await start(t);
  await assert.rejects(token({ computers: [crypto.randomUUID()] }), { code: 'request.missing' });
  await assert.rejects(token({}), { code: 'request.invalid' });
  const made = await token({ computers: [ann], note: 'disk' });
  assert.match(made.token, /^[0-9a-f]{4}(-[0-9a-f]{4}){3}$/);
  assert.equal(Date.parse(made.expiresAt), clock.now().getTime() + 24 * hourMs);

  const typed = made.token.toUpperCase().replaceAll('-', ' ');
  const { client, snapshots, identity, stored } = await recover({ kind: 'token', token: typed });
  assert.equal(identity.role, 'recovery');
  assert.ok(identity.expiresAt.getTime() <= Date.parse(made.expiresAt));
  assert.deepEqual(await snapshots(), ['aa', 'ab']);
  const access = await client.grant(own, never);
  assert.equal(access.mover.id, mover.id);
  const { password } = await server.client.call('repositoryPassword', { params: { id: own } });
  assert.equal(access.password, password);
  const { installation, identityKeys } = await server.client.call('status', {});
  const verifier = new GrantVerifier({ installation, keys: identityKeys, clock });
  const grant = await verifier.verify(access.grant, { fingerprint: identity.fingerprint });
  assert.deepEqual([grant.mode, grant.repository, grant.subject], ['read', 'own', `recovery/${stored.certificate.id}`]);
  assert.ok(grant.expiresAt.getTime() <= Date.parse(made.expiresAt) + 1000);
  await assert.rejects(verifier.verify(access.grant, { fingerprint: undefined }), { code: 'grant.invalid' });
  await assert.rejects(client.grant(shared, never), { code: 'auth.forbidden' });
  await assert.rejects(client.grant(crypto.randomUUID(), never), { code: 'auth.forbidden' });

  // Somebody else's backup comes into the repository: its key is no longer ann's alone.
  await snapshot('ef', own, eve);
  assert.deepEqual(await snapshots(), ['aa', 'ab']);
  await assert.rejects(client.grant(own, never), { code: 'auth.forbidden' });

  const both = await recover({ kind: 'token', token: (await token({ repositories: [shared] })).token });
  assert.deepEqual(await both.snapshots(), ['bb', 'ee']);
  await both.client.grant(shared, never);
  await assert.rejects(both.client.grant(own, never), { code: 'auth.forbidden' });
  const { records } = await server.client.call('audit', { query: { action: 'recoveryGrant' } });
  assert.deepEqual(records.map(({ outcome }) => outcome).toSorted(), [
    ...['done', 'done'],
    ...['refused', 'refused', 'refused', 'refused'],
  ]);

  const kept = await server.databaseContent();
  for (const secret of [made.token, made.token.replaceAll('-', '')])
    assert.ok(!kept.includes(secret) && !server.logged.join('').includes(secret), 'the token is not kept');
  clock.advance(24 * hourMs);
  await assert.rejects(both.client.snapshots(never));
  assert.deepEqual((await server.client.call('recoveryTokens', {})).tokens, []);
});

test('a token is used up by one key, which may repeat; revoking it ends what it gave', async (t) => {
  const { server, mover, folder, own, recover, token } = await start(t);
  const made = await token({ repositories: [own] });
  const proof = { kind: 'token', token: made.token } as const;
  await assert.rejects(recover(proof, { caFingerprint: `sha256:${'A'.repeat(43)}` }), { code: 'auth.fingerprint' });
  const { usesLeft } = (await server.client.call('recoveryTokens', {})).tokens[0] ?? assert.fail();
  assert.equal(usesLeft, 1, 'a server that is another has not seen it');

  const place = join(folder, 'media');
  const first = await recover(proof, { folder: place });
  await assert.rejects(recover(proof), { code: 'auth.recovery' });
  const send = async (body: unknown) => {
    await using http = server.httpTo('recovery-media-token-sign-in');
    const headers = { 'content-type': 'application/json' };
    const response = await http.request({
      method: 'POST',
      path: recoveryTokenPath,
      headers,
      body: JSON.stringify(body),
    });
    return (await response.json()) as { certificatePem?: string; code?: string };
  };
  const { signingRequest } = first.stored;
  const again = { protocolVersion: 1, productVersion: '1', hostname: 'h', signingRequest, token: made.token };
  assert.equal((await send(again)).certificatePem, first.stored.certificate.certificatePem, 'a lost answer');

  const [listed] = (await server.client.call('recoveryTokens', {})).tokens;
  assert.equal(listed?.usesLeft, 0);
  assert.equal(listed?.lastUsedFrom, '127.0.0.1');
  const [certificate] = (await server.client.call('recoveryAccesses', {})).certificates;
  assert.equal(certificate?.tokenId, made.id);
  await first.client.grant(own, never);
  assert.equal((await server.client.call('revokeRecoveryToken', { params: { id: made.id } })).certificates, 1);
  assert.deepEqual(mover.trust?.revokedSerials, [first.identity.serial]);
  await assert.rejects(first.client.grant(own, never));
  await assert.rejects(first.client.snapshots(never), { code: 'channel.revoked' });
  assert.equal((await send(again)).code, 'auth.recovery');

  // One of two, by itself.
  const two = await token({ repositories: [own], uses: 2 });
  const [one, other] = [
    await recover({ kind: 'token', token: two.token }),
    await recover({ kind: 'token', token: two.token }),
  ];
  await server.client.call('revokeRecoveryAccess', { params: { id: one.stored.certificate.id } });
  await assert.rejects(one.client.snapshots(never), { code: 'channel.revoked' });
  await other.client.snapshots(never);
});

test('wrong tokens are few, and nothing but signing in answers without one', async (t) => {
  const { clock, server, own, recover, token } = await start(t);
  const { token: right } = await token({ repositories: [own], uses: 3 });
  await recover({ kind: 'token', token: right });
  for (let n = 0; n < 5; n += 1)
    await assert.rejects(recover({ kind: 'token', token: `0000-0000-0000-000${n}` }), { code: 'auth.recovery' });
  await assert.rejects(recover({ kind: 'token', token: right }), { code: 'auth.rate' });
  clock.advance(hourMs);
  await recover({ kind: 'token', token: right });
  for (const text of ['', 'abc', `${right}0`, 'zzzz-zzzz-zzzz-zzzz'])
    await assert.rejects(recover({ kind: 'token', token: text }), { code: 'request.invalid' });

  for (const channel of ['enrolment', 'windows-enrolment', 'client-to-server'] as const) {
    await using http = server.httpTo(channel);
    const headers = { 'content-type': 'application/json' };
    const response = await http.request({ method: 'POST', path: recoveryTokenPath, headers, body: '{}' });
    assert.ok([401, 404].includes(response.status), channel);
    await response.bytes();
  }
  await using signIn = server.httpTo('recovery-media-credential-sign-in');
  for (const path of ['/', '/api/v1/status', recoveryTokenPath, recoveryBackupsPath, '/v1/enrol']) {
    const response = await signIn.request({ method: 'GET', path });
    assert.equal(response.status, 404, path);
    await response.bytes();
  }
});

test('with the certificate of a recovery nothing else is reached', async (t) => {
  const { server, moverPort, own, recover, token } = await start(t);
  const { wire } = await recover({ kind: 'token', token: (await token({ repositories: [own] })).token });
  const dial = (channel: ChannelId, port: number) => wire.dial(channel, '127.0.0.1', { port });
  const { portOf } = server.running;
  for (const [channel, port] of [
    ['posix-agent-control', portOf('posix-agent-control')],
    ['mover-to-server', portOf('mover-to-server')],
    ['windows-agent-control', portOf('windows-agent-control')],
    ['server-to-mover', moverPort],
    ['agent-to-mover-transport', moverPort],
  ] as const)
    await assert.rejects(dial(channel, port), { code: 'channel.identity' }, channel);

  const port = portOf('recovery-media-identity');
  await using http = httpClient({ connect: () => dial('recovery-media-identity', port) });
  for (const path of ['/api/v1/status', '/api/v1/repositories', '/metrics', '/v1/renew', '/v1/control']) {
    const headers = { authorization: `Bearer ${server.token}` };
    const response = await http.request({ method: 'GET', path, headers });
    assert.equal(response.status, 404, `${path}: not even with the token of the administrator`);
    await response.bytes();
  }
  // And the identity service is there for nobody who comes with another certificate, or with none.
  const agent = await server.join('agent');
  await using asAgent = createWire({ role: 'agent-linux', bind: '127.0.0.1', identity: () => agent.identity });
  await assert.rejects(asAgent.dial('recovery-media-identity', '127.0.0.1', { port }), { code: 'channel.identity' });
  const anybody = await server.http.request({ method: 'GET', path: recoveryBackupsPath });
  assert.equal(parseProblem(await anybody.json())?.code, 'auth.required');
});

test('out of a shared repository one computer gets its files by the executor, and neither the key nor anything of others', async (t) => {
  const { server, joined, mover, moverPort, own, shared, bob, recover, token } = await start(t);
  await using executor = new TestAgent(joined);
  executor.listening = { 'server-to-mover': moverPort };
  mover.executor = executor;
  await server.alterDatabase(`update "repositories" set "initialisedAt" = '2026-11-21T10:00:00.000Z'`);
  const head = { kind: 'file', name: 'a"\r\nb', sizeBytes: 4, from: 0, to: 3 };
  executor.output = Buffer.from(`${JSON.stringify(head)}\nsave`);
  const [bobs, eves] = ['bb'.repeat(32), 'ee'.repeat(32)];
  const rest = { root: '/', path: '/a', archive: 'tar' } as const;
  for (const named of [{ computers: [bob] }, { snapshots: [{ repositoryId: shared, id: bobs }] }]) {
    const { client, snapshots } = await recover({ kind: 'token', token: (await token(named)).token });
    assert.deepEqual(await snapshots(), ['bb']);
    const given = await client.contents({ ...rest, repositoryId: shared, snapshotId: bobs }, never);
    assert.equal(given.isArchive, false);
    assert.equal(Buffer.concat(await Array.fromAsync(given.body)).toString(), 'save');
    await assert.rejects(client.grant(shared, never), { code: 'auth.forbidden' });
    const forbidden = [
      { repositoryId: shared, snapshotId: eves },
      { repositoryId: own, snapshotId: bobs },
      { repositoryId: own, snapshotId: 'aa'.repeat(32) },
      { repositoryId: crypto.randomUUID(), snapshotId: bobs },
    ];
    for (const one of forbidden)
      await assert.rejects(client.contents({ ...rest, ...one }, never), { code: 'auth.forbidden' });
  }
  const asked = executor.received.map(({ task }) => task.kind === 'read' && task.reading);
  const granted = { what: 'contents', snapshotId: bobs, ...rest, from: 0 };
  assert.deepEqual(asked, [granted, granted]);
  const { records } = await server.client.call('audit', { query: { action: 'recoveryContents' } });
  const outcomes = records.map(({ outcome }) => outcome);
  assert.equal(outcomes.filter((outcome) => outcome === 'done').length, 2);
  assert.equal(outcomes.filter((outcome) => outcome === 'refused').length, 8);
  assert.equal(outcomes.length, 10);
});

test('an account that may have keys recovers on 10001, with its second factor, and only as long as it may', async (t) => {
  const { clock, server, mover, own, ann, recover } = await start(t);
  const account = (name: string, computers: string[], code = '000000'): RecoveryProof => ({
    ...{ kind: 'account', name, password: async () => TestServer.passwordOf(name), computers },
    secondFactor: async () => ({ kind: 'totp', code }),
  });
  await server.person('rita', 'restore-operator');
  await assert.rejects(recover(account('rita', [ann])), { code: 'auth.forbidden' });
  const { id, client } = await server.person('alice', 'administrator');
  await assert.rejects(recover({ ...account('alice', [ann]), password: async () => 'wrong' } as RecoveryProof), {
    code: 'auth.sign-in',
  });
  const before = (await client.call('ownAccess', {})).access.length;
  const { client: identity, snapshots } = await recover(account('alice', [ann]));
  assert.deepEqual(await snapshots(), ['aa', 'ab']);
  await identity.grant(own, never);
  assert.equal((await client.call('ownAccess', {})).access.length, before, 'no session is left');
  await assert.rejects(recover(account('alice', ['nobody'])), { code: 'request.missing' });

  const { id: factor, secret } = await client.call('addTotp', {
    body: { currentPassword: TestServer.passwordOf('alice') },
  });
  const code = () => totpCode(fromBase32(secret), stepAt(clock.now()));
  await client.call('confirmTotp', { params: { id: factor }, body: { code: code() } });
  await assert.rejects(recover(account('alice', [ann])), { code: 'auth.sign-in' }, 'a wrong code');
  clock.advance(60_000);
  await recover(account('alice', [ann], code()));

  await server.client.call('updateUser', { params: { id }, body: { role: 'auditor' } });
  await assert.rejects(identity.grant(own, never), 'the right was taken away');
  await until(() => mover.trust?.revokedSerials.length === 2, 'the mover is told of both certificates');
  const { records } = await server.client.call('audit', { query: { action: 'recoverWithAccount', outcome: 'done' } });
  assert.deepEqual(
    records.map(({ actor }) => actor),
    ['user/alice', 'user/alice'],
  );
});
