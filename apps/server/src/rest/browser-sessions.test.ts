import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { limits } from '@holdfast/protocol';
import { stepAt, totpCode } from '../people/totp.ts';
import { fromBase32 } from '../testing/from-base32.ts';
import { TestServer } from '../testing/test-server.ts';

const page = { 'sec-fetch-site': 'same-origin', 'x-holdfast-request': 'person' };
type Headers = Readonly<Record<string, string>>;

/** A browser as far as cookies go. */
class Browser {
  cookie = '';
  readonly #server: TestServer;

  constructor(server: TestServer) {
    this.#server = server;
  }

  async ask(method: 'DELETE' | 'GET' | 'POST', path: string, o: { body?: unknown; headers?: Headers } = {}) {
    const response = await this.#server.http.request({
      method,
      path,
      headers: {
        ...(this.cookie === '' ? {} : { cookie: `other=1; ${this.cookie}; more=2` }),
        ...(o.headers ?? page),
        ...(o.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(o.body === undefined ? {} : { body: JSON.stringify(o.body) }),
    });
    const text = await response.text(limits.maxJsonBytes);
    const set = [response.headers['set-cookie'] ?? []].flat();
    for (const each of set) this.cookie = /Max-Age=0/.test(each) ? '' : (each.split(';', 1)[0] ?? '');
    const content = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
    return {
      status: response.status,
      code: typeof content['code'] === 'string' ? content['code'] : '',
      content,
      text,
      set,
    };
  }

  signIn(name: string, headers?: Headers) {
    const body = { name, password: TestServer.passwordOf(name) };
    return this.ask('POST', '/api/v1/browser/sign-in', { body, ...(headers ? { headers } : {}) });
  }
}

