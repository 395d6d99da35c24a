import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HoldfastError, ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import type { RestClient, ServerEvent } from '@holdfast/protocol';
import type { ServerConfigInput } from '../config.ts';
import { fromBase32 } from '../testing/from-base32.ts';
import { TestServer, until } from '../testing/test-server.ts';
import { stepAt, totpCode } from './totp.ts';

async function start(t: TestContext, config: ServerConfigInput['people'] = {}, clock?: ManualClock) {
  const server = await TestServer.start(temporaryFolder(t), {
    config: { people: config },
    ...(clock ? { clock } : {}),
  });
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

/** Sets up one-time passwords; gives what makes codes, and the recovery codes. */
async function setUpTotp(client: RestClient, o: { password: string; clock: ManualClock }) {
  const { id, secret } = await client.call('addTotp', { body: { currentPassword: o.password } });
  const code = () => totpCode(fromBase32(secret), stepAt(o.clock.now()));
  const wrong = (): string => {
    const taken = [-1, 0, 1].map((beside) => totpCode(fromBase32(secret), stepAt(o.clock.now()) + beside));
    return ['000000', '000001', '000002', '000003'].find((text) => !taken.includes(text)) ?? '';
  };
  const { recoveryCodes } = await client.call('confirmTotp', { params: { id }, body: { code: code() } });
  return { id, code, wrong, recoveryCodes: recoveryCodes ?? [] };
}

test('a first account is made with the file token, has to change its password, and then does what its role may', async (t) => {
  const server = await start(t);
  const password = 'a first password, given';
  const { id } = await server.client.call('createUser', { body: { name: 'alice', role: 'auditor', password } });
  const token = await server.signIn('Alice ', password);
  const alice = server.clientWith(token);
  await assert.rejects(alice.call('computers', {}), { code: 'auth.incomplete' });
  const change = (newPassword: string, currentPassword = password) =>
    alice.call('changePassword', { body: { currentPassword, newPassword } });
  for (const refused of ['short', password, 'alicealicealice', 'passwordpassword', 'abababababababab', '1q2w3e4r5t6y'])
    await assert.rejects(change(refused), { code: 'auth.password' }, refused);
  await assert.rejects(change('this one is long enough', 'not the present one'), { code: 'auth.sign-in' });
  await change('this one is long enough');
  assert.deepEqual((await alice.call('computers', {})).computers, []);
  await assert.rejects(alice.call('users', {}), { code: 'auth.forbidden' });
  const { user } = await alice.call('account', {});
  assert.deepEqual([user.id, user.role, user.passwordChangeDue], [id, 'auditor', false]);
  await assert.rejects(server.signIn('alice', password), { code: 'auth.sign-in' });
  await server.client.call('createUser', { body: { name: 'alice2', role: 'auditor', password } });
  await assert.rejects(server.client.call('createUser', { body: { name: 'alice', role: 'auditor', password } }), {
    code: 'request.conflict',
  });
});

test('nothing tells whether an account is there: wrong, unknown and disabled are one answer', async (t) => {
  const server = await start(t);
  await server.person('alice', 'auditor');
  const bob = await server.person('bob', 'auditor');
  await server.client.call('updateUser', { params: { id: bob.id }, body: { disabled: true } });
  const answers: string[] = [];
  for (const [name, password] of [
    ['alice', 'the wrong password'],
    ['nobody', 'the wrong password'],
    ['bob', TestServer.passwordOf('bob')],
    ['not a name at all', 'the wrong password'],
  ] as const) {
    const response = await server.http.request({
      method: 'POST',
      path: '/api/v1/sign-in',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name, password }),
    });
    const { instance: _, ...report } = (await response.json()) as Record<string, unknown>;
    answers.push(JSON.stringify([response.status, report]));
  }
  assert.equal(new Set(answers).size, 1, answers.join('\n'));
  assert.match(answers[0] ?? '', /^\[401,.*auth.sign-in/);
});

