import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Clock, ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import * as openid from 'openid-client';
import type { ServerConfigInput } from '../config.ts';
import { stepAt, totpCode } from '../people/totp.ts';
import { fromBase32 } from '../testing/from-base32.ts';
import type { TestBrowser } from '../testing/test-browser.ts';
import { oauthServerName, TestOauthClient } from '../testing/test-oauth-client.ts';
import { type OutsidePerson, TestOutsideProvider } from '../testing/test-outside-provider.ts';
import { TestServer } from '../testing/test-server.ts';

const redirectUri = 'https://console.test/callback';

async function start(t: TestContext, o: { clock?: Clock; people?: ServerConfigInput['people'] } = {}) {
  const { people = {}, ...rest } = o;
  const config = { names: [oauthServerName], people };
  const server = await TestServer.start(temporaryFolder(t), { ...rest, config });
  t.after(() => server[Symbol.asyncDispose]());
  const { id } = await server.client.call('createOauthClient', {
    body: { name: 'Console', redirectUris: [redirectUri] },
  });
  const client = await TestOauthClient.discover(server, { id, redirectUri });
  const outside = await TestOutsideProvider.start(t);
  const settings = {
    ...{ name: 'Company', issuer: outside.issuer, clientId: outside.clientId, clientSecret: outside.clientSecret },
    ...{ caPem: outside.caPem, allowLocalAddresses: true },
  };
  const register = async (more: object = {}) => {
    const made = await server.client.call('createIdentityProvider', { body: { ...settings, ...more } });
    outside.redirectTo(made.redirectUri);
    return made;
  };
  /** From the page to where the provider sends the person back to. */
  const answerFor = async (browser: TestBrowser, person: OutsidePerson, providerId: string) => {
    outside.person = person;
    const { url, checks } = await client.begin();
    const page = await browser.follow(await browser.get(url.href));
    const link = /href="([^"]+\/with\/[^"]+)"/g;
    const links = [...page.text.matchAll(link)].map(([, path = '']) => path);
    const away = await browser.get(links.find((path) => path.endsWith(providerId)) ?? assert.fail(page.text));
    const there = outside.browser();
    const back = await there.follow(await there.get(away.location ?? assert.fail(away.text)));
    return { checks, back: back.location ?? assert.fail(back.text) };
  };
  const signIn = async (person: OutsidePerson, providerId: string) => {
    const browser = client.browser();
    const { back, checks } = await answerFor(browser, person, providerId);
    const last = await browser.follow(await browser.get(back));
    if (last.location === undefined) return { text: last.text };
    const tokens = await openid.authorizationCodeGrant(client.config, new URL(last.location), checks);
    return { text: last.text, token: tokens.access_token };
  };
  const nameOf = async (token: string | undefined) => (await client.userinfo(token ?? ''))?.['preferred_username'];
  return { server, client, outside, settings, register, answerFor, signIn, nameOf };
}

test('who is linked signs in with a provider elsewhere; nobody else, whatever their name there', async (t) => {
  const { server, register, signIn, nameOf, outside } = await start(t);
  const alice = await server.person('alice', 'auditor');
  const { id } = await register();
  const person = { sub: 'id of alice elsewhere', preferred_username: 'alice' };
  assert.match((await signIn(person, id)).text, /no account here is linked/);
  await server.client.call('linkIdentity', { params: { id }, body: { userId: alice.id, subject: person.sub } });
  const { token } = await signIn(person, id);
  assert.equal(await nameOf(token), 'alice');
  assert.equal((await signIn({ sub: 'another', preferred_username: 'alice' }, id)).token, undefined);

  const { identities } = await server.client.call('outsideIdentities', { params: { id }, query: {} });
  assert.deepEqual(
    identities.map(({ subject, userName }) => [subject, userName]),
    [[person.sub, 'alice']],
  );
  await assert.rejects(
    server.client.call('linkIdentity', { params: { id }, body: { userId: alice.id, subject: person.sub } }),
    { code: 'request.conflict' },
  );
  await server.client.call('updateUser', { params: { id: alice.id }, body: { disabled: true } });
  assert.equal((await signIn(person, id)).token, undefined);
  await server.client.call('updateUser', { params: { id: alice.id }, body: { disabled: false } });
  await server.client.call('unlinkIdentity', { params: { id, identityId: identities[0]?.id ?? '' } });
  assert.equal((await signIn(person, id)).token, undefined);
  assert.ok(!(await server.databaseContent()).includes(outside.clientSecret));
});

