import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { TestAuthenticator } from '../testing/test-authenticator.ts';
import { TestServer } from '../testing/test-server.ts';
import { stepAt, totpCode } from './totp.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const origin = 'https://backup.example.org';

test('no password, token, code or key is in the log, in the audit, in an error or in the database in the clear', async (t) => {
  const clock = new ManualClock(new Date());
  await using server = await TestServer.start(temporaryFolder(t), {
    clock,
    logLevel: 'trace',
    config: { publicUrl: origin },
  });
  const secrets = new Map<string, string>();
  const secret = (what: string, value: string): string => {
    secrets.set(what, value);
    return value;
  };
  const errors: string[] = [];
  const failing = async (work: Promise<unknown>): Promise<void> => {
    await work.then(
      () => assert.fail('it was done'),
      (error: unknown) => errors.push(JSON.stringify(error)),
    );
  };

  const alice = await server.person('alice', 'administrator');
  secret('session', alice.token);
  const currentPassword = secret('password', TestServer.passwordOf('alice'));
  await failing(server.signIn('alice', secret('wrong password', 'a wrong password of somebody')));
  await failing(server.clientWith(secret('wrong token', `hfs_${'x'.repeat(43)}`)).call('status', {}));
  const password = secret('first password', 'the first password of dave');
  const { token } = await alice.client.call('createApiToken', { body: { name: 'script' } });
  await server.clientWith(secret('API token', token)).call('status', {});

  const { id, secret: shared } = await alice.client.call('addTotp', { body: { currentPassword } });
  secret('TOTP secret', shared);
  const bits = Array.from(shared)
    .map((one) => alphabet.indexOf(one).toString(2).padStart(5, '0'))
    .join('');
  const bytes = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  secret('TOTP secret in base64', bytes.toString('base64'));
  const { recoveryCodes = [] } = await alice.client.call('confirmTotp', {
    params: { id },
    body: { code: totpCode(bytes, stepAt(clock.now())) },
  });
  for (const [n, code] of recoveryCodes.entries()) secret(`recovery code ${n}`, code);
  const key = new TestAuthenticator(origin);
  const { passkeyOptions } = await alice.client.call('addPasskey', { body: { currentPassword } });
  await alice.client.call('confirmPasskey', { body: { response: key.create(passkeyOptions) } });

  const answer = await server
    .clientWith(undefined)
    .call('signIn', { body: { name: 'alice', password: currentPassword } });
  assert.ok(answer.state === 'second-factor');
  secret('pending sign-in', answer.pending);
  const complete = (code: string) =>
    server
      .clientWith(undefined)
      .call('completeSignIn', { body: { pending: answer.pending, proof: { kind: 'recovery-code', code } } });
  await failing(complete('aaaa-aaaa-aaaa-aaaa'));
  secret('second session', (await complete(recoveryCodes[0] ?? '')).token);

  // With two administrators the body, which holds a password, is kept until the other agrees.
  const bob = await server.person('bob', 'administrator', { by: alice.client });
  await failing(alice.client.call('createUser', { body: { name: 'dave', role: 'administrator', password } }));
  const [waiting] = (await bob.client.call('approvals', {})).approvals;
  assert.ok(waiting && !JSON.stringify(waiting).includes(password));
  await bob.client.call('approveRequest', { params: { id: waiting.id } });
  secret('join token', await server.joinToken('agent'));
  secret('administrator token', server.token);

  const audit = JSON.stringify(await server.client.list('audit', {}));
  const places = {
    'the log': server.logged.join(''),
    'the audit': audit,
    'an error': errors.join(''),
    'the database': await server.databaseContent(),
  };
  assert.ok(places['the log'].includes('request refused') && places['the database'].includes('alice'));
  assert.ok(errors.length === 4 && secrets.size >= 20);
  for (const [place, content] of Object.entries(places))
    for (const [what, value] of secrets) {
      for (const form of [
        value,
        encodeURIComponent(value),
        Buffer.from(value).toString('base64url'),
        value.replaceAll('-', ''),
      ])
        assert.ok(!content.includes(form), `${what} is in ${place}`);
    }

  // The minimum of the OWASP Password Storage Cheat Sheet, for everybody.
  const hashes = await server.readDatabase('select "passwordHash" from "accounts"');
  assert.ok(hashes.length >= 2);
  for (const hash of hashes) assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
});