test('each wrong attempt after the fifth waits longer, for unknown names too, and somebody else is not locked out', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, {}, clock);
  await server.person('alice', 'auditor');
  await server.person('bob', 'auditor');
  for (const name of ['alice', 'unknown']) {
    for (let n = 0; n < 5; n += 1)
      await assert.rejects(server.signIn(name, 'wrong wrong wrong'), { code: 'auth.sign-in' });
    await assert.rejects(server.signIn(name), { code: 'auth.rate', context: { retryAfterSeconds: 1 } });
    clock.advance(1_000);
    await assert.rejects(server.signIn(name, 'wrong wrong wrong'), { code: 'auth.sign-in' });
    await assert.rejects(server.signIn(name), { code: 'auth.rate', context: { retryAfterSeconds: 2 } });
  }
  await server.signIn('bob');
  clock.advance(2_000);
  await server.signIn('alice');
  await assert.rejects(server.signIn('alice', 'wrong wrong wrong'), { code: 'auth.sign-in' });
  await server.signIn('alice');
});

test('one address that tries many names has to wait, but for those who have signed in from there before', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, {}, clock);
  await server.person('alice', 'auditor');
  for (let n = 0; n < 50; n += 1)
    await assert.rejects(server.signIn(`name-${n}`, 'one password for all'), { code: 'auth.sign-in' });
  await assert.rejects(server.signIn('name-50'), { code: 'auth.rate', context: { retryAfterSeconds: 1 } });
  await server.signIn('alice');
  clock.advance(1_000);
  await assert.rejects(server.signIn('name-50', 'one password for all'), { code: 'auth.sign-in' });
  await assert.rejects(server.signIn('name-51'), { code: 'auth.rate', context: { retryAfterSeconds: 2 } });
});

test('what was made before the first password was changed ends with it: whoever chose that could have made it', async (t) => {
  const server = await start(t);
  const password = 'a first password, given';
  await server.client.call('createUser', { body: { name: 'alice', role: 'auditor', password } });
  const chooser = server.clientWith(await server.signIn('alice', password));
  const { token } = await chooser.call('createApiToken', { body: { name: 'kept' } });
  const alice = server.clientWith(await server.signIn('alice', password));
  const newPassword = TestServer.passwordOf('alice');
  await alice.call('changePassword', { body: { currentPassword: password, newPassword } });
  await alice.call('computers', {});
  await assert.rejects(server.clientWith(token).call('account', {}), { code: 'auth.required' });
  const own = await alice.call('createApiToken', { body: { name: 'own' } });
  const again = { currentPassword: newPassword, newPassword: `${newPassword}, another` };
  await alice.call('changePassword', { body: again });
  const api = server.clientWith(own.token);
  await api.call('computers', {});
  const last = { currentPassword: again.newPassword, newPassword, endApiTokens: true };
  await alice.call('changePassword', { body: last });
  await assert.rejects(api.call('computers', {}), { code: 'auth.required' });
});

test('guesses of the code that sets one-time passwords up wait as guesses to sign in do, and what was begun ends', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, {}, clock);
  const { client } = await server.person('alice', 'auditor');
  const currentPassword = TestServer.passwordOf('alice');
  const { id, secret } = await client.call('addTotp', { body: { currentPassword } });
  const codeAt = (steps: number) => totpCode(fromBase32(secret), stepAt(clock.now()) + steps);
  const taken = [-1, 0, 1].map(codeAt);
  const wrong = ['000000', '000001', '000002', '000003'].find((text) => !taken.includes(text)) ?? '';
  const confirm = (code: string) => client.call('confirmTotp', { params: { id }, body: { code } });
  for (let n = 0; n < 5; n += 1) await assert.rejects(confirm(wrong), { code: 'auth.sign-in' });
  await assert.rejects(confirm(wrong), { code: 'auth.rate' });
  clock.advance(15 * 60_000);
  await assert.rejects(confirm(codeAt(0)), { code: 'request.missing' });
});