test('accounts are made on the first sign-in where an administrator said so, with the role that a claim gives', async (t) => {
  const { server, register, signIn, nameOf } = await start(t);
  await server.person('taken', 'administrator');
  const roles = [
    { value: 'backup-admins', role: 'backup-operator' },
    { value: 'staff', role: 'auditor', groups: ['default'] },
  ];
  const { id } = await register({ newAccounts: { claim: 'groups', roles } });
  const bob = { sub: '4711', preferred_username: 'Bob', name: 'Bob B.', groups: ['staff', 'backup-admins'] };
  assert.equal(await nameOf((await signIn(bob, id)).token), 'bob');
  // What changes there later changes nothing here, nor makes a second account.
  assert.equal(await nameOf((await signIn({ ...bob, preferred_username: 'robert', groups: [] }, id)).token), 'bob');
  const { users } = await server.client.call('users', {});
  assert.deepEqual(
    users.filter(({ name }) => name !== 'taken').map(({ name, displayName, role }) => [name, displayName, role]),
    [['bob', 'Bob B.', 'backup-operator']],
  );
  for (const [person, why] of [
    [{ sub: '1', preferred_username: 'eve', groups: ['visitors'] }, /gives no role/],
    [{ sub: '2', preferred_username: 'eve' }, /gives no role/],
    [{ sub: '3', preferred_username: 'taken', groups: ['staff'] }, /is an account taken already/],
    [{ sub: '4', preferred_username: 'not a name!', groups: ['staff'] }, /no name for an account/],
  ] as const)
    assert.match((await signIn(person, id)).text, why);
  assert.equal((await server.client.call('users', {})).users.length, 2);
});

test('an answer counts once, in the browser that asked, at the provider that was asked', async (t) => {
  const { server, client, register, answerFor, outside } = await start(t);
  const alice = await server.person('alice', 'auditor');
  const { id } = await register();
  const { id: other } = await server.client.call('createIdentityProvider', {
    body: { name: 'Other', issuer: outside.issuer, clientId: 'x', caPem: outside.caPem, allowLocalAddresses: true },
  });
  await server.client.call('linkIdentity', { params: { id }, body: { userId: alice.id, subject: '1' } });
  const browser = client.browser();
  const { back } = await answerFor(browser, { sub: '1' }, id);
  // Somebody's answer in another browser: the one who is to be signed in to an attacker's account.
  assert.equal((await client.browser().follow(await client.browser().get(back))).status, 404);
  assert.equal((await browser.get(back.replace(id, other))).status, 404);
  const changed = new URL(back);
  changed.searchParams.set('state', 'made up');
  assert.equal((await browser.get(changed.href)).status, 404);
  const done = await browser.follow(await browser.get(back));
  assert.ok(done.location?.startsWith(redirectUri));
  assert.equal((await browser.follow(await browser.get(back))).status, 404);

  for (const [name, value] of [
    ['iss', 'https://evil.test'],
    ['code', 'made up'],
  ] as const) {
    const again = client.browser();
    const forged = new URL((await answerFor(again, { sub: '1' }, id)).back);
    forged.searchParams.set(name, value);
    const { status, location, text } = await again.follow(await again.get(forged.href));
    assert.deepEqual([status, location], [401, undefined], text);
  }
  await server.client.call('deleteIdentityProvider', { params: { id } });
  const last = client.browser();
  const page = await last.follow(await last.get((await client.begin()).url.href));
  assert.ok(!page.text.includes(id));
});

test('a provider that is none, or is not to be reached, is not taken', async (t) => {
  const { server, settings } = await start(t);
  for (const wrong of [{ allowLocalAddresses: false }, { issuer: `${settings.issuer}/other` }, { caPem: server.caPem }])
    await assert.rejects(server.client.call('createIdentityProvider', { body: { ...settings, ...wrong } }), {
      code: 'request.conflict',
    });
  assert.deepEqual((await server.client.call('identityProviders', {})).providers, []);
});

test("an account's own second factor is asked for, whatever the provider says that it has seen", async (t) => {
  const clock = new ManualClock(new Date());
  const { server, client, register, answerFor } = await start(t, { clock });
  const password = TestServer.passwordOf('alice');
  const alice = await server.person('alice', 'auditor');
  const { id: factor, secret } = await alice.client.call('addTotp', { body: { currentPassword: password } });
  const code = (): string => totpCode(fromBase32(secret), stepAt(clock.now()));
  await alice.client.call('confirmTotp', { params: { id: factor }, body: { code: code() } });
  const { id } = await register();
  const person = { sub: 'alice there', preferred_username: 'alice', amr: ['pwd', 'otp', 'mfa'], acr: 'phrh' };
  await server.client.call('linkIdentity', { params: { id }, body: { userId: alice.id, subject: person.sub } });
  const begin = async () => {
    const browser = client.browser();
    const { back, checks } = await answerFor(browser, person, id);
    const page = await browser.follow(await browser.get(back));
    assert.match(page.text, /One more step/);
    return { browser, page, checks };
  };
  const { browser, page, checks } = await begin();
  clock.advance(60_000);
  assert.equal((await client.submit(browser, page, { step: 'code', code: '000000' })).status, 401);
  const done = await browser.follow(await client.submit(browser, page, { step: 'code', code: code() }));
  const tokens = await openid.authorizationCodeGrant(client.config, new URL(done.location ?? ''), checks);
  await server.clientWith(tokens.access_token).call('computers', {});

  // A password that is due is changed by who knows it: the provider vouches for the person, not for that.
  await server.client.call('resetUser', { params: { id: alice.id }, body: { password: 'a first password of hers' } });
  clock.advance(25 * 3_600_000);
  const due = await begin();
  const asked = await client.submit(due.browser, due.page, { step: 'code', code: code() });
  assert.match(asked.text, /Choose a new password/);
  const next = 'what she alone knows of it';
  const guessed = { step: 'new-password', current: 'any other password', password: next, again: next };
  assert.equal((await client.submit(due.browser, asked, guessed)).status, 401);
  await assert.rejects(server.signIn('alice', next), { code: 'auth.sign-in' });
});

