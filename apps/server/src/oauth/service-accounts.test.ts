import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import { deviceCodeGrant, newKeyAndRequest, oauthPaths } from '@holdfast/protocol';
import { createWire } from '@holdfast/wire';
import { selfSigned } from '@holdfast/wire/testing';
import * as openid from 'openid-client';
import { TestMachine } from '../testing/test-machine.ts';
import { TestMover } from '../testing/test-mover.ts';
import { fetchOver, oauthServerName, TestOauthClient } from '../testing/test-oauth-client.ts';
import { TestServer } from '../testing/test-server.ts';

test('machines get tokens that are bound to their certificates (RFC 8705)', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await TestServer.start(temporaryFolder(t), { clock, config: { names: [oauthServerName] } });
  t.after(() => server[Symbol.asyncDispose]());

  const machine = (pem: string | undefined): TestMachine => {
    const made = new TestMachine(server, pem);
    t.after(() => made[Symbol.asyncDispose]());
    return made;
  };
  const create = (
    name: string,
    o: { role?: 'administrator' | 'auditor'; computerId?: string; certificates?: string[] },
  ) => server.client.call('createServiceAccount', { body: { name, role: 'auditor', ...o } });
  const refused = (there: TestMachine, token: string) =>
    assert.rejects(there.client(token).call('computers', {}), { code: 'auth.required' });

  const own = await selfSigned({ name: 'report' });
  const report = await create('report', { certificates: [own.certificatePem] });
  const there = machine(own.pem);
  const anybody = machine(undefined);

  await t.test('a certified client of others gets one, and does what the role may', async () => {
    const config = await openid.discovery(
      new URL(TestOauthClient.issuerOf(server)),
      report.id,
      undefined,
      openid.TlsClientAuth(),
      { [openid.customFetch]: fetchOver(there.http) },
    );
    const metadata = config.serverMetadata();
    assert.equal(metadata.tls_client_certificate_bound_access_tokens, true);
    const answer = await openid.clientCredentialsGrant(config, { scope: 'api' });
    assert.match(answer.access_token, /^hfo_/);
    assert.ok((answer.expires_in ?? 0) <= 600);
    assert.equal(answer.refresh_token, undefined);
    const client = there.client(answer.access_token);
    await client.call('computers', {});
    const { records } = await client.call('audit', { query: { action: 'serviceAccountToken' } });
    assert.deepEqual([records[0]?.actor, records[0]?.outcome], ['service-account/report', 'done']);
    const [listed] = (await server.client.call('serviceAccounts', {})).serviceAccounts;
    assert.equal(listed?.lastTokenFrom, '127.0.0.1');
    const create = client.call('createUser', {
      body: { name: 'eve', role: 'administrator', password: 'correct horse battery' },
    });
    await assert.rejects(create, { code: 'auth.forbidden' });
  });

  await t.test(
    'a stolen token is good for nobody: without a certificate, with another, with one of a computer',
    async () => {
      const token = await there.token(report.id);
      const other = await selfSigned();
      await create('other', { certificates: [other.certificatePem] });
      const { identity } = await server.join('agent');
      const agent = machine(`${identity.privateKeyPem}\n${identity.certificatePem}`);
      for (const thief of [anybody, machine(other.pem), machine((await selfSigned()).pem), agent])
        await refused(thief, token);
      // A new connection with the same certificate will do.
      await machine(own.pem).client(token).call('computers', {});
      assert.ok(!(await server.databaseContent()).includes(token));
    },
  );

  await t.test('no token without the certificate that is registered, and none for another account', async () => {
    const strange = machine((await selfSigned({ name: 'report' })).pem);
    const { identity } = await server.join('agent');
    const agent = machine(`${identity.privateKeyPem}\n${identity.certificatePem}`);
    for (const asking of [anybody, strange, agent]) {
      const { status, body } = await asking.ask(report.id);
      assert.deepEqual([status, body['error']], [401, 'invalid_client']);
    }
    for (const id of [crypto.randomUUID(), 'holdfast-cli']) assert.notEqual((await there.ask(id)).status, 200);
    // A copy of the certificate is nothing: its key is missing.
    assert.notEqual((await there.ask(report.id, { client_secret: 'x' })).status, 200);
    const audit = await server.client.call('audit', { query: { action: 'serviceAccountToken', outcome: 'refused' } });
    assert.ok(audit.records.some(({ subject }) => subject === report.id));
  });

  await t.test('a computer proves itself with its own certificate, for itself alone, until it is revoked', async () => {
    const [one, other] = [await server.join('agent'), await server.join('mover')];
    const { id } = await create('scripts-of-one', { computerId: one.answer.id });
    const pemOf = ({ identity }: typeof one) => `${identity.privateKeyPem}\n${identity.certificatePem}`;
    const computer = machine(pemOf(one));
    const token = await computer.token(id);
    await computer.client(token).call('computers', {});
    await refused(anybody, token);
    await refused(machine(pemOf(other)), token);
    assert.equal((await machine(pemOf(other)).ask(id)).status, 401);
    assert.equal((await there.ask(id)).status, 401);
    const mover = await create('scripts-of-other', { computerId: other.answer.id });
    await machine(pemOf(other)).token(mover.id);
    await server.client.call('revokeComputer', { params: { id: one.answer.id } });
    await assert.rejects(computer.client(token).call('computers', {}));
    await assert.rejects(computer.ask(id));
  });

  await t.test('our CA issues a certificate for it; the next one counts besides the first', async () => {
    const first = await newKeyAndRequest();
    const made = await server.client.call('createServiceAccount', {
      body: { name: 'issued', role: 'auditor', signingRequest: first.signingRequest },
    });
    const own = machine(`${first.privateKeyPem}\n${made.certificatePem}`);
    const token = await own.token(made.id);
    await own.client(token).call('computers', {});
    for (const thief of [anybody, there]) await refused(thief, token);
    const second = await newKeyAndRequest();
    const params = { id: made.id };
    const body = { signingRequest: second.signingRequest };
    const next = await server.client.call('setServiceAccountCertificates', { params, body });
    assert.equal(next.certificates.length, 2);
    const renewed = machine(`${second.privateKeyPem}\n${next.certificatePem}`);
    await renewed.client(await renewed.token(made.id)).call('computers', {});
    await own.client(token).call('computers', {});
    await server.client.call('deleteServiceAccount', { params });
    await refused(own, token);
    // The certificate alone is good for nothing, on any port.
    await using wire = createWire({
      ...{ role: 'agent-linux', bind: '127.0.0.1' },
      identity: () => ({
        ...{ certificatePem: made.certificatePem ?? '', privateKeyPem: first.privateKeyPem, caPem: server.caPem },
      }),
    });
    for (const channel of ['posix-agent-control', 'mover-to-server', 'recovery-media-identity'] as const)
      await assert.rejects(wire.dial(channel, '127.0.0.1', { port: server.running.portOf(channel) }), {
        code: 'channel.identity',
      });
  });

  await t.test('it gets nothing but that: no other grant, no wider scope, no page of people', async () => {
    for (const grant of ['authorization_code', 'refresh_token', deviceCodeGrant, 'password'])
      assert.notEqual((await there.ask(report.id, { grant_type: grant, code: 'x', refresh_token: 'x' })).status, 200);
    for (const scope of ['openid', 'api openid', 'api profile'])
      assert.equal((await there.ask(report.id, { scope })).body['error'], 'invalid_scope', scope);
    const without = await there.ask(report.id, { scope: '' });
    await refused(there, String(without.body['access_token']));
    const token = await there.token(report.id);
    const headers = { authorization: `Bearer ${token}` };
    const userinfo = await there.http.request({ method: 'GET', path: oauthPaths.userinfo, headers });
    assert.equal(userinfo.status, 401);
    await userinfo.bytes();
    const address = `${oauthPaths.authorization}?client_id=${report.id}&response_type=code&scope=api&code_challenge=${'a'.repeat(43)}&code_challenge_method=S256`;
    assert.equal((await there.http.request({ method: 'GET', path: address })).status, 400);
    const client = there.client(token);
    await assert.rejects(client.call('createApiToken', { body: { name: 'wider' } }), { code: 'auth.forbidden' });
    await assert.rejects(client.call('ownAccess', {}), { code: 'auth.forbidden' });
  });

  await t.test('what is revoked, replaced or removed ends at once, and so do open streams', async () => {
    const certificate = await selfSigned();
    const { id } = await create('ending', { certificates: [certificate.certificatePem] });
    const ending = machine(certificate.pem);
    const [first, second] = [await ending.token(id), await ending.token(id)];
    // Of another machine: nothing happens, and nobody learns of it.
    await there.form(oauthPaths.revocation, { client_id: report.id, token: first });
    await ending.client(first).call('computers', {});
    assert.equal((await ending.form(oauthPaths.revocation, { client_id: id, token: first })).status, 200);
    await refused(ending, first);
    await ending.client(second).call('computers', {});

    const next = await selfSigned();
    await server.client.call('setServiceAccountCertificates', {
      params: { id },
      body: { certificates: [next.certificatePem] },
    });
    await refused(ending, second);
    assert.equal((await ending.ask(id)).status, 401);
    const after = machine(next.pem);
    const third = await after.token(id);
    clock.advance(11 * 60_000);
    await refused(after, third);

    const last = await after.token(id);
    const events = after.client(last).events('events', {});
    const told = (async () => {
      for await (const _ of events);
    })();
    await after.client(last).call('computers', {});
    await server.client.call('deleteServiceAccount', { params: { id } });
    // It ends, or is cut: either will do.
    await Promise.allSettled([told]);
    await refused(after, last);
    assert.equal((await after.ask(id)).status, 401);
    assert.ok(!(await server.client.call('serviceAccounts', {})).serviceAccounts.some((one) => one.id === id));
  });

  await t.test('a certificate whose time is over proves nothing', async () => {
    const short = await selfSigned({ notAfter: new Date(clock.now().getTime() + 120_000) });
    const { id } = await create('short', { certificates: [short.certificatePem] });
    const brief = machine(short.pem);
    const token = await brief.token(id);
    clock.advance(121_000);
    await refused(brief, token);
    assert.equal((await brief.ask(id)).status, 401);
  });

  await t.test(
    'with the certificate of a machine a person is that person, and a token of a person needs none',
    async () => {
      const { token } = await server.person('ann', 'auditor');
      await there.client(token).call('account', {});
      await anybody.client(token).call('account', {});
      await assert.rejects(there.client(undefined).call('computers', {}), { code: 'auth.required' });
    },
  );

  await t.test('only what can prove a machine is registered', async () => {
    const expired = await selfSigned({ notAfter: new Date(Date.now() - 1000) });
    const { identity } = await server.join('agent');
    for (const [at, text] of ['no certificate', own.pem, expired.certificatePem, identity.certificatePem].entries())
      await assert.rejects(create(`wrong-${at}`, { certificates: [text] }), { code: 'request.invalid' }, String(at));
    await assert.rejects(create('neither', {}), { code: 'request.invalid' });
    await assert.rejects(create('nobody', { computerId: crypto.randomUUID() }), { code: 'request.missing' });
    await assert.rejects(create('report', { certificates: [own.certificatePem] }), { code: 'request.conflict' });
  });
});

