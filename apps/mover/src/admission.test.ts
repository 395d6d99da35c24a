import assert from 'node:assert/strict';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { hasCode, ManualClock } from '@holdfast/core';
import { GrantIssuer, leaseAnswer, type OpenSession, sessionStatus } from '@holdfast/protocol';
import { httpClient } from '@holdfast/wire';
import { createTestInstallation } from '@holdfast/wire/testing';
import { importJWK } from 'jose';
import { type MoverFixture, startFixture, testDataRange } from './testing/mover-fixture.ts';
import { object, restCalls } from './testing/rest-calls.ts';

/** Who is let in: grants, certificates, sessions, leases. */

async function placed(t: { after(end: () => void | Promise<void>): void }, clock?: ManualClock): Promise<MoverFixture> {
  const fixture = await startFixture(t, clock ? { clock } : {});
  await fixture.place('repo');
  return fixture;
}

test('a repository opens only with a grant that is valid, of this installation, for it, and shown by its owner', async (t) => {
  const fixture = await placed(t);
  const stranger = await fixture.installation.issue({ role: 'agent' });
  const agent = fixture.client(fixture.agent);
  const foreign = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const key = await importJWK(foreign, 'EdDSA');
  assert.ok(!(key instanceof Uint8Array));
  const forged = new GrantIssuer({
    installation: fixture.installation.installation,
    key: { id: 'test', privateKey: key },
    clock: { now: () => new Date(), monotonicMs: () => 0, sleep: async () => undefined },
  });
  const request = {
    subject: 'agent/x',
    tenant: 'local',
    repository: 'repo',
    mode: 'maintain',
    sessionId: undefined,
    fingerprint: undefined,
    lifetimeMs: 60_000,
  } as const;
  const grant = await fixture.grant();
  const cases: [string, Promise<{ status: number; code: string | undefined }>, number, string][] = [
    ['no grant', restCalls(agent, undefined)('GET', 'keys/'), 401, 'auth.required'],
    ['nonsense', restCalls(agent, 'eyJhbGciOiJub25lIn0.e30.')('GET', 'keys/'), 403, 'grant.invalid'],
    ['forged', restCalls(fixture.client(undefined), await forged.issue(request))('GET', 'keys/'), 403, 'grant.invalid'],
    ['changed', restCalls(agent, `${grant.slice(0, -4)}AAAA`)('GET', 'keys/'), 403, 'grant.invalid'],
    ['another repository', restCalls(agent, grant, 'other')('GET', 'keys/'), 403, 'grant.invalid'],
    ['expired', restCalls(agent, await fixture.grant({ lifetimeMs: -120_000 }))('GET', 'keys/'), 403, 'grant.expired'],
    ["somebody's grant", restCalls(fixture.client(stranger), grant)('GET', 'keys/'), 403, 'grant.invalid'],
    ['bound, without a certificate', restCalls(fixture.client(undefined), grant)('GET', 'keys/'), 403, 'grant.invalid'],
    [
      'unbound, with a certificate',
      restCalls(agent, await fixture.grant({ fingerprint: undefined }))('GET', 'keys/'),
      403,
      'grant.invalid',
    ],
    ['the server', restCalls(fixture.client(fixture.server), grant)('GET', 'keys/'), 403, 'auth.forbidden'],
    [
      'a session that never was',
      restCalls(agent, await fixture.grant({ sessionId: randomUUID() }))('GET', 'keys/'),
      503,
      'grant.session',
    ],
  ];
  for (const [what, answer, status, code] of cases) {
    const got = await answer;
    assert.deepEqual([got.status, got.code], [status, code], what);
  }
  assert.equal((await restCalls(agent, grant)('GET', 'keys/')).status, 200);
  const unbound = await fixture.grant({ fingerprint: undefined });
  const basic = { authorization: `Basic ${Buffer.from(`any:${unbound}`).toString('base64')}` };
  const client = restCalls(fixture.client(undefined), undefined);
  assert.equal((await client('GET', 'keys/', { headers: basic })).status, 200);
  for (const line of fixture.log) assert.ok(!line.includes(grant) && !line.includes(unbound), 'no grant in the log');
});

test('a certificate of another installation does not get in at all', async (t) => {
  const fixture = await placed(t);
  const elsewhere = await createTestInstallation();
  const intruder = await elsewhere.issue({ role: 'agent' });
  await assert.rejects(restCalls(fixture.client(intruder), await fixture.grant())('GET', 'keys/'), (error) =>
    hasCode(error, 'channel.identity', 'channel.tls'),
  );
});

