import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { TestAuthenticator } from '../testing/test-authenticator.ts';
import { TestServer } from '../testing/test-server.ts';

const origin = 'https://backup.example.org:8443';
const currentPassword = TestServer.passwordOf('alice');
const wrong = { code: 'auth.sign-in' };

test('a passkey is set up, asked for at sign-in, and proves itself to one challenge of one site once', async (t) => {
  await using server = await TestServer.start(temporaryFolder(t), { config: { publicUrl: `${origin}/anything` } });
  const { client } = await server.person('alice', 'administrator');
  const key = new TestAuthenticator(origin);
  const { passkeyOptions } = await client.call('addPasskey', { body: { currentPassword } });
  assert.equal((passkeyOptions['rp'] as { id: string }).id, 'backup.example.org');
  const elsewhere = new TestAuthenticator('https://backup.example.com:8443').create(passkeyOptions);
  await assert.rejects(client.call('confirmPasskey', { body: { response: elsewhere } }), wrong);
  await assert.rejects(client.call('confirmPasskey', { body: { response: key.create(passkeyOptions) } }), {
    code: 'request.conflict',
  });
  const second = await client.call('addPasskey', { body: { currentPassword } });
  const made = await client.call('confirmPasskey', {
    body: { name: 'yellow key', response: key.create(second.passkeyOptions) },
  });
  assert.equal(made.recoveryCodes?.length, 10);

  const anyone = server.clientWith(undefined);
  const begin = async () => {
    const answer = await anyone.call('signIn', { body: { name: 'alice', password: currentPassword } });
    assert.ok(answer.state === 'second-factor' && answer.passkeyOptions);
    assert.deepEqual(answer.factors, ['passkey', 'recovery-code']);
    return { pending: answer.pending, options: answer.passkeyOptions };
  };
  const finish = (pending: string, response: ReturnType<TestAuthenticator['get']>) =>
    anyone.call('completeSignIn', { body: { pending, proof: { kind: 'passkey', response } } });
  const first = await begin();
  const assertion = key.get(first.options);
  const session = await finish(first.pending, assertion);
  await server.clientWith(session.token).call('users', {});

  const again = await begin();
  await assert.rejects(finish(again.pending, assertion), wrong, 'an answer to an older challenge');
  await assert.rejects(finish(again.pending, key.get(again.options)), wrong, 'the challenge was used up by that');
  const foreign = await begin();
  const other = new TestAuthenticator('https://backup.example.com:8443');
  await assert.rejects(finish(foreign.pending, other.get(foreign.options)), wrong, 'a key of nobody');
  const copied = await begin();
  key.signCount = 0;
  await assert.rejects(finish(copied.pending, key.get(copied.options)), wrong, 'a count that went back');
});

test('a passkey makes a second factor fresh again', async (t) => {
  await using server = await TestServer.start(temporaryFolder(t), { config: { publicUrl: origin } });
  const { client } = await server.person('alice', 'auditor');
  await assert.rejects(client.call('passkeyChallenge', {}), { code: 'request.missing' });
  const key = new TestAuthenticator(origin);
  const { passkeyOptions } = await client.call('addPasskey', { body: { currentPassword } });
  const { id } = await client.call('confirmPasskey', { body: { response: key.create(passkeyOptions) } });
  const asked = await client.call('passkeyChallenge', {});
  const proof = { kind: 'passkey' as const, response: key.get(asked.passkeyOptions) };
  await client.call('confirm', { body: { proof } });
  await assert.rejects(client.call('confirm', { body: { proof } }), wrong);
  await client.call('removeSecondFactor', { params: { id } });
  assert.deepEqual((await client.call('account', {})).recoveryCodesLeft, 0);
});

test('a challenge is to be answered within minutes, though its session lives for hours', async (t) => {
  const clock = new ManualClock(new Date());
  await using server = await TestServer.start(temporaryFolder(t), { config: { publicUrl: origin }, clock });
  const { client } = await server.person('alice', 'auditor');
  const { passkeyOptions } = await client.call('addPasskey', { body: { currentPassword } });
  const response = new TestAuthenticator(origin).create(passkeyOptions);
  clock.advance(5 * 60_000);
  await assert.rejects(client.call('confirmPasskey', { body: { response } }), { code: 'request.conflict' });
});

test('a challenge to prove a passkey can not be answered with a new one', async (t) => {
  await using server = await TestServer.start(temporaryFolder(t), { config: { publicUrl: origin } });
  const { client } = await server.person('alice', 'auditor');
  const { passkeyOptions } = await client.call('addPasskey', { body: { currentPassword } });
  const response = new TestAuthenticator(origin).create(passkeyOptions);
  await client.call('confirmPasskey', { body: { response } });
  // What any session may ask for, without the password and without a fresh second factor.
  const asked = await client.call('passkeyChallenge', {});
  const smuggled = new TestAuthenticator(origin).create({
    ...passkeyOptions,
    challenge: asked.passkeyOptions['challenge'],
  });
  await assert.rejects(client.call('confirmPasskey', { body: { response: smuggled } }), { code: 'request.conflict' });
  assert.equal((await client.call('account', {})).user.secondFactors.length, 1);
});

test('without the address of the site there are no passkeys, and the error says what to set', async (t) => {
  await using server = await TestServer.start(temporaryFolder(t));
  const { client } = await server.person('alice', 'auditor');
  await assert.rejects(client.call('addPasskey', { body: { currentPassword } }), {
    code: 'request.conflict',
    guidance: /publicUrl/,
  });
});
