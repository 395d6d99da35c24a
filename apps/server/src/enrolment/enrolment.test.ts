import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { newKeyAndRequest, parseProblem, renewPath, reportPath } from '@holdfast/protocol';
import { createWire, httpClient, identityOf } from '@holdfast/wire';
import fc from 'fast-check';
import { TestAgent } from '../testing/test-agent.ts';
import { type Enrolled, TestServer, until } from '../testing/test-server.ts';

async function start(t: TestContext, o: Parameters<typeof TestServer.start>[1] = {}): Promise<TestServer> {
  const server = await TestServer.start(temporaryFolder(t), o);
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

/** A request with a computer's own certificate. */
async function asComputer(server: TestServer, computer: Enrolled, path: string, body: unknown) {
  const isMover = identityOf(computer.identity.certificatePem).role === 'mover';
  await using wire = createWire({
    role: isMover ? 'data-mover' : 'agent-linux',
    bind: '127.0.0.1',
    identity: () => computer.identity,
  });
  const channel = isMover ? 'mover-to-server' : 'posix-agent-control';
  await using http = httpClient({
    connect: (signal) => wire.dial(channel, '127.0.0.1', { port: server.running.portOf(channel), signal }),
  });
  const response = await http.request({
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const content = await response.json();
  if (response.status !== 200) throw parseProblem(content) ?? new Error(`status ${response.status}`);
  return content;
}

test('a certificate names the computer and nothing that the request asked for', async (t) => {
  const server = await start(t);
  const { answer } = await server.join('agent');
  const leaf = new X509Certificate(answer.certificatePem);
  assert.equal(leaf.subjectAltName, `URI:holdfast://${answer.installation}/agent/${answer.id}`);
  assert.equal(leaf.ca, false);
  assert.deepEqual(leaf.keyUsage?.toSorted(), ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  assert.equal(answer.installation, server.running.installation);
  assert.equal(answer.identityKeys.length, 1);
});

test('repeating an identical request gives the same certificate; the token is good for nobody else', async (t) => {
  const server = await start(t);
  const token = await server.joinToken('agent');
  const key = await newKeyAndRequest();
  const first = await server.enrol({ token, role: 'agent', key });
  const again = await server.enrol({ token, role: 'agent', key });
  assert.deepEqual(again.answer, first.answer);
  await assert.rejects(server.enrol({ token, role: 'agent' }), { code: 'auth.token' });
  assert.equal((await server.client.call('computers', {})).computers.length, 1);
});

test('a token counts its uses, also when they come at once', async (t) => {
  const server = await start(t);
  const token = await server.joinToken('agent', { uses: 3 });
  const joins = await Promise.allSettled(Array.from({ length: 6 }, () => server.enrol({ token, role: 'agent' })));
  assert.equal(joins.filter(({ status }) => status === 'fulfilled').length, 3);
  assert.equal((await server.client.call('computers', {})).computers.length, 3);
  assert.deepEqual((await server.client.call('tokens', {})).tokens, []);
});

test('a token is for one role, may be withdrawn, and expires by the clock', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, { clock });
  const token = await server.joinToken('mover', { uses: 5, lifetimeSeconds: 60 });
  await assert.rejects(server.enrol({ token, role: 'agent' }), { code: 'auth.token' });
  const key = await newKeyAndRequest();
  const joined = await server.enrol({ token, role: 'mover', key });
  clock.advance(60_000);
  await assert.rejects(server.enrol({ token, role: 'mover' }), { code: 'auth.token' });
  // Who joined with it may still ask again for the certificate that it lost on the way.
  assert.deepEqual((await server.enrol({ token, role: 'mover', key })).answer, joined.answer);

  const withdrawn = await server.client.call('createToken', { body: { role: 'agent' } });
  await server.client.call('deleteToken', { params: { id: withdrawn.id } });
  await assert.rejects(server.enrol({ token: withdrawn.token, role: 'agent' }), { code: 'auth.token' });
  await assert.rejects(server.client.call('deleteToken', { params: { id: withdrawn.id } }), {
    code: 'request.missing',
  });
});

test('a request whose key is not proven is refused and uses nothing up', async (t) => {
  const server = await start(t);
  const token = await server.joinToken('agent');
  const [one, other] = [await newKeyAndRequest(), await newKeyAndRequest()];
  const der = Buffer.from(one.signingRequest.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  der.writeUInt8((der.at(-1) ?? 0) ^ 1, der.length - 1);
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  await assert.rejects(server.enrol({ token, role: 'agent', key: { ...other, signingRequest: forged } }), {
    code: 'request.invalid',
  });
  await server.enrol({ token, role: 'agent' });
});

test('without a certificate nothing but enrolment answers', async (t) => {
  const server = await start(t);
  await using http = server.httpTo('enrolment');
  for (const [method, path, status] of [
    ['POST', renewPath, 401],
    ['POST', reportPath, 401],
    ['GET', '/v1/control', 404],
    ['GET', '/api/v1/status', 404],
  ] as const) {
    const response = await http.request({
      method,
      path,
      ...(method === 'POST' ? { body: '{}', headers: { 'content-type': 'application/json' } } : {}),
    });
    assert.equal(response.status, status, path);
    await response.bytes();
  }
  await assert.rejects(http.upgrade('/v1/control', 'holdfast-task'), { code: 'auth.required' });
});

test('refused enrolments from one address come to an end, until the minute is over', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, { clock });
  const wrong = `hfj_${'x'.repeat(43)}`;
  const key = await newKeyAndRequest();
  for (let n = 0; n < 10; n += 1) {
    await assert.rejects(server.enrol({ token: wrong, role: 'agent', key }), { code: 'auth.token' });
  }
  const token = await server.joinToken('agent');
  await assert.rejects(server.enrol({ token, role: 'agent', key }), { code: 'auth.rate' });
  clock.advance(60_000);
  await server.enrol({ token, role: 'agent', key });
});

test('a certificate renews with itself, and a revoked one neither renews nor connects nor comes back with its key', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, { clock });
  const key = await newKeyAndRequest();
  const token = await server.joinToken('agent', { uses: 2 });
  const enrolled = await server.enrol({ token, role: 'agent', key });
  const next = await newKeyAndRequest();
  const renewed = await asComputer(server, enrolled, renewPath, { signingRequest: next.signingRequest });
  const { certificatePem } = renewed as { certificatePem: string };
  const identity = identityOf(certificatePem);
  assert.equal(identity.id, enrolled.answer.id);
  const [computer] = (await server.client.call('computers', {})).computers;
  assert.equal(computer?.certificateSerial, identity.serial);

  const renewedComputer = {
    ...enrolled,
    identity: { ...enrolled.identity, certificatePem, privateKeyPem: next.privateKeyPem },
  };
  await using agent = new TestAgent(renewedComputer);
  const held = await agent.hold(server);
  await until(() => agent.greeted === 1, 'the server has greeted');
  await server.client.call('revokeComputer', { params: { id: enrolled.answer.id } });
  await held.closed;
  await assert.rejects(agent.hold(server), { code: 'channel.revoked' });
  // The first certificate of the same computer as well.
  await assert.rejects(asComputer(server, enrolled, renewPath, { signingRequest: next.signingRequest }), {
    code: 'channel.revoked',
  });
  await assert.rejects(server.enrol({ token, role: 'agent', key }), { code: 'channel.revoked' });
  const freshToken = await server.joinToken('agent');
  await assert.rejects(server.enrol({ token: freshToken, role: 'agent', key }), { code: 'channel.revoked' });
  await server.enrol({ token: freshToken, role: 'agent' });
});