test('a grant expires on an open connection', async (t) => {
  const clock = new ManualClock(new Date());
  const fixture = await placed(t, clock);
  const call = restCalls(
    fixture.client(fixture.agent, { connections: 1 }),
    await fixture.grant({ lifetimeMs: 60_000 }),
  );
  assert.equal((await call('GET', 'keys/')).status, 200);
  clock.advance(59_000 + 60_000);
  assert.equal((await call('GET', 'keys/')).status, 200, 'clocks may differ by a minute');
  clock.advance(2_000);
  assert.equal((await call('GET', 'keys/')).code, 'grant.expired');
});

test('a revoked computer is cut off in the middle of its session, also after a restart', async (t) => {
  const fixture = await placed(t);
  const session = await fixture.openSession();
  const call = restCalls(fixture.dataClient('agent-dials', session), session.grant);
  assert.equal((await call('GET', 'keys/')).status, 200);
  const trust = { identityKeys: [fixture.signingKey], revokedSerials: [fixture.agent.serial] };
  assert.equal((await fixture.api('PUT', '/trust', trust)).status, 200);
  await assert.rejects(call('GET', 'keys/'), (error) => hasCode(error, 'channel.closed', 'channel.revoked'));
  await fixture.restart();
  await assert.rejects(restCalls(fixture.client(fixture.agent), await fixture.grant())('GET', 'keys/'), (error) =>
    hasCode(error, 'channel.revoked'),
  );
});

test('what a server read before another one told the mover more is refused, and so is what it read before a restart', async (t) => {
  const fixture = await placed(t);
  const tell = async (revokedSerials: readonly string[], revision: string) => {
    const body = { identityKeys: [fixture.signingKey], revokedSerials };
    const { status, json } = await fixture.api('PUT', '/trust', body, { 'if-match': revision });
    return [status, json as { revision?: string; code?: string; context?: { revision: string } }] as const;
  };
  const grant = await fixture.grant();
  const opens = () => restCalls(fixture.client(fixture.agent), grant)('GET', 'keys/');
  const [unknown, { context }] = await tell([], 'unknown');
  const before = context?.revision ?? '';
  const [first, { revision: told = '' }] = await tell([fixture.agent.serial], before);
  const [late, { code, context: present }] = await tell([], before);
  assert.deepEqual([unknown, first, late, code], [412, 200, 412, 'request.changed']);
  assert.deepEqual([told === before, present?.revision], [false, told]);
  await assert.rejects(opens(), (error) => hasCode(error, 'channel.revoked'));
  // The same once more is no change: servers that tell it by turns do not get in each other's way.
  assert.deepEqual(await tell([fixture.agent.serial], told), [200, { revision: told }]);
  await fixture.restart();
  assert.equal((await tell([], told))[0], 412);
  await assert.rejects(opens(), (error) => hasCode(error, 'channel.revoked'));
});

test('keys that are no longer pinned open nothing, though the grant was good a moment ago', async (t) => {
  const fixture = await placed(t);
  const call = restCalls(fixture.client(fixture.agent), await fixture.grant());
  assert.equal((await call('GET', 'keys/')).status, 200);
  const trust = { identityKeys: [{ ...fixture.signingKey, kid: 'next' }], revokedSerials: [] };
  assert.equal((await fixture.api('PUT', '/trust', trust)).status, 200);
  assert.equal((await call('GET', 'keys/')).code, 'grant.invalid');
});

test('a revoked grant opens nothing, also after a restart, and leaves the others alone', async (t) => {
  const fixture = await placed(t);
  const id = randomUUID();
  const unbound = { fingerprint: undefined };
  const call = restCalls(fixture.client(undefined), await fixture.grant({ ...unbound, id }));
  const other = restCalls(fixture.client(undefined), await fixture.grant(unbound));
  assert.equal((await call('GET', 'keys/')).status, 200);
  const trust = { identityKeys: [fixture.signingKey], revokedSerials: [], revokedGrants: [id] };
  assert.equal((await fixture.api('PUT', '/trust', trust)).status, 200);
  assert.equal((await call('GET', 'keys/')).code, 'grant.invalid');
  assert.equal((await other('GET', 'keys/')).status, 200);
  await fixture.restart();
  const again = restCalls(fixture.client(undefined), await fixture.grant({ ...unbound, id }));
  assert.equal((await again('GET', 'keys/')).code, 'grant.invalid');
});

test('only the server steers the mover', async (t) => {
  const fixture = await placed(t);
  const grant = await fixture.grant();
  const mover = await fixture.installation.issue({ role: 'mover' });
  for (const [path, method] of [
    ['/trust', 'PUT'],
    ['/repositories', 'POST'],
    ['/sessions', 'POST'],
    ['/use', 'GET'],
    ['/agents', 'GET'],
    ['/nothing', 'GET'],
  ] as const) {
    for (const who of [fixture.agent, mover])
      assert.equal((await restCalls(fixture.client(who), grant)(method, `/holdfast/v1${path}`)).code, 'auth.forbidden');
    const nobody = await restCalls(fixture.client(undefined), grant)(method, `/holdfast/v1${path}`);
    assert.deepEqual([nobody.status, nobody.code], [401, 'auth.required']);
  }
  assert.equal((await fixture.api('POST', '/sessions', { nonsense: true })).status, 400);
  assert.equal((await fixture.api('POST', '/repositories', { tenant: '..', repository: 'x' })).status, 400);
  assert.equal((await fixture.api('GET', '/nothing')).status, 404);
  const use = await fixture.api('GET', '/use');
  assert.match(JSON.stringify(use.json), /server-to-mover/);
});