test('whoever is to agree reads whose account it is about', async (t) => {
  const server = await start(t);
  const alice = await server.person('alice', 'administrator');
  const bob = await server.person('bob', 'administrator');
  const body = { password: 'a password for a start' };
  await assert.rejects(alice.client.call('resetUser', { params: { id: bob.id }, body }), { code: 'approval.needed' });
  const { approvals } = await bob.client.call('approvals', {});
  assert.deepEqual(approvals[0]?.request, { id: bob.id, name: 'bob' });
});

test('a session ends when it is unused, when it is old, and at once when it is revoked; its streams with it', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, { sessionIdleMinutes: 30, sessionHours: 2 }, clock);
  const { id, client } = await server.person('alice', 'auditor');
  clock.advance(29 * 60_000);
  await client.call('status', {});
  clock.advance(29 * 60_000);
  await client.call('status', {});
  const idle = server.clientWith(await server.signIn('alice'));
  clock.advance(31 * 60_000);
  await assert.rejects(idle.call('status', {}), { code: 'auth.required' });

  const old = server.clientWith(await server.signIn('alice'));
  for (let n = 0; n < 5; n += 1) {
    clock.advance(23 * 60_000);
    await old.call('status', {});
  }
  clock.advance(23 * 60_000);
  await assert.rejects(old.call('status', {}), { code: 'auth.required' });

  const token = await server.signIn('alice');
  const revoked = server.clientWith(token);
  const other = server.clientWith(await server.signIn('alice'));
  const stream = (async () => {
    const told: ServerEvent[] = [];
    for await (const event of revoked.events('events', {})) told.push(event);
    return told;
  })();
  const list = async () => (await revoked.call('ownAccess', {})).access;
  const mine = (await list()).find(({ present }) => present);
  assert.ok(mine);
  assert.equal((await list()).length, 2);
  await other.call('revokeOwnAccess', { params: { id: mine.id } });
  await assert.rejects(revoked.call('status', {}), { code: 'auth.required' });
  assert.deepEqual(await stream, []);
  await other.call('signOut', {});
  await assert.rejects(other.call('status', {}), { code: 'auth.required' });

  const again = server.clientWith(await server.signIn('alice'));
  const { access } = await server.client.call('userAccess', { params: { id } });
  assert.equal(access.length, 1);
  await server.client.call('revokeUserAccess', { params: { id, accessId: access[0]?.id ?? '' } });
  await assert.rejects(again.call('status', {}), { code: 'auth.required' });
});

test('a session that expires, or an account that is disabled, ends open streams too', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, { sessionIdleMinutes: 10 }, clock);
  const follow = async (client: RestClient) => {
    for await (const event of client.events('events', {})) assert.fail(`no event was due: ${event.kind}`);
  };
  const alice = await server.person('alice', 'backup-operator');
  const stream = follow(alice.client);
  await alice.client.call('status', {});
  await server.client.call('updateUser', { params: { id: alice.id }, body: { disabled: true } });
  await stream;
  const bob = await server.person('bob', 'backup-operator');
  const second = follow(bob.client);
  await bob.client.call('status', {});
  // Time is given in steps, because the loop that looks sleeps by the same clock.
  let ended = false;
  void second.then(() => (ended = true));
  await until(() => {
    clock.advance(60_000);
    return ended;
  }, 'the stream of the expired session has ended');
});