test('a mover reports the ports that it listens on', async (t) => {
  const server = await start(t);
  const mover = await server.join('mover');
  const report = {
    protocolVersion: 1,
    productVersion: '0.2.0',
    hostname: 'store',
    platform: 'linux',
    ports: { 'server-to-mover': 16_162 },
  };
  await asComputer(server, mover, reportPath, report);
  const [computer] = (await server.client.call('computers', { query: { role: 'mover' } })).computers;
  assert.equal(computer?.hostname, 'store');
  assert.equal(computer?.productVersion, '0.2.0');
  const body = { name: 'place', moverId: mover.answer.id };
  await assert.rejects(server.client.call('createRepository', { body }), /127\.0\.0\.1:16162/);
});

test("keys and secrets are their owner's only", async (t) => {
  const folder = temporaryFolder(t);
  await using server = await TestServer.start(folder);
  await server.join('agent');
  for (const name of [
    'root-ca.pem',
    'issuing-ca.pem',
    'server-certificate.pem',
    'vault-key',
    'identity-key.pem',
    'admin-token',
    'metrics-token',
    'channel-use.json',
  ]) {
    const path = join(folder, 'server', name);
    assert.ok(existsSync(path), name);
    assert.equal(statSync(path).mode & 0o777, 0o600, name);
  }
  assert.equal(statSync(join(folder, 'server')).mode & 0o777, 0o700);
});

test('whatever is sent to enrolment is refused, and the server lives', async (t) => {
  // One attempt in a minute counts; the clock moves so that the limiter does not answer in the place of the parser.
  const clock = new ManualClock(new Date());
  const server = await start(t, { clock });
  await using http = server.httpTo('enrolment');
  const pem = fc.string({ unit: 'binary', maxLength: 300 }).map((text) => Buffer.from(text).toString('base64'));
  const request = fc.record(
    {
      protocolVersion: fc.oneof(fc.constant(1), fc.integer()),
      productVersion: fc.string(),
      token: fc.oneof(fc.constant(`hfj_${'y'.repeat(43)}`), fc.string()),
      role: fc.constantFrom('agent', 'mover', 'server'),
      hostname: fc.string(),
      platform: fc.constantFrom('linux', 'plan9'),
      signingRequest: pem.map(
        (body) => `-----BEGIN CERTIFICATE REQUEST-----\n${body}\n-----END CERTIFICATE REQUEST-----`,
      ),
      ports: fc.dictionary(fc.string(), fc.integer()),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        request.map((value) => JSON.stringify(value)),
        fc.json(),
        fc.string(),
      ),
      async (body) => {
        clock.advance(60_000);
        const response = await http.request({
          method: 'POST',
          path: '/v1/enrol',
          headers: { 'content-type': 'application/json' },
          body,
        });
        const report = parseProblem(await response.json());
        assert.ok(report, body);
        assert.ok(response.status >= 400 && response.status < 500, `${response.status} for ${body}`);
      },
    ),
    { numRuns: 150 },
  );
  await server.join('agent');
});