test('a role that needs a second factor needs one here, also of who signs in with a provider elsewhere', async (t) => {
  const { server, register, signIn } = await start(t, { people: { secondFactorRoles: ['backup-operator'] } });
  const roles = [
    { value: 'backup-admins', role: 'backup-operator' },
    { value: 'staff', role: 'auditor' },
  ];
  const { id } = await register({ newAccounts: { claim: 'groups', roles } });
  const person = { preferred_username: 'bob', amr: ['mfa'], acr: 'phrh' };
  const refused = await signIn({ ...person, sub: '1', groups: ['backup-admins'] }, id);
  assert.match(refused.text, /need a second factor/);
  assert.equal(refused.token, undefined);
  const [bob] = (await server.client.call('users', {})).users;
  assert.equal((await server.client.call('userAccess', { params: { id: bob?.id ?? '' } })).access.length, 0);
  assert.ok((await signIn({ ...person, sub: '2', preferred_username: 'carl', groups: ['staff'] }, id)).token);
});

test('a page of the console signs in with a provider elsewhere, and ends what it began itself alone', async (t) => {
  const { server, client, outside, register, answerFor } = await start(t);
  const alice = await server.person('alice', 'auditor');
  const { id } = await register();
  const body = { userId: alice.id, subject: '1' };
  await server.client.call('linkIdentity', { params: { id }, body });
  outside.person = { sub: '1' };
  const page = { 'sec-fetch-site': 'same-origin', 'x-holdfast-request': 'person' };
  const path = '/api/v1/browser/sign-in/outside';
  const ask = async (o: { method: 'GET' | 'POST'; path: string; body?: object; headers?: Record<string, string> }) => {
    const response = await server.http.request({
      ...{ method: o.method, path: o.path },
      headers: { ...(o.headers ?? page), ...(o.body && { 'content-type': 'application/json' }) },
      ...(o.body && { body: JSON.stringify(o.body) }),
    });
    const content = (await response.json()) as Readonly<Record<string, string>>;
    return { status: response.status, content, cookie: response.headers['set-cookie'] };
  };
  const { content: known } = await ask({ method: 'GET', path: '/api/v1/console', headers: {} });
  assert.deepEqual(known['providers'], [{ id, name: 'Company' }]);
  assert.equal(
    (await ask({ method: 'GET', path: `${path}?provider=${id}`, headers: {} })).content['code'],
    'auth.origin',
  );

  /** To where the page of the console is loaded again, with the provider's answer. */
  const begin = async () => {
    const { status, content } = await ask({ method: 'GET', path: `${path}?provider=${id}` });
    assert.equal(status, 200, JSON.stringify(content));
    const there = outside.browser();
    const back = await there.follow(await there.get(content['url'] ?? ''));
    const ended = await client.browser().get(back.location ?? assert.fail(back.text));
    const { pathname, hash, search } = new URL(ended.location ?? assert.fail(ended.text));
    assert.deepEqual([pathname, search], ['/sign-in/outside', ''], 'what the provider answered is sent to nobody');
    const [provider, answer = ''] = hash.slice(1).split('?', 2);
    assert.equal(provider, id);
    return { pending: content['pending'] ?? '', answer };
  };
  const end = (o: { pending: string; answer: string; provider?: string }) =>
    ask({ method: 'POST', path, body: { provider: id, ...o } });
  const [own, another] = [await begin(), await begin()];
  for (const wrong of [
    { ...own, pending: another.pending },
    { ...own, pending: 'console.made-up' },
    { ...own, answer: 'code=made-up&state=made-up' },
  ])
    assert.deepEqual([(await end(wrong)).content['code'], (await end(wrong)).cookie], ['auth.sign-in', undefined]);
  const done = await end(own);
  assert.equal(done.content['state'], 'signed-in', JSON.stringify(done.content));
  assert.match([done.cookie].flat().join(), /^__Host-holdfast-session=hfb_.*HttpOnly; SameSite=Strict$/);
  assert.equal((await end(own)).content['code'], 'auth.sign-in', 'it counts once');

  // What a program began is not ended by the console, nor the other way round.
  const browser = client.browser();
  const { back } = await answerFor(browser, { sub: '1' }, id);
  const sent = await browser.get(back);
  const uid = /\/oauth\/sign-in\/([^/]+)\//.exec(sent.location ?? '')?.[1] ?? assert.fail(sent.text);
  const taken = await end({ pending: uid, answer: new URL(back).search.slice(1) });
  assert.equal(taken.content['code'], 'auth.sign-in');
  await server.client.call('updateUser', { params: { id: alice.id }, body: { disabled: true } });
  assert.equal((await end(another)).content['code'], 'auth.sign-in', 'a disabled account');
});
