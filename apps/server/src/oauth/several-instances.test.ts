import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { newKeyAndRequest, oauthPaths } from '@holdfast/protocol';
import type { HttpClient } from '@holdfast/wire';
import * as openid from 'openid-client';
import { hiddenFields, TestBrowser } from '../testing/test-browser.ts';
import { TestMachine } from '../testing/test-machine.ts';
import { fetchOver } from '../testing/test-oauth-client.ts';
import { TestServer } from '../testing/test-server.ts';
import { startTwoServers } from '../testing/two-servers.ts';

const publicUrl = 'https://backup.test';
const redirectUri = 'https://console.test/callback';

test('what one of several servers begins, another goes on with, and ends', {
  skip: skipUnless({ programs: ['postgres', 'psql', 'initdb', 'setpriv'] }),
}, async (t) => {
  const [one, other] = await startTwoServers(t, { config: { publicUrl } });
  await one.person('alice', 'administrator');
  /** A program whose requests go to that server, as a balancer's choice. */
  const at = async ({ http }: TestServer, id: string, auth?: openid.ClientAuth, over: HttpClient = http) =>
    openid.discovery(new URL(publicUrl), id, undefined, auth ?? openid.None(), {
      [openid.customFetch]: fetchOver(over),
    });
  const refused = (server: TestServer, token: string) =>
    assert.rejects(server.clientWith(token).call('computers', {}), { code: 'auth.required' });
  const password = TestServer.passwordOf('alice');
  const signIn = async (browser: TestBrowser, page: { text: string }) => {
    const path = /<form[^>]* action="([^"]+)"/.exec(page.text)?.[1] ?? assert.fail(page.text);
    return browser.post(path, { step: 'password', name: 'alice', password });
  };

  await t.test('a code, its tokens, and their end', async () => {
    const { id } = await one.client.call('createOauthClient', {
      body: { name: 'Console', redirectUris: [redirectUri] },
    });
    const [here, there] = [await at(one, id), await at(other, id)];
    const [verifier, state, nonce] = [openid.randomPKCECodeVerifier(), openid.randomState(), openid.randomNonce()];
    const url = openid.buildAuthorizationUrl(here, {
      ...{ redirect_uri: redirectUri, scope: 'openid profile api', state, nonce, code_challenge_method: 'S256' },
      code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    });
    // Begun at the one, signed in at the other: a browser keeps its cookies whichever it gets to.
    const begun = new TestBrowser(one.http, publicUrl);
    const going = new TestBrowser(other.http, publicUrl);
    const { location = '' } = await begun.get(url.href);
    for (const [name, cookie] of begun.cookies) going.cookies.set(name, cookie);
    const answer = await signIn(going, await going.get(location));
    const back = await going.follow(answer);
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
    const first = await openid.authorizationCodeGrant(here, new URL(back.location ?? assert.fail(back.text)), checks);
    for (const server of [one, other]) await server.clientWith(first.access_token).call('computers', {});
    const second = await openid.refreshTokenGrant(there, first.refresh_token ?? '');
    await one.clientWith(second.access_token).call('computers', {});
    const third = await openid.refreshTokenGrant(here, second.refresh_token ?? '');
    // The second one again, at the other server: somebody has it who should not.
    await assert.rejects(openid.refreshTokenGrant(there, second.refresh_token ?? ''), { error: 'invalid_grant' });
    for (const server of [one, other]) await refused(server, third.access_token);
  });

  await t.test('of who redeems one refresh token at both at once, none keeps what it gave', async () => {
    const { id } = await one.client.call('createOauthClient', { body: { name: 'Twice', redirectUris: [redirectUri] } });
    const [here, there] = [await at(one, id), await at(other, id)];
    const [verifier, state] = [openid.randomPKCECodeVerifier(), openid.randomState()];
    const url = openid.buildAuthorizationUrl(here, {
      ...{ redirect_uri: redirectUri, scope: 'api', state, code_challenge_method: 'S256' },
      code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    });
    const browser = new TestBrowser(one.http, publicUrl);
    const back = await browser.follow(await signIn(browser, await browser.follow(await browser.get(url.href))));
    const checks = { pkceCodeVerifier: verifier, expectedState: state };
    const given = new URL(back.location ?? assert.fail(back.text));
    const { refresh_token: refresh = '' } = await openid.authorizationCodeGrant(there, given, checks);
    const answers = await Promise.allSettled([here, there].map((config) => openid.refreshTokenGrant(config, refresh)));
    assert.ok(answers.some(({ status }) => status === 'rejected'));
    for (const answer of answers)
      if (answer.status === 'fulfilled')
        for (const server of [one, other]) await refused(server, answer.value.access_token);
  });

  await t.test('a device, begun at one, confirmed at the other, and revoked', async () => {
    const [here, there] = [await at(one, 'holdfast-cli'), await at(other, 'holdfast-cli')];
    const asked = await openid.initiateDeviceAuthorization(here, { scope: 'openid profile api' });
    const browser = new TestBrowser(other.http, publicUrl);
    const form = await browser.get(oauthPaths.code_verification);
    const fields = { ...hiddenFields(form), user_code: asked.user_code };
    const question = await browser.post(oauthPaths.code_verification, fields);
    const page = await browser.follow(await browser.post(oauthPaths.code_verification, hiddenFields(question)));
    assert.match((await browser.follow(await signIn(browser, page))).text, /You are signed in/);
    const tokens = await openid.pollDeviceAuthorizationGrant(here, { ...asked, interval: 1 });
    await other.clientWith(tokens.access_token).call('account', {});
    await openid.tokenRevocation(there, tokens.access_token);
    for (const server of [one, other]) await refused(server, tokens.access_token);
  });

  await t.test(
    'a machine: its token counts at both, with its certificate, until its account is removed at one',
    async () => {
      const { privateKeyPem, signingRequest } = await newKeyAndRequest();
      const made = await one.client.call('createServiceAccount', {
        body: { name: 'm', role: 'auditor', signingRequest },
      });
      const pem = `${privateKeyPem}\n${made.certificatePem}`;
      await using there = new TestMachine(other, pem);
      await using here = new TestMachine(one, pem);
      const config = await at(other, made.id, openid.TlsClientAuth(), there.http);
      const { access_token: token } = await openid.clientCredentialsGrant(config, { scope: 'api' });
      for (const machine of [here, there]) await machine.client(token).call('computers', {});
      for (const server of [one, other]) await refused(server, token);
      await one.client.call('deleteServiceAccount', { params: { id: made.id } });
      for (const machine of [here, there])
        await assert.rejects(machine.client(token).call('computers', {}), { code: 'auth.required' });
    },
  );
});