async function start(t: TestContext, o: Parameters<typeof TestServer.start>[1] = {}) {
  const server = await TestServer.start(temporaryFolder(t), o);
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

test('a browser gets its session as a cookie that no script, no other site and no log sees, and loses it by signing out', async (t) => {
  const server = await start(t, { logLevel: 'trace' });
  await server.person('alice', 'administrator');
  const browser = new Browser(server);
  const answer = await browser.signIn('alice');
  assert.equal(answer.status, 200, answer.text);
  const token = browser.cookie.split('=')[1] ?? '';
  assert.match(
    answer.set.join(),
    /^__Host-holdfast-session=hfb_[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict$/,
  );
  assert.ok(!answer.text.includes(token), 'the body has no token');
  const account = await browser.ask('GET', '/api/v1/account');
  assert.deepEqual(Object.keys(account.content['session'] as object), ['expiresAt', 'idleExpiresAt']);
  await assert.rejects(server.clientWith(token).call('account', {}), { code: 'auth.required' }, 'no bearer token');

  const first = browser.cookie;
  await browser.signIn('alice');
  assert.notEqual(browser.cookie, first);
  const old = new Browser(server);
  old.cookie = first;
  assert.equal((await old.ask('GET', '/api/v1/account')).code, 'auth.required', 'the one of before ended');
  assert.equal(old.cookie, '', 'and the browser is told to forget it');

  const listed = await browser.ask('GET', '/api/v1/account/access');
  const [own] = (listed.content['access'] as { name: string; present: boolean }[]).filter(({ present }) => present);
  assert.equal(own?.name, 'browser');
  const kept = browser.cookie;
  assert.equal((await browser.ask('POST', '/api/v1/sign-out')).status, 200);
  assert.equal(browser.cookie, '');
  browser.cookie = kept;
  assert.equal((await browser.ask('GET', '/api/v1/account')).code, 'auth.required');
  assert.ok(server.logged.length > 0);
  assert.ok(!server.logged.some((line) => line.includes('hfb_')));
});

test('a request by cookie that no page of ours made is refused, whatever it asks, and so is a sign-in', async (t) => {
  const server = await start(t, { config: { publicUrl: 'https://backup.example.org' } });
  const alice = await server.person('alice', 'administrator');
  const browser = new Browser(server);
  const header = { 'x-holdfast-request': 'person' };
  const foreign: Headers[] = [
    {},
    header,
    { 'sec-fetch-site': 'same-origin' },
    { ...header, 'sec-fetch-site': 'cross-site' },
    { ...header, 'sec-fetch-site': 'same-site' },
    { ...header, 'sec-fetch-site': 'none' },
    { ...header, origin: 'https://evil.example' },
    { ...header, origin: 'null' },
    { ...page, origin: 'https://evil.example' },
    { ...page, 'x-holdfast-request': 'anything' },
  ];
  for (const headers of foreign) {
    assert.equal((await browser.signIn('alice', headers)).code, 'auth.origin', JSON.stringify(headers));
    assert.equal(browser.cookie, '');
  }
  const older = { ...header, origin: 'https://backup.example.org' };
  assert.equal((await browser.signIn('alice', older)).status, 200, 'an older browser');
  for (const headers of foreign)
    for (const [method, path] of [
      ['GET', '/api/v1/users'],
      ['GET', '/api/v1/nothing'],
      ['GET', '/metrics'],
      ['DELETE', `/api/v1/users/${alice.id}`],
    ] as const)
      assert.equal(
        (await browser.ask(method, path, { headers })).code,
        'auth.origin',
        `${path} ${JSON.stringify(headers)}`,
      );
  // Following a link of a page of ours: a GET that browsers send no header of ours with.
  const download = `/api/v1/repositories/${alice.id}/snapshots/${'ab'.repeat(32)}/contents`;
  const navigation = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'navigate' };
  assert.equal((await browser.ask('GET', download, { headers: navigation })).code, 'snapshot.missing');
  for (const site of ['cross-site', 'same-site', 'none'])
    assert.equal((await browser.ask('GET', download, { headers: { 'sec-fetch-site': site } })).code, 'auth.origin');
  // A token of its own counts, and the cookie does not.
  const headers = { ...page, authorization: 'Bearer hfs_wrong' };
  assert.equal((await browser.ask('GET', '/api/v1/users', { headers })).code, 'auth.required');
});

test('a second factor makes another cookie, and a session that only its page uses ends', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, { clock, config: { people: { sessionIdleMinutes: 60, sessionHours: 12 } } });
  await server.person('alice', 'administrator');
  const browser = new Browser(server);
  await browser.signIn('alice');
  const body = { currentPassword: TestServer.passwordOf('alice') };
  const totp = await browser.ask('POST', '/api/v1/account/totp', { body });
  const code = () => totpCode(fromBase32(String(totp.content['secret'])), stepAt(clock.now()));
  const before = browser.cookie;
  const confirm = await browser.ask('POST', `/api/v1/account/totp/${String(totp.content['id'])}/confirm`, {
    body: { code: code() },
  });
  assert.equal(confirm.status, 200, confirm.text);
  assert.notEqual(browser.cookie, before);
  const former = new Browser(server);
  former.cookie = before;
  assert.equal((await former.ask('GET', '/api/v1/users')).status, 200, 'what is under way goes on');
  const renewal = '/api/v1/account/recovery-codes';
  assert.equal((await former.ask('POST', renewal)).code, 'auth.step-up', 'without the fresh second factor');
  assert.equal((await browser.ask('POST', renewal)).status, 200);
  clock.advance(15_000);
  assert.equal((await former.ask('GET', '/api/v1/users')).code, 'auth.required');

  const other = new Browser(server);
  const begun = await other.signIn('alice');
  assert.equal(begun.content['state'], 'second-factor');
  assert.equal(other.cookie, '');
  clock.advance(30_000);
  const proof = { kind: 'totp', code: code() };
  const second = { pending: begun.content['pending'], proof };
  const path = '/api/v1/browser/sign-in/second-factor';
  assert.equal((await other.ask('POST', path, { body: second, headers: {} })).code, 'auth.origin');
  assert.equal((await other.ask('POST', path, { body: second })).content['state'], 'signed-in');

  const background = { ...page, 'x-holdfast-request': 'background' };
  for (let n = 0; n < 6; n += 1) {
    clock.advance(9 * 60_000);
    assert.equal((await other.ask('GET', '/api/v1/users', { headers: background })).status, 200);
    assert.equal((await browser.ask('GET', '/api/v1/users')).status, 200);
  }
  clock.advance(9 * 60_000);
  assert.equal((await other.ask('GET', '/api/v1/users', { headers: background })).code, 'auth.required');
  for (let n = 0; n < 12; n += 1) {
    assert.equal((await browser.ask('GET', '/api/v1/users')).status, 200);
    clock.advance(55 * 60_000);
  }
  assert.equal((await browser.ask('GET', '/api/v1/users')).code, 'auth.required', 'too old, however much it is used');

  const { pending } = (await browser.signIn('alice')).content;
  const signedIn = { pending, proof: { kind: 'totp', code: code() } };
  assert.equal((await browser.ask('POST', path, { body: signedIn })).status, 200);
  clock.advance(30_000);
  former.cookie = browser.cookie;
  const fresh = { proof: { kind: 'totp', code: code() } };
  assert.equal((await browser.ask('POST', '/api/v1/account/confirm', { body: fresh })).status, 200);
  const made = await browser.ask('POST', '/api/v1/account/api-tokens', { body: { name: 'script' } });
  const token = `/api/v1/account/access/${String(made.content['id'])}`;
  assert.equal((await browser.ask('DELETE', token)).status, 200);
  assert.equal((await former.ask('GET', '/api/v1/users')).status, 200, 'an API token that ends is no signing out');
  assert.equal((await browser.ask('POST', '/api/v1/sign-out')).status, 200);
  assert.equal(
    (await former.ask('GET', '/api/v1/users')).code,
    'auth.required',
    'the cookie of before is signed out too',
  );
});

