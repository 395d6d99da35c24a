/** A passkey on the page that programs lead people to, in Debian's Chromium with an authenticator of its own. */
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { freePort, requireProgram, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { oauthPaths, type PasskeyRegistration } from '@holdfast/protocol';
import { TestServer } from '@holdfast/server/testing';
import { chromium, type Page } from 'playwright-core';

const redirectUri = 'https://console.test/callback';
const stepLimitMs = 60_000;

test('a real browser signs in with a passkey on the page of the sign-in, and under its Content-Security-Policy', {
  skip: skipUnless({ programs: ['chromium'] }),
  timeout: 300_000,
}, async (t) => {
  const port = await freePort();
  const origin = `https://backup.test:${port}`;
  const server = await TestServer.start(temporaryFolder(t), {
    ports: { 'client-to-server': port },
    config: { publicUrl: origin, names: ['backup.test'] },
  });
  t.after(() => server[Symbol.asyncDispose]());
  const alice = await server.person('alice', 'auditor');
  const { id: client } = await server.client.call('createOauthClient', {
    body: { name: 'Console', redirectUris: [redirectUri] },
  });

  // Passkeys are for sites whose certificate is in order: this browser knows that of the server's CA.
  const spki = new X509Certificate(server.caPem).publicKey.export({ type: 'spki', format: 'der' });
  const context = await chromium.launchPersistentContext(temporaryFolder(t), {
    executablePath: requireProgram('chromium').path,
    args: [
      '--no-sandbox',
      '--host-resolver-rules=MAP backup.test 127.0.0.1',
      `--ignore-certificate-errors-spki-list=${createHash('sha256').update(spki).digest('base64')}`,
    ],
  });
  t.after(() => context.close());
  context.setDefaultTimeout(stepLimitMs);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (/Content.Security.Policy/i.test(message.text())) complaints.push(message.text());
  });
  const devtools = await context.newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      ...{ protocol: 'ctap2', transport: 'usb', hasResidentKey: false, hasUserVerification: true },
      ...{ isUserVerified: true, automaticPresenceSimulation: true },
    },
  });

  const verifier = 'a'.repeat(64);
  const address = new URL(oauthPaths.authorization, origin);
  address.search = new URLSearchParams({
    ...{ client_id: client, response_type: 'code', redirect_uri: redirectUri, scope: 'api', state: 'of this test' },
    ...{ code_challenge_method: 'S256', code_challenge: createHash('sha256').update(verifier).digest('base64url') },
  }).toString();
  const password = TestServer.passwordOf('alice');
  const begin = async (): Promise<void> => {
    await page.goto(address.href);
    await page.getByLabel('Name').fill('alice');
    await page.getByLabel('Password').fill(password);
  };

  await page.goto(address.href);
  const { passkeyOptions } = await alice.client.call('addPasskey', { body: { currentPassword: password } });
  const response = await made(page, passkeyOptions);
  await alice.client.call('confirmPasskey', { body: { name: 'key of the browser', response } });

  await begin();
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  // Nobody answers there: what counts is where the browser goes.
  const gone = page.waitForRequest((request) => request.url().startsWith(redirectUri));
  await page.getByRole('button', { name: 'Use a passkey' }).click();
  const back = new URL((await gone).url());
  assert.equal(back.searchParams.get('state'), 'of this test');
  const answer = await server.http.request({
    method: 'POST',
    path: oauthPaths.token,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      ...{ grant_type: 'authorization_code', client_id: client, redirect_uri: redirectUri },
      ...{ code: back.searchParams.get('code') ?? '', code_verifier: verifier },
    }).toString(),
  });
  const { access_token: token } = (await answer.json()) as { access_token?: string };
  await server.clientWith(token).call('computers', {});
  const { records } = await server.client.call('audit', { query: { action: 'completeSignIn', outcome: 'done' } });
  assert.equal(records.length, 1);
  assert.deepEqual(complaints, []);
});

/** A new passkey, by the browser's own means, on a page of the site. */
function made(page: Page, options: Record<string, unknown>): Promise<PasskeyRegistration> {
  return page.evaluate<PasskeyRegistration>(`(async () => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(${JSON.stringify(options)});
    return (await navigator.credentials.create({ publicKey })).toJSON();
  })()`);
}