test('where two administrators have to agree, they do for a machine that may all; it asks for nothing itself', async (t) => {
  const server = await TestServer.start(temporaryFolder(t));
  t.after(() => server[Symbol.asyncDispose]());
  const boss = await selfSigned();
  const { id } = await server.client.call('createServiceAccount', {
    body: { name: 'boss', role: 'administrator', certificates: [boss.certificatePem] },
  });
  await using over = new TestMachine(server, boss.pem);
  const client = over.client(await over.token(id));
  const alice = await server.person('alice', 'administrator', { by: server.client });
  await server.client.call('createUser', {
    body: { name: 'bob', role: 'administrator', password: 'a first password of bob' },
  });
  await assert.rejects(
    alice.client.call('createServiceAccount', {
      body: { name: 'second', role: 'administrator', certificates: [boss.certificatePem] },
    }),
    { code: 'approval.needed' },
  );
  const { certificatePem } = await selfSigned();
  await assert.rejects(
    alice.client.call('setServiceAccountCertificates', { params: { id }, body: { certificates: [certificatePem] } }),
    { code: 'approval.needed' },
  );
  const [waiting] = (await alice.client.call('approvals', {})).approvals;
  const port = await freePort();
  await using mover = new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port });
  await mover.listen();
  const repository = await server.client.call('createRepository', { body: { name: 'books', moverId: mover.id } });
  const params = { id: repository.id };
  const retention = { keep: { by: 'days', days: 30 } } as const;
  await assert.rejects(client.call('setRepositoryMaintenance', { params, body: { retention } }), {
    code: 'auth.forbidden',
  });
  assert.equal((await alice.client.call('approvals', {})).approvals.length, 2);
  await assert.rejects(client.call('approveRequest', { params: { id: waiting?.id ?? '' } }));
  for (const route of ['rejectRequest', 'withdrawRequest'] as const)
    await assert.rejects(client.call(route, { params: { id: waiting?.id ?? '' } }), { code: 'auth.forbidden' });
  // What asks people for a fresh second factor is not for machines.
  await assert.rejects(
    client.call('createUser', { body: { name: 'eve', role: 'auditor', password: 'a first password of eve' } }),
    { code: 'auth.step-up' },
  );
});

