import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { oauthPaths } from '@holdfast/protocol';
import * as openid from 'openid-client';
import type { ServerConfigInput } from '../config.ts';
import { stepAt, totpCode } from '../people/totp.ts';
import { fromBase32 } from '../testing/from-base32.ts';
import { oauthServerName, TestOauthClient } from '../testing/test-oauth-client.ts';
import { TestServer } from '../testing/test-server.ts';

const redirectUri = 'https://console.test/callback';

async function start(dataDir: string, o: { clock?: ManualClock; people?: ServerConfigInput['people'] } = {}) {
  const { people = {}, ...rest } = o;
  return TestServer.start(dataDir, { ...rest, config: { names: [oauthServerName], people } });
}

async function ownServer(t: TestContext, o: Parameters<typeof start>[1] = {}): Promise<TestServer> {
  const server = await start(temporaryFolder(t), o);
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

async function register(server: TestServer, o: { role?: 'auditor'; groups?: string[]; confidential?: boolean } = {}) {
  const body = { name: 'Console', redirectUris: [redirectUri], ...o };
  const { id, secret } = await server.client.call('createOauthClient', { body });
  return TestOauthClient.discover(server, { id, secret, redirectUri });
}

test('people sign in to programs with OpenID Connect', async (t) => {
  const folder = temporaryFolder(t);
  const clock = new ManualClock(new Date());
  const server = await start(folder, { clock });
  t.after(() => server[Symbol.asyncDispose]());
  const client = await register(server, { confidential: true });
  await server.person('alice', 'administrator');
  // Else the tests together might be too many requests in a minute, on a fast machine.
  t.beforeEach(() => clock.advance(60_000));

  const callWith = (token: string) => server.clientWith(token).call('computers', {});
  const refusedEverywhere = async (token: string): Promise<void> => {
    await assert.rejects(callWith(token), { code: 'auth.required' });
    assert.equal(await client.userinfo(token), undefined);
  };

  await t.test('a code with PKCE gives tokens that are the person, and nothing more than the client may', async () => {
    const answer = await client.tokens('alice');
    const { user } = await server.clientWith(await server.signIn('alice')).call('account', {});
    const claims = (answer as openid.TokenEndpointResponse & openid.TokenEndpointResponseHelpers).claims();
    assert.deepEqual([claims?.sub, claims?.iss], [user.id, TestOauthClient.issuerOf(server)]);
    const info = await openid.fetchUserInfo(client.config, answer.access_token, user.id);
    assert.deepEqual([info.name, info.preferred_username], ['alice', 'alice']);
    const alice = server.clientWith(answer.access_token);
    await alice.call('users', {});
    await assert.rejects(alice.call('createApiToken', { body: { name: 'wider' } }), { code: 'auth.forbidden' });

    const limited = await register(server, { role: 'auditor' });
    const auditor = server.clientWith((await limited.tokens('alice')).access_token);
    await auditor.call('computers', {});
    await assert.rejects(auditor.call('users', {}), { code: 'auth.forbidden' });
  });

  await t.test('what it gave is listed with sessions and API tokens, and ends there', async () => {
    const { access_token: token, refresh_token: refresh = '' } = await client.tokens('alice');
    const alice = server.clientWith(await server.signIn('alice'));
    const listed = (await alice.call('ownAccess', {})).access;
    const [ours] = listed.filter(({ clientId }) => clientId === client.config.clientMetadata().client_id);
    assert.deepEqual([ours?.kind, ours?.name], ['api-token', 'Console']);
    await alice.call('revokeOwnAccess', { params: { id: ours?.id ?? '' } });
    await refusedEverywhere(token);
    await assert.rejects(openid.refreshTokenGrant(client.config, refresh), { error: 'invalid_grant' });
  });

  await t.test('a token counts for what it was asked for alone', async () => {
    const {
      access_token: told,
      id_token: idToken = '',
      refresh_token: refresh = '',
    } = await client.tokens('alice', 'openid');
    assert.ok(await client.userinfo(told));
    await assert.rejects(callWith(told), { code: 'auth.required' });
    await refusedEverywhere(idToken);
    await refusedEverywhere(refresh);
    await assert.rejects(openid.refreshTokenGrant(client.config, refresh, { scope: 'openid api' }), {
      error: 'invalid_scope',
    });
    const { access_token: api } = await client.tokens('alice', 'api');
    await callWith(api);
    assert.equal(await client.userinfo(api), undefined);
  });

  await t.test('refresh tokens rotate; one that is used again ends everything', async () => {
    const first = await client.tokens('alice');
    const second = await openid.refreshTokenGrant(client.config, first.refresh_token ?? '');
    assert.notEqual(second.refresh_token, first.refresh_token);
    await callWith(second.access_token);
    await assert.rejects(openid.refreshTokenGrant(client.config, first.refresh_token ?? ''), {
      error: 'invalid_grant',
    });
    await refusedEverywhere(second.access_token);
    await assert.rejects(openid.refreshTokenGrant(client.config, second.refresh_token ?? ''), {
      error: 'invalid_grant',
    });
  });

  await t.test('of several who use one refresh token or code at once none keeps what it gave', async () => {
    const { refresh_token: refresh = '' } = await client.tokens('alice');
    const together = (ask: () => Promise<openid.TokenEndpointResponse>) => Promise.allSettled([ask(), ask(), ask()]);
    const { url, checks } = await client.begin();
    const back = await client.signIn(url.href, 'alice');
    const answers = [
      ...(await together(() => openid.refreshTokenGrant(client.config, refresh))),
      ...(await together(() => openid.authorizationCodeGrant(client.config, back, checks))),
    ];
    for (const answer of answers) if (answer.status === 'fulfilled') await refusedEverywhere(answer.value.access_token);
    assert.ok(answers.filter(({ status }) => status === 'rejected').length >= 4);
  });

  await t.test(
    'a code counts once, for its client, with its verifier and redirect URI; used again it ends what it gave',
    async () => {
      const other = await register(server);
      const { url, checks } = await client.begin();
      const back = await client.signIn(url.href, 'alice');
      const wrong = { ...checks, pkceCodeVerifier: openid.randomPKCECodeVerifier() };
      await assert.rejects(openid.authorizationCodeGrant(client.config, back, wrong), { error: 'invalid_grant' });
      await assert.rejects(openid.authorizationCodeGrant(other.config, back, checks), { error: 'invalid_grant' });
      const elsewhere = new URL(back);
      elsewhere.pathname = '/other';
      await assert.rejects(openid.authorizationCodeGrant(client.config, elsewhere, checks), { error: 'invalid_grant' });
      const { access_token: token } = await openid.authorizationCodeGrant(client.config, back, checks);
      await callWith(token);
      await assert.rejects(openid.authorizationCodeGrant(client.config, back, checks), { error: 'invalid_grant' });
      await refusedEverywhere(token);
    },
  );

  await t.test('revoking a token ends the sign-in; no client ends that of another', async () => {
    const other = await register(server);
    const { access_token: token, refresh_token: refresh = '' } = await client.tokens('alice');
    await openid.tokenRevocation(other.config, token);
    await callWith(token);
    await openid.tokenRevocation(client.config, token);
    await refusedEverywhere(token);
    await assert.rejects(openid.refreshTokenGrant(client.config, refresh), { error: 'invalid_grant' });
  });

  await t.test('a person who is disabled, and a client that is removed, are out at once', async () => {
    const bob = await server.person('bob', 'auditor');
    const { access_token: token, refresh_token: refresh = '' } = await client.tokens('bob');
    await callWith(token);
    await server.client.call('updateUser', { params: { id: bob.id }, body: { disabled: true } });
    await refusedEverywhere(token);
    await assert.rejects(openid.refreshTokenGrant(client.config, refresh), { error: 'invalid_grant' });

    const gone = await register(server);
    const { access_token: last } = await gone.tokens('alice');
    await callWith(last);
    await server.client.call('deleteOauthClient', { params: { id: gone.config.clientMetadata().client_id } });
    await refusedEverywhere(last);
  });

  await t.test(
    'nobody is sent anywhere but to what was registered, and nothing but codes with PKCE is given',
    async () => {
      const browser = client.browser();
      for (const redirect_uri of [
        'https://console.test/callback/',
        'https://console.test/callback?next=/',
        'https://console.test/callback/../callback',
        'https://console.test:444/callback',
        'http://console.test/callback',
        'https://console.test@evil.test/callback',
        'https://console.test.evil.test/callback',
        'HTTPS://CONSOLE.TEST/callback',
        'https://console.test/callback#x',
        '//evil.test/callback',
        'javascript:alert(1)',
      ]) {
        const { url } = await client.begin({ parameters: { redirect_uri } });
        const { status, location, text } = await browser.get(url.href);
        assert.deepEqual([status, location], [400, undefined], redirect_uri);
        assert.doesNotMatch(text, /evil\.test/);
      }
      for (const [parameters, error] of [
        [{ code_challenge: '' }, 'invalid_request'],
        [{ code_challenge_method: 'plain' }, 'invalid_request'],
        // They would come in the fragment, which no client may ask for.
        [{ response_type: 'token' }, 'invalid_request'],
        [{ response_type: 'id_token' }, 'invalid_request'],
        [{ response_type: 'token', response_mode: 'query' }, 'invalid_request'],
        [{ response_type: 'none' }, 'unsupported_response_type'],
        [{ prompt: 'none' }, 'login_required'],
      ] as const) {
        const { url } = await client.begin({ parameters });
        const { location = '', text } = await browser.get(url.href);
        assert.ok(location.startsWith(redirectUri), `${JSON.stringify(parameters)}: ${location} ${text}`);
        const { searchParams, hash } = new URL(location);
        const given = new URLSearchParams(`${searchParams.toString()}&${hash.slice(1)}`);
        assert.deepEqual([given.get('error'), given.get('code')], [error, null], location);
      }
      for (const response_mode of ['form_post', 'fragment', 'web_message']) {
        const { status, location } = await browser.get(
          (await client.begin({ parameters: { response_mode } })).url.href,
        );
        assert.deepEqual([status, location], [400, undefined], response_mode);
      }
      const unknown = await client.begin({ parameters: { client_id: crypto.randomUUID() } });
      assert.equal((await browser.get(unknown.url.href)).status, 400);
    },
  );

  await t.test('a form counts in the browser that it was shown in, sent by our own page', async () => {
    const { url } = await client.begin();
    const [browser, other] = [client.browser(), client.browser()];
    const form = await browser.follow(await browser.get(url.href));
    const fields = { step: 'password', name: 'alice', password: TestServer.passwordOf('alice') };
    assert.equal((await client.submit(other, form, fields)).status, 404);
    for (const headers of [{ origin: 'https://evil.test' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }])
      assert.equal((await client.submit(browser, form, fields, headers)).status, 403, JSON.stringify(headers));
    // The other browser has a sign-in of its own, and may not use it on this one.
    await other.follow(await other.get((await client.begin()).url.href));
    assert.equal((await client.submit(other, form, fields)).status, 404);
    assert.equal((await client.submit(browser, form, fields)).status, 303);
  });

  await t.test('cookies are for this server alone, and pages run no script and stand in no frame', async () => {
    const browser = client.browser();
    const { url } = await client.begin();
    const begun = await browser.get(url.href);
    const done = await client.submit(browser, await browser.follow(begun), {
      ...{ step: 'password', name: 'alice', password: TestServer.passwordOf('alice') },
    });
    const last = await browser.get(done.location ?? '');
    const cookies = [...begun.setCookies, ...last.setCookies];
    assert.ok(cookies.some((cookie) => cookie.startsWith('__Secure-holdfast-interaction=')));
    assert.ok(cookies.some((cookie) => cookie.startsWith('__Host-holdfast-oauth=')));
    for (const cookie of cookies) {
      assert.match(cookie, /; ?secure/i);
      assert.match(cookie, /; ?httponly/i);
      assert.match(cookie, /; ?samesite=lax/i);
      assert.doesNotMatch(cookie, /domain=/i);
    }
    const { text, headers } = await browser.follow(await browser.get((await client.begin()).url.href));
    const policy = String(headers['content-security-policy']);
    assert.match(policy, /default-src 'none'; style-src 'sha256-[^']+'; form-action 'self' https:\/\/console\.test;/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(`${policy} ${text}`, /script|onclick|onfocus/);
    assert.equal(headers['cache-control'], 'no-store');
  });

  await t.test('a browser that has signed in once gives nobody else its sign-in', async () => {
    await server.person('carol', 'auditor');
    const browser = client.browser();
    for (const name of ['alice', 'carol', 'alice']) {
      const { url, checks } = await client.begin();
      const answer = await openid.authorizationCodeGrant(
        client.config,
        await client.signIn(url.href, name, browser),
        checks,
      );
      assert.equal((await client.userinfo(answer.access_token))?.['preferred_username'], name);
    }
  });

  await t.test('names and codes that are HTML are shown as text', async () => {
    const browser = client.browser();
    const { url } = await client.begin({ parameters: { login_hint: '"><script>alert(1)</script>' } });
    assert.doesNotMatch((await browser.follow(await browser.get(url.href))).text, /<script/);
    const address = `${oauthPaths.code_verification}?user_code=${encodeURIComponent('"><script>')}`;
    assert.doesNotMatch((await browser.get(address)).text, /<script/);
  });

  await t.test('the database holds none of it in clear', async () => {
    const { url, checks } = await client.begin();
    const browser = client.browser();
    const back = await client.signIn(url.href, 'alice', browser);
    const answer = await openid.authorizationCodeGrant(client.config, back, checks);
    const content = await server.databaseContent();
    const secrets = [
      ...[answer.access_token, answer.refresh_token, answer.id_token, back.searchParams.get('code')],
      ...[...browser.cookies.values()].map(({ value }) => value),
    ];
    for (const secret of secrets) assert.ok(secret && !content.includes(secret), secret ?? 'none');
  });
});

test('wrong passwords wait as at the REST API, a second factor is asked for, and it is a step-up', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await ownServer(t, { clock });
  const client = await register(server);
  const alice = await server.person('alice', 'administrator');
  const password = TestServer.passwordOf('alice');
  const { id, secret } = await alice.client.call('addTotp', { body: { currentPassword: password } });
  const code = (): string => totpCode(fromBase32(secret), stepAt(clock.now()));
  await alice.client.call('confirmTotp', { params: { id }, body: { code: code() } });
  clock.advance(60_000);

  const { url, checks } = await client.begin();
  const browser = client.browser();
  const form = await browser.follow(await browser.get(url.href));
  const fields = { step: 'password', name: 'alice', password };
  const statuses: number[] = [];
  for (let n = 0; n < 6; n += 1)
    statuses.push((await client.submit(browser, form, { ...fields, password: 'wrong wrong wrong' })).status);
  assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429]);
  await assert.rejects(server.signIn('alice'), { code: 'auth.rate' });
  clock.advance(25 * 3_600_000);

  const begunAgain = await browser.follow(await browser.get((await client.begin()).url.href));
  const second = await client.submit(browser, begunAgain, fields);
  assert.equal(second.status, 200);
  assert.equal((await client.submit(browser, second, { step: 'code', code: '000000' })).status, 401);
  void checks;
  void url;

  const once = await client.begin();
  const third = await client.submit(browser, await browser.follow(await browser.get(once.url.href)), fields);
  const done = await browser.follow(await client.submit(browser, third, { step: 'code', code: code() }));
  const answer = await openid.authorizationCodeGrant(client.config, new URL(done.location ?? ''), once.checks);
  const program = server.clientWith(answer.access_token);
  const make = () => program.call('createOauthClient', { body: { name: 'x', redirectUris: [redirectUri] } });
  await make();
  clock.advance(6 * 60_000);
  await assert.rejects(make(), { code: 'auth.step-up' });
  // It was for the form of OAuth that the second factor was given: nothing else accepts what waits for it.
  assert.deepEqual(
    (await server.client.call('audit', { query: { action: 'completeSignIn', outcome: 'done' } })).records.map(
      ({ details }) => details['client'],
    ),
    [client.config.clientMetadata().client_id],
  );
});