test('an API token never has more than its owner has now, expires, and can make nothing that outlives it', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, { apiTokenIdleDays: 30 }, clock);
  const alice = await server.person('alice', 'backup-operator', { groups: ['a', 'b'] });
  const make = (o: { role?: 'administrator' | 'auditor'; groups?: string[]; lifetimeDays?: number }) =>
    alice.client.call('createApiToken', { body: { name: 'script', ...o } });
  await assert.rejects(make({ groups: ['a', 'c'] }), { code: 'auth.forbidden' });
  const wide = server.clientWith((await make({ role: 'administrator' })).token);
  const narrow = server.clientWith((await make({ role: 'auditor', groups: ['a'] })).token);
  const plain = server.clientWith((await make({ lifetimeDays: 60 })).token);
  const code = async (client: RestClient, route: 'jobs' | 'users' | 'signOut'): Promise<string> => {
    try {
      await client.call(route, {});
      return 'done';
    } catch (error) {
      return error instanceof HoldfastError ? error.code : 'another error';
    }
  };
  const cancel = async (client: RestClient): Promise<string> => {
    const missing = { params: { id: crypto.randomUUID() } };
    return client.call('deleteJob', missing).then(
      () => 'done',
      (error: unknown) => (error instanceof HoldfastError ? error.code : 'another error'),
    );
  };
  assert.equal(await code(wide, 'users'), 'auth.forbidden');
  assert.deepEqual([await cancel(wide), await cancel(plain)], ['request.missing', 'request.missing']);
  assert.deepEqual([await code(narrow, 'jobs'), await cancel(narrow)], ['done', 'auth.forbidden']);
  await assert.rejects(plain.call('createApiToken', { body: { name: 'child' } }), { code: 'auth.forbidden' });
  const { access } = await plain.call('ownAccess', {});
  for (const { id, present } of access.filter((one) => !one.present))
    await assert.rejects(plain.call('revokeOwnAccess', { params: { id } }), { code: 'auth.forbidden' }, `${present}`);
  const last = await make({});
  const itself = server.clientWith(last.token);
  await itself.call('revokeOwnAccess', { params: { id: last.id } });
  assert.equal(await code(itself, 'jobs'), 'auth.required');
  await assert.rejects(
    plain.call('changePassword', { body: { currentPassword: 'x', newPassword: 'long enough as such' } }),
    { code: 'auth.forbidden' },
  );

  // The owner loses rights: so do the tokens, at once; and what they gain the tokens do not.
  await server.client.call('updateUser', { params: { id: alice.id }, body: { role: 'auditor' } });
  assert.deepEqual([await cancel(wide), await cancel(plain)], ['auth.forbidden', 'auth.forbidden']);
  await server.client.call('updateUser', { params: { id: alice.id }, body: { role: 'administrator', groups: null } });
  assert.equal(await code(plain, 'users'), 'auth.forbidden');
  await server.client.call('updateUser', { params: { id: alice.id }, body: { role: 'auditor', groups: ['z'] } });
  assert.deepEqual([await code(wide, 'jobs'), await code(narrow, 'jobs')], ['auth.required', 'auth.required']);
  await server.client.call('updateUser', { params: { id: alice.id }, body: { groups: ['a', 'b'] } });
  assert.equal(await code(plain, 'jobs'), 'done');

  for (let days = 0; days < 58; days += 29) {
    clock.advance(29 * 86_400_000);
    assert.equal(await code(plain, 'jobs'), 'done');
  }
  assert.equal(await code(narrow, 'jobs'), 'auth.required', 'unused for 58 days');
  clock.advance(2 * 86_400_000 + 1);
  assert.equal(await code(plain, 'jobs'), 'auth.required', '60 days old');
});

