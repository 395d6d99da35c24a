import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import {
  commandLineClientId,
  type DeviceAuthorization,
  deviceAuthorization,
  deviceCodeGrant,
  oauthPaths,
  oauthScopes,
  signInAsDevice,
} from '@holdfast/protocol';
import { hiddenFields, TestBrowser } from '../testing/test-browser.ts';
import { oauthServerName, TestOauthClient } from '../testing/test-oauth-client.ts';
import { TestServer } from '../testing/test-server.ts';

test('a device, such as the command line, is signed in with a browser elsewhere', async (t) => {
  const folder = temporaryFolder(t);
  const clock = new ManualClock(new Date());
  const server = await TestServer.start(folder, { clock, config: { names: [oauthServerName] } });
  t.after(() => server[Symbol.asyncDispose]());
  await server.person('alice', 'administrator');
  // The limits are by the minute: each test has its own.
  t.beforeEach(() => clock.advance(60_000));

  const browser = () => new TestBrowser(server.http, TestOauthClient.issuerOf(server));
  const ask = async (path: string, fields: Record<string, string>) => {
    const response = await server.http.request({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ client_id: commandLineClientId, ...fields }).toString(),
    });
    return (await response.json()) as Record<string, unknown>;
  };
  const begin = async (): Promise<DeviceAuthorization> =>
    deviceAuthorization.parse(await ask(oauthPaths.device_authorization, { scope: oauthScopes.join(' ') }));
  const poll = ({ device_code }: DeviceAuthorization) =>
    ask(oauthPaths.token, { grant_type: deviceCodeGrant, device_code });
  /** Types the code; gives the page that asks whether it is one's own. */
  const type = async (own: TestBrowser, user_code: string) => {
    const form = await own.get(oauthPaths.code_verification);
    return own.post(oauthPaths.code_verification, { ...hiddenFields(form), user_code });
  };
  const signIn = async (own: TestBrowser, asked: DeviceAuthorization) => {
    const question = await type(own, asked.user_code);
    const form = await own.follow(await own.post(oauthPaths.code_verification, hiddenFields(question)));
    const path = /action="([^"]+)"/.exec(form.text)?.[1] ?? '';
    const password = TestServer.passwordOf('alice');
    return own.follow(await own.post(path, { step: 'password', name: 'alice', password }));
  };

  await t.test('the code is typed, the person confirms and signs in, and the token is a session', async () => {
    const asked = await begin();
    assert.match(asked.user_code, /^[B-Z]{4}-[B-Z]{4}$/);
    assert.equal((await poll(asked))['error'], 'authorization_pending');
    const own = browser();
    const filled = await own.get(new URL(asked.verification_uri_complete ?? '').href);
    assert.match(filled.text, new RegExp(`value="${asked.user_code}"`));
    assert.match(
      (await type(own, asked.user_code.toLowerCase())).text,
      new RegExp(`holdfast command line.*127.0.0.1`, 's'),
    );
    assert.match((await signIn(own, asked)).text, /You are signed in/);
    const { access_token: token, refresh_token: refresh } = await poll(asked);
    assert.equal(refresh, undefined);
    const alice = server.clientWith(String(token));
    const { access } = await alice.call('ownAccess', {});
    const [present] = access.filter((one) => one.present);
    assert.deepEqual([present?.kind, present?.clientId], ['session', commandLineClientId]);
    // A second time the code is worth nothing, and what it gave is gone: one of both had it wrongly.
    assert.equal((await poll(asked))['error'], 'invalid_grant');
    await assert.rejects(alice.call('account', {}), { code: 'auth.required' });
  });

  await t.test('signing out ends it, as does being unused for too long', async () => {
    for (const end of [
      (token: string) => server.clientWith(token).call('signOut', {}),
      async () => clock.advance(61 * 60_000),
    ]) {
      const asked = await begin();
      await signIn(browser(), asked);
      const token = String((await poll(asked))['access_token']);
      await server.clientWith(token).call('account', {});
      await end(token);
      await assert.rejects(server.clientWith(token).call('account', {}), { code: 'auth.required' });
    }
  });

  await t.test('who refuses, in either place, gives nothing', async () => {
    const first = await begin();
    const own = browser();
    const question = await type(own, first.user_code);
    await own.post(oauthPaths.code_verification, { ...hiddenFields(question), abort: 'yes' });
    assert.equal((await poll(first))['error'], 'access_denied');

    const second = await begin();
    const again = await type(own, second.user_code);
    const form = await own.follow(await own.post(oauthPaths.code_verification, hiddenFields(again)));
    const path = /action="([^"]+)"/.exec(form.text)?.[1] ?? '';
    await own.follow(await own.post(path, { step: 'cancel' }));
    assert.equal((await poll(second))['error'], 'access_denied');
    assert.match((await type(own, second.user_code)).text, /used already/);
  });

  await t.test('codes can not be guessed: few wrong ones are looked at, from one address', async () => {
    const asked = await begin();
    const own = browser();
    const statuses: number[] = [];
    for (let n = 0; n < 11; n += 1) statuses.push((await type(own, `BBBB-BBB${'BCDFGHJKLMN'.charAt(n)}`)).status);
    assert.deepEqual(statuses, [...Array<number>(10).fill(200), 429]);
    assert.equal((await type(own, asked.user_code)).status, 429);
    clock.advance(60_000);
    assert.match((await type(own, asked.user_code)).text, /Is this your device/);
  });

  await t.test('one address is heard so many times in a minute', async () => {
    const statuses: number[] = [];
    for (let n = 0; n <= 240; n += 1) statuses.push((await browser().get('/.well-known/openid-configuration')).status);
    assert.deepEqual([statuses.indexOf(429), statuses.at(-1)], [240, 429]);
    clock.advance(60_000);
    assert.equal((await browser().get('/.well-known/openid-configuration')).status, 200);
  });

  await t.test('the form of the code needs what our own page gave this browser', async () => {
    const asked = await begin();
    const form = hiddenFields(await browser().get(oauthPaths.code_verification));
    const fields = { ...form, user_code: asked.user_code, confirm: 'yes' };
    const other = browser();
    await other.get(oauthPaths.code_verification);
    assert.doesNotMatch((await other.post(oauthPaths.code_verification, fields)).text, /name="password"/);
    const evil = await other.post(oauthPaths.code_verification, fields, { origin: 'https://evil.test' });
    assert.equal(evil.status, 403);
    assert.equal((await poll(asked))['error'], 'authorization_pending');
  });

  await t.test('a client of codes takes no device, and the command line takes no code', async () => {
    const body = { name: 'Console', redirectUris: ['https://console.test/callback'] };
    const { id } = await server.client.call('createOauthClient', { body });
    assert.equal(
      (await ask(oauthPaths.device_authorization, { client_id: id, scope: 'api' }))['error'],
      'invalid_request',
    );
    const answer = await browser().get(
      `${oauthPaths.authorization}?client_id=${commandLineClientId}&response_type=code&scope=api&redirect_uri=http://127.0.0.1/`,
    );
    assert.deepEqual([answer.status, answer.location], [400, undefined]);
  });

  await t.test('the command line waits, says when nobody came, and stops when it is told to', async () => {
    const manual = new ManualClock(new Date());
    /** Nobody waits for it: its time goes on by itself, so many times as fast as is slept. */
    const fast = (times: number): Clock => ({
      now: () => manual.now(),
      monotonicMs: () => manual.monotonicMs(),
      sleep: async (durationMs, signal) => {
        signal?.throwIfAborted();
        manual.advance(durationMs * times);
      },
    });
    const stop = new AbortController();
    const { signal } = stop;
    const { token } = await signInAsDevice(server.http, {
      ...{ clock: fast(1), signal },
      tell: async (asked) => void (await signIn(browser(), asked)),
    });
    await server.clientWith(token).call('account', {});
    await assert.rejects(signInAsDevice(server.http, { clock: fast(60), signal, tell: async () => undefined }), {
      ...{ code: 'auth.sign-in', message: 'Nobody signed in with the code in time.' },
    });
    const tell = async (): Promise<void> => stop.abort(new Error('told to stop'));
    await assert.rejects(signInAsDevice(server.http, { clock: fast(1), signal, tell }), { message: 'told to stop' });
  });
});