test('the first administrator is made by who has the code, once', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, { clock });
  const { url } = server.running.setUp ?? assert.fail('no code');
  const browser = new Browser(server);
  assert.deepEqual((await browser.ask('GET', '/api/v1/console', { headers: {} })).content, {
    setUpNeeded: true,
    providers: [],
  });
  const given = { code: new URL(url).hash.slice(1), name: 'alice', password: TestServer.passwordOf('alice') };
  const setUp = (body: unknown, by = browser, headers: Headers = page) =>
    by.ask('POST', '/api/v1/browser/set-up', { body, headers });
  assert.equal((await setUp(given, browser, {})).code, 'auth.origin');
  assert.equal((await setUp({ ...given, code: 'AAAAAAAAAAAAAAAAAAAAAA' })).code, 'auth.set-up');
  assert.equal((await setUp({ ...given, password: 'short' })).code, 'auth.password');
  clock.advance(2 * 3_600_000);
  assert.equal((await setUp(given)).code, 'auth.set-up', 'it has expired');
  const { code } = await server.client.call('createSetUpCode', {});
  const rivals = await Promise.all(
    ['alice', 'bob', 'carol'].map((name) =>
      setUp({ code, name, password: TestServer.passwordOf(name) }, new Browser(server)),
    ),
  );
  assert.deepEqual(
    rivals.map(({ status }) => status).toSorted((a, b) => a - b),
    [200, 403, 403],
  );
  assert.equal((await setUp({ ...given, code, name: 'mallory' })).code, 'auth.set-up');
  await assert.rejects(server.client.call('createSetUpCode', {}), { code: 'request.conflict' });
  assert.deepEqual((await browser.ask('GET', '/api/v1/console', { headers: {} })).content, {
    setUpNeeded: false,
    providers: [],
  });
  const { users } = await server.client.call('users', {});
  assert.deepEqual(
    users.map(({ role, passwordChangeDue }) => [role, passwordChangeDue]),
    [['administrator', false]],
  );
});
