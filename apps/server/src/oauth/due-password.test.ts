import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import * as openid from 'openid-client';
import { stepAt, totpCode } from '../people/totp.ts';
import { fromBase32 } from '../testing/from-base32.ts';
import { hiddenFields } from '../testing/test-browser.ts';
import { oauthServerName, TestOauthClient } from '../testing/test-oauth-client.ts';
import { TestServer } from '../testing/test-server.ts';

test('who has to change the password does so in the sign-in, and goes on', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await TestServer.start(temporaryFolder(t), { clock, config: { names: [oauthServerName] } });
  t.after(() => server[Symbol.asyncDispose]());
  const redirectUri = 'https://console.test/callback';
  const { id } = await server.client.call('createOauthClient', {
    body: { name: 'Console', redirectUris: [redirectUri] },
  });
  const client = await TestOauthClient.discover(server, { id, redirectUri });
  const first = 'a first password of hers';
  const next = 'what she alone knows of it';
  const ann = await server.client.call('createUser', { body: { name: 'ann', role: 'auditor', password: first } });
  const choosing = { step: 'new-password', current: first, password: next, again: next };

  const begin = async (name = 'ann', password = first) => {
    const { url, checks } = await client.begin();
    const browser = client.browser();
    const form = await browser.follow(await browser.get(url.href));
    const answer = await client.submit(browser, form, { step: 'password', name, password });
    return { browser, checks, answer };
  };

  await t.test('the page asks for it, and tells what is wrong with a new one', async () => {
    const { browser, checks, answer } = await begin();
    assert.match(answer.text, /Choose a new password/);
    assert.doesNotMatch(`${String(answer.headers['content-security-policy'])} ${answer.text}`, /script/);
    assert.equal((await server.client.call('userAccess', { params: { id: ann.id } })).access.length, 0);
    // What waits for it is good for nothing else.
    const { pending = '' } = hiddenFields(answer);
    await assert.rejects(server.clientWith(pending).call('account', {}), { code: 'auth.required' });
    const code = await client.submit(browser, answer, { step: 'code', code: '000000' });
    assert.equal(code.status, 401);
    for (const [wrong, status, why] of [
      [{ current: 'not the present one' }, 401, /present password is wrong/],
      [{ again: 'typed otherwise 123' }, 400, /two different ways/],
      [{ password: 'short', again: 'short' }, 400, /12 are the least/],
      [{ password: first, again: first }, 400, /is the present one/],
    ] as const) {
      const refused = await client.submit(browser, answer, { ...choosing, ...wrong });
      assert.equal(refused.status, status, refused.text);
      assert.match(refused.text, why);
      assert.match(refused.text, /Choose a new password/);
    }
    const elsewhere = await client.submit(browser, answer, choosing, { origin: 'https://evil.test' });
    assert.equal(elsewhere.status, 403);
    const done = await browser.follow(await client.submit(browser, answer, choosing));
    const tokens = await openid.authorizationCodeGrant(client.config, new URL(done.location ?? ''), checks);
    await server.clientWith(tokens.access_token).call('computers', {});
    await server.signIn('ann', next);
    await assert.rejects(server.signIn('ann', first), { code: 'auth.sign-in' });
    assert.ok(!(await server.databaseContent()).includes(next));
    const { records } = await server.client.call('audit', { query: { action: 'changePassword', outcome: 'done' } });
    assert.deepEqual(
      records.map(({ actor }) => actor),
      ['user/ann'],
    );
  });

  await t.test('it counts once, and for nothing but a sign-in that waits for it', async () => {
    await server.client.call('resetUser', { params: { id: ann.id }, body: { password: first } });
    const { browser, answer } = await begin();
    const both = await Promise.all([
      client.submit(browser, answer, choosing),
      client.submit(browser, answer, { ...choosing, password: `${next}!`, again: `${next}!` }),
    ]);
    assert.deepEqual(
      both.map(({ status }) => status).toSorted((a, b) => a - b),
      [303, 401],
    );
    clock.advance(25 * 3_600_000);

    // A second factor that is asked for is not got round by it.
    const password = TestServer.passwordOf('bob');
    const bob = await server.person('bob', 'auditor');
    const { id: factor, secret } = await bob.client.call('addTotp', { body: { currentPassword: password } });
    const code = (): string => totpCode(fromBase32(secret), stepAt(clock.now()));
    await bob.client.call('confirmTotp', { params: { id: factor }, body: { code: code() } });
    clock.advance(60_000);
    const waiting = await begin('bob', password);
    assert.match(waiting.answer.text, /One more step/);
    const around = { step: 'new-password', current: password, password: next, again: next };
    assert.equal((await client.submit(waiting.browser, waiting.answer, around)).status, 401);
    await assert.rejects(server.signIn('bob', next), { code: 'auth.sign-in' });

    // With one, it comes after it, and the second factor still counts.
    await server.client.call('resetUser', { params: { id: bob.id }, body: { password: first } });
    clock.advance(25 * 3_600_000);
    const due = await begin('bob', first);
    const asked = await client.submit(due.browser, due.answer, { step: 'code', code: code() });
    assert.match(asked.text, /Choose a new password/);
    const done = await due.browser.follow(await client.submit(due.browser, asked, choosing));
    const tokens = await openid.authorizationCodeGrant(client.config, new URL(done.location ?? ''), due.checks);
    await server.clientWith(tokens.access_token).call('computers', {});
  });
});