test('one-time passwords: asked for at sign-in, each good once; recovery codes likewise', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, {}, clock);
  const { client } = await server.person('alice', 'administrator');
  const password = TestServer.passwordOf('alice');
  await assert.rejects(client.call('addTotp', { body: { currentPassword: 'wrong' } }), { code: 'auth.sign-in' });
  const { code, recoveryCodes } = await setUpTotp(client, { password, clock });
  assert.equal(new Set(recoveryCodes).size, 10);

  const anyone = server.clientWith(undefined);
  const begin = async () => {
    const answer = await anyone.call('signIn', { body: { name: 'alice', password } });
    assert.ok(answer.state === 'second-factor');
    assert.deepEqual(answer.factors, ['totp', 'recovery-code']);
    return answer.pending;
  };
  const finish = (pending: string, proof: { kind: 'totp' | 'recovery-code'; code: string }) =>
    anyone.call('completeSignIn', { body: { pending, proof } });
  const wrong = { code: 'auth.sign-in' };
  await assert.rejects(finish(await begin(), { kind: 'totp', code: code() }), wrong, 'it set the factor up');
  clock.advance(30_000);
  const pending = await begin();
  await assert.rejects(server.clientWith(pending).call('account', {}), { code: 'auth.required' });
  const used = code();
  const session = await finish(pending, { kind: 'totp', code: used });
  assert.equal((await server.clientWith(session.token).call('account', {})).recoveryCodesLeft, 10);
  await assert.rejects(finish(pending, { kind: 'totp', code: used }), wrong, 'a sign-in is completed once');
  await assert.rejects(finish(await begin(), { kind: 'totp', code: used }), wrong, 'a code is good once');

  const recovery = {
    kind: 'recovery-code' as const,
    code: (recoveryCodes[0] ?? '').toUpperCase().replaceAll('-', ' '),
  };
  await finish(await begin(), recovery);
  await assert.rejects(finish(await begin(), recovery), wrong);
  clock.advance(5 * 60_000);
  const expired = await begin();
  clock.advance(5 * 60_000);
  await assert.rejects(finish(expired, { kind: 'totp', code: code() }), wrong);
});

test('wrong codes end the sign-in, and later ones have to wait', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, {}, clock);
  const { client } = await server.person('alice', 'auditor');
  const password = TestServer.passwordOf('alice');
  const { code, wrong } = await setUpTotp(client, { password, clock });
  const anyone = server.clientWith(undefined);
  const begin = () => anyone.call('signIn', { body: { name: 'alice', password } });
  const answer = await begin();
  assert.ok(answer.state === 'second-factor');
  clock.advance(30_000);
  const finish = (text: string) =>
    anyone.call('completeSignIn', { body: { pending: answer.pending, proof: { kind: 'totp', code: text } } });
  for (let n = 0; n < 5; n += 1) await assert.rejects(finish(wrong()), { code: 'auth.sign-in' });
  await assert.rejects(finish(code()), { code: 'auth.sign-in' }, 'that sign-in has ended');
  await assert.rejects(begin(), { code: 'auth.rate' }, 'the right password does not make the failures forgotten');
});

test('what is sensitive asks for a fresh second factor where one is set, and API tokens can not give one', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, {}, clock);
  const { client } = await server.person('alice', 'administrator');
  const password = TestServer.passwordOf('alice');
  const create = (by: RestClient, name: string) =>
    by.call('createUser', { body: { name, role: 'auditor', password: 'a password for a start' } });
  await create(client, 'before');
  const { token } = await client.call('createApiToken', { body: { name: 'script' } });
  const { id, code, wrong } = await setUpTotp(client, { password, clock });
  await create(client, 'just-given');
  await assert.rejects(create(server.clientWith(token), 'by-token'), { code: 'auth.step-up' });
  clock.advance(5 * 60_000);
  await assert.rejects(create(client, 'too-late'), { code: 'auth.step-up' });
  await assert.rejects(client.call('removeSecondFactor', { params: { id } }), { code: 'auth.step-up' });
  await assert.rejects(client.call('confirm', { body: { proof: { kind: 'totp', code: wrong() } } }), {
    code: 'auth.sign-in',
  });
  await client.call('confirm', { body: { proof: { kind: 'totp', code: code() } } });
  await create(client, 'confirmed');
  await client.call('removeSecondFactor', { params: { id } });
  await create(server.clientWith(token), 'by-token');
});

test('a role may need a second factor: nothing else is possible until there is one', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, { secondFactorRoles: ['administrator'] }, clock);
  const { client } = await server.person('alice', 'administrator');
  await assert.rejects(client.call('users', {}), { code: 'auth.incomplete' });
  assert.equal((await client.call('account', {})).due, 'second-factor');
  const { id } = await setUpTotp(client, { password: TestServer.passwordOf('alice'), clock });
  await client.call('users', {});
  await client.call('removeSecondFactor', { params: { id } });
  await assert.rejects(client.call('users', {}), { code: 'auth.incomplete' });
  await (await server.person('bob', 'auditor')).client.call('status', {});
});