test('a session is one computer, one repository, one mode; its end is the end of its channels', async (t) => {
  const fixture = await placed(t);
  await fixture.place('other');
  const { sessionId, grant } = await fixture.openSession();
  const request: OpenSession = {
    sessionId,
    tenant: 'local',
    repository: 'repo',
    subject: `agent/${fixture.agent.id}`,
    fingerprint: fixture.agent.fingerprint,
    mode: 'append',
  };
  assert.equal((await fixture.api('POST', '/sessions', request)).status, 200, 'repeating it is harmless');
  assert.equal((await fixture.api('POST', '/sessions', { ...request, mode: 'maintain' })).status, 409);
  const missing = await fixture.api('POST', '/sessions', { ...request, sessionId: randomUUID(), repository: 'none' });
  assert.equal(missing.status, 404);
  const more = await fixture.grant({ sessionId, mode: 'maintain' });
  assert.equal((await restCalls(fixture.client(fixture.agent), more)('GET', 'keys/')).code, 'grant.invalid');

  const data = restCalls(fixture.dataClient('agent-dials', { sessionId, grant }), grant);
  const pack = object(100_000);
  const timing = /^storage;dur=\d+\.\d$/;
  const sent = await data('POST', `data/${pack.id}`, { body: pack.body });
  assert.equal(sent.status, 200);
  assert.match(String(sent.headers['server-timing']), timing);
  const got = await data('GET', `data/${pack.id}`);
  assert.equal(got.status, 200);
  assert.match(String(got.headers['server-timing']), timing);
  const other = await fixture.openSession({ repository: 'other' });
  const foreign = restCalls(fixture.dataClient('agent-dials', other), grant);
  assert.equal((await foreign('GET', 'keys/')).code, 'grant.invalid', 'a channel serves its own session only');

  const status = await fixture.api('GET', `/sessions/${sessionId}`);
  const { openChannels, log, ...counted } = sessionStatus.parse(status.json);
  assert.ok(openChannels >= 1);
  assert.deepEqual(counted, {
    sessionId,
    receivedBytes: 100_000,
    sentBytes: 100_000,
    objectsCreated: 1,
  });
  assert.match(
    log.map(({ message }) => message).join('\n'),
    /^Session for agent\/.*\nData channel agent-local-data with/,
  );
  const after = encodeURIComponent(log.at(-2)?.at ?? '');
  const rest = sessionStatus.parse((await fixture.api('GET', `/sessions/${sessionId}?logAfter=${after}`)).json);
  assert.deepEqual(rest.log, log.slice(-1));
  assert.equal((await fixture.api('DELETE', `/sessions/${sessionId}`)).status, 200);
  assert.equal((await restCalls(fixture.client(fixture.agent), grant)('GET', 'keys/')).code, 'grant.session');
  await assert.rejects(data('GET', 'keys/'));
  assert.equal((await fixture.api('DELETE', `/sessions/${sessionId}`)).status, 404);
});