test('a machine gets grants for the repositories that were named to it, bound to its certificate', async (t) => {
  const server = await TestServer.start(temporaryFolder(t));
  t.after(() => server[Symbol.asyncDispose]());
  const port = await freePort();
  await using mover = new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port });
  await mover.listen();
  const create = async (name: string) =>
    (await server.client.call('createRepository', { body: { name, moverId: mover.id } })).id;
  const [books, letters] = [await create('books'), await create('letters')];
  const grants = { mode: 'read' as const, repositoryIds: [books] };
  const { privateKeyPem, signingRequest } = await newKeyAndRequest();
  const made = await server.client.call('createServiceAccount', { body: { name: 'nas', grants, signingRequest } });
  await using machine = new TestMachine(server, `${privateKeyPem}\n${made.certificatePem}`);
  const client = machine.client(await machine.token(made.id));
  const given = await client.call('machineGrant', { params: { id: books }, body: { mode: 'read' } });
  const [, payload = ''] = given.grant.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { cnf: Record<string, string> };
  assert.deepEqual(claims.cnf, { 'x5t#S256': made.certificates[0]?.fingerprint });
  for (const [id, mode] of [
    [books, 'append'],
    [letters, 'read'],
  ] as const)
    await assert.rejects(client.call('machineGrant', { params: { id }, body: { mode } }), { code: 'auth.forbidden' });
  // It has no role: it sees nothing, and gets no grant that is bound to nobody.
  await assert.rejects(client.call('repositories', {}), { code: 'auth.forbidden' });
  await assert.rejects(client.call('repositoryGrant', { params: { id: books }, body: { mode: 'read' } }), {
    code: 'auth.forbidden',
  });
  const foreign = await selfSigned();
  const other = await server.client.call('createServiceAccount', {
    body: { name: 'other', grants, certificates: [foreign.certificatePem] },
  });
  await using stranger = new TestMachine(server, foreign.pem);
  await assert.rejects(
    stranger
      .client(await stranger.token(other.id))
      .call('machineGrant', { params: { id: books }, body: { mode: 'read' } }),
    { code: 'auth.forbidden', message: /movers know/ },
  );
  assert.equal((await server.client.call('grants', {})).grants[0]?.actor, 'service-account/nas');

  // One more certificate takes nothing away; with one that is replaced go the grants that are bound to it: its key may be in wrong hands.
  const { signingRequest: next } = await newKeyAndRequest();
  const params = { id: made.id };
  await server.client.call('setServiceAccountCertificates', { params, body: { signingRequest: next } });
  assert.equal((await server.client.call('grants', {})).grants.length, 1);
  await server.client.call('setServiceAccountCertificates', {
    params,
    body: { certificates: [(await selfSigned()).certificatePem] },
  });
  assert.deepEqual((await server.client.call('grants', {})).grants, []);
  assert.deepEqual(mover.trust?.revokedGrants, [given.id]);

  const last = await newKeyAndRequest();
  const again = await server.client.call('createServiceAccount', {
    body: { name: 'again', grants, signingRequest: last.signingRequest },
  });
  await using removed = new TestMachine(server, `${last.privateKeyPem}\n${again.certificatePem}`);
  const { id } = await removed
    .client(await removed.token(again.id))
    .call('machineGrant', { params: { id: books }, body: { mode: 'read' } });
  await server.client.call('deleteServiceAccount', { params: { id: again.id } });
  assert.deepEqual(mover.trust?.revokedGrants?.toSorted(), [given.id, id].toSorted());

  // However its requests and its end meet: no grant is left of it.
  const ends = await newKeyAndRequest();
  const ending = await server.client.call('createServiceAccount', {
    body: { name: 'ending', grants, signingRequest: ends.signingRequest },
  });
  await using gone = new TestMachine(server, `${ends.privateKeyPem}\n${ending.certificatePem}`);
  const asking = gone.client(await gone.token(ending.id));
  const asked = Array.from({ length: 24 }, () =>
    asking.call('machineGrant', { params: { id: books }, body: { mode: 'read' } }),
  );
  const outcomes = Promise.allSettled(asked);
  await Promise.any(asked);
  await server.client.call('deleteServiceAccount', { params: { id: ending.id } });
  await outcomes;
  const live = async () => (await server.client.call('grants', {})).grants.map(({ actor }) => actor);
  assert.deepEqual(await live(), []);
});