test('a session that nobody uses ends by itself', async (t) => {
  const clock = new ManualClock(new Date());
  const fixture = await placed(t, clock);
  const { sessionId } = await fixture.openSession();
  for (let minute = 0; minute < 31; minute += 1) {
    clock.advance(60_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal((await fixture.api('GET', `/sessions/${sessionId}`)).status, 404);
});

test('a lease admits its computer with its nonce, once, and nobody else asks for one', async (t) => {
  const fixture = await placed(t);
  const stranger = await fixture.installation.issue({ role: 'agent' });
  const { sessionId, grant } = await fixture.openSession();
  const ask = (call: ReturnType<typeof restCalls>, count: number) =>
    call('POST', `/holdfast/v1/sessions/${sessionId}/leases`, { body: JSON.stringify({ count }) });
  const own = restCalls(fixture.client(fixture.agent), grant);
  const strangers = await fixture.grant({ subject: `agent/${stranger.id}`, fingerprint: stranger.fingerprint });
  assert.equal((await ask(restCalls(fixture.client(stranger), grant), 1)).code, 'grant.invalid');
  assert.equal((await ask(restCalls(fixture.client(stranger), strangers), 1)).code, 'auth.forbidden');
  assert.equal((await ask(own, 0)).status, 400);
  assert.equal((await ask(own, 17)).status, 400);

  const answer = leaseAnswer.parse(JSON.parse((await ask(own, 2)).body.toString()));
  assert.equal(answer.channel, 'agent-local-data');
  const [first, second] = answer.leases;
  assert.ok(first && second);
  const nonce = (text: string): Buffer => Buffer.from(text, 'base64url');
  const dial = (who: typeof stranger, lease: typeof first, secret: Buffer) =>
    fixture.wireOf(who).dialLease('agent-local-data', '127.0.0.1', lease.port, {
      nonce: secret,
      fingerprint: fixture.identity.fingerprint,
    });
  await assert.rejects(dial(stranger, first, nonce(first.nonce)), (error) =>
    hasCode(error, 'lease.refused', 'channel.identity'),
  );
  await assert.rejects(dial(fixture.agent, first, nonce(second.nonce)));
  const connection = await dial(fixture.agent, first, nonce(first.nonce));
  await assert.rejects(dial(fixture.agent, first, nonce(first.nonce)), 'a lease is used once');
  connection.stream.destroy();

  for (let taken = 0; taken < 3; taken += 1) await ask(own, 4);
  assert.equal((await ask(own, 16)).code, 'lease.none', 'a session has its share of the range');
  const after = await fixture.api('GET', `/sessions/${sessionId}`);
  assert.ok((after.json as { openChannels: number }).openChannels <= 16);
});

test('a standing grant opens the way to data ports by itself; a grant of a session, and one of nobody, does not', async (t) => {
  const fixture = await placed(t);
  const ask = async (grant: string, { who, count }: { who?: typeof fixture.agent | 'nobody'; count?: number } = {}) =>
    restCalls(fixture.client(who === 'nobody' ? undefined : (who ?? fixture.agent)), grant)(
      'POST',
      '/holdfast/v1/leases',
      { body: JSON.stringify({ count: count ?? 1 }) },
    );
  const { grant } = await fixture.openSession();
  assert.equal((await ask(grant)).code, 'auth.forbidden');
  const bearer = await fixture.grant({ fingerprint: undefined });
  assert.equal((await ask(bearer, { who: 'nobody' })).code, 'auth.forbidden');
  const stranger = await fixture.installation.issue({ role: 'agent' });
  const standing = await fixture.grant();
  assert.equal((await ask(standing, { who: stranger })).code, 'grant.invalid');
  assert.equal((await ask(await fixture.grant({ lifetimeMs: -120_000 }))).code, 'grant.expired');

  const answer = leaseAnswer.parse(JSON.parse((await ask(standing)).body.toString()));
  const [lease] = answer.leases;
  assert.ok(lease);
  const connection = await fixture.wireOf(fixture.agent).dialLease('agent-local-data', '127.0.0.1', lease.port, {
    nonce: Buffer.from(lease.nonce, 'base64url'),
    fingerprint: fixture.identity.fingerprint,
  });
  const http = httpClient({ connections: 1, connect: async () => connection });
  t.after(() => http[Symbol.asyncDispose]());
  const list = restCalls(http, standing);
  assert.equal((await list('GET', '/local/repo/snapshots/')).status, 200);
  // It is this grant's, of that repository and mode; a renewed one goes on with it.
  assert.equal((await restCalls(http, await fixture.grant())('GET', '/local/repo/snapshots/')).status, 200);
  assert.equal((await restCalls(http, grant)('GET', '/local/repo/snapshots/')).code, 'grant.invalid');
  const reading = await fixture.grant({ mode: 'read' });
  assert.equal((await restCalls(http, reading)('GET', '/local/repo/snapshots/')).code, 'grant.invalid');

  // All leases of such grants share one session's part of the range, however many grants there are.
  await ask(await fixture.grant(), { count: 15 });
  assert.equal((await ask(await fixture.grant())).code, 'lease.none');
});

test('the mover dials only data ports of the contract, and only for the session', async (t) => {
  const fixture = await placed(t);
  const { sessionId } = await fixture.openSession();
  const request = {
    host: '127.0.0.1',
    // Leases of other tests begin at the other end.
    port: testDataRange.to,
    nonce: 'A'.repeat(43),
    fingerprint: fixture.agent.fingerprint,
    channel: 'server-to-agent-data',
  };
  const dial = (change: object) => fixture.api('POST', `/sessions/${sessionId}/dial`, { ...request, ...change });
  for (const channel of ['client-to-server', 'mover-to-server', 'nothing'])
    assert.equal((await dial({ channel })).status, 404, channel);
  assert.equal((await dial({ fingerprint: 'B'.repeat(43) })).status, 400);
  const refused = await dial({});
  assert.deepEqual([refused.status, (refused.json as { code: string }).code], [502, 'channel.refused']);
});
