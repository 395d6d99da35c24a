import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, keycloakFolder, program, temporaryFolder } from '@holdfast/core/testing';
import { createWire, type HttpClient, httpClient } from '@holdfast/wire';
import { createTestInstallation } from '@holdfast/wire/testing';
import * as openid from 'openid-client';
import { TestBrowser } from '../testing/test-browser.ts';
import { oauthServerName, TestOauthClient } from '../testing/test-oauth-client.ts';
import { TestServer } from '../testing/test-server.ts';

/** Signing in with a real Keycloak. `npm run peers -- --keycloak` brings it; it starts in half a minute and takes 512 MB. */

const redirectUri = 'https://console.test/callback';
const startLimitMs = 300_000;
const passwordThere = (name: string): string => `the password of ${name} there`;

const people = {
  alice: ['backup-admins'],
  bob: ['staff'],
  eve: [],
};

/** What the company has: three people, their groups, and this server as a client. */
function realm(client: { secret: string; redirectUris: string[] }) {
  return {
    ...{ realm: 'company', enabled: true },
    groups: [{ name: 'backup-admins' }, { name: 'staff' }],
    users: Object.entries(people).map(([username, groups]) => ({
      ...{ username, enabled: true, email: `${username}@company.test`, emailVerified: true },
      ...{ firstName: username, lastName: 'Of Company', groups: groups.map((group) => `/${group}`) },
      credentials: [{ type: 'password', value: passwordThere(username) }],
    })),
    clients: [
      {
        ...{ clientId: 'holdfast', ...client, publicClient: false, standardFlowEnabled: true },
        attributes: { 'pkce.code.challenge.method': 'S256' },
        protocolMappers: [
          {
            ...{ name: 'groups', protocol: 'openid-connect', protocolMapper: 'oidc-group-membership-mapper' },
            config: {
              'claim.name': 'groups',
              'full.path': 'false',
              'id.token.claim': 'true',
              'userinfo.token.claim': 'true',
            },
          },
        ],
      },
    ],
  };
}

async function startKeycloak(t: TestContext, content: ReturnType<typeof realm>) {
  // It builds and keeps its data in its own folder.
  const folder = join(temporaryFolder(t), 'keycloak');
  cpSync(keycloakFolder, folder, { recursive: true });
  mkdirSync(join(folder, 'data', 'import'), { recursive: true });
  writeFileSync(join(folder, 'data', 'import', 'company-realm.json'), JSON.stringify(content));
  const { certificatePem, privateKeyPem, caPem } = await (await createTestInstallation()).issue({ role: 'server' });
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  writeFileSync(certificate, certificatePem);
  writeFileSync(key, privateKeyPem, { mode: 0o600 });
  const [port, plainPort] = [await freePort(), await freePort()];
  const child = spawn(
    join(folder, 'bin', 'kc.sh'),
    [
      ...['start-dev', '--cache=local', '--import-realm', '--http-host=127.0.0.1', `--http-port=${plainPort}`],
      ...[`--https-port=${port}`, `--https-certificate-file=${certificate}`, `--https-certificate-key-file=${key}`],
      `--hostname=https://127.0.0.1:${port}`,
    ],
    {
      env: { ...process.env, JAVA_OPTS_KC_HEAP: '-Xms64m -Xmx512m' },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      output = `${output}${bytes.toString()}`.slice(-10_000);
    });
  const ended = once(child, 'exit');
  t.after(async () => {
    // The shell that it is, and the Java that it started.
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    await ended;
  });
  const wire = createWire({ role: 'client', bind: '127.0.0.1' });
  t.after(() => wire[Symbol.asyncDispose]());
  const http = httpClient({
    connections: 4,
    connect: (signal) => wire.dialOutside('client-to-identity-provider', '127.0.0.1', { port, tls: { caPem }, signal }),
  });
  t.after(() => http[Symbol.asyncDispose]());
  const issuer = `https://127.0.0.1:${port}/realms/company`;
  const limit = performance.now() + startLimitMs;
  while (!(await answers(http, `/realms/company/.well-known/openid-configuration`))) {
    if (child.exitCode !== null || performance.now() > limit) throw new Error(`Keycloak did not start:\n${output}`);
    await delay(500);
  }
  return { issuer, caPem, browser: () => new TestBrowser(http, new URL(issuer).origin) };
}

async function answers(http: HttpClient, path: string): Promise<boolean> {
  try {
    const { status, ...response } = await http.request({ method: 'GET', path });
    await response.bytes();
    return status === 200;
  } catch {
    // Nobody listens yet.
    return false;
  }
}

const skip =
  existsSync(keycloakFolder) && program('java') ? false : 'needs Keycloak and Java (npm run peers -- --keycloak)';

test('people sign in with Keycloak: linked by an administrator, or with an account that a group of theirs gives', {
  skip,
  timeout: 600_000,
}, async (t) => {
  const server = await TestServer.start(temporaryFolder(t), { config: { names: [oauthServerName] } });
  t.after(() => server[Symbol.asyncDispose]());
  const secret = 'a secret of this test';
  const redirectUris = [`${TestOauthClient.issuerOf(server)}/*`];
  const keycloak = await startKeycloak(t, realm({ secret, redirectUris }));
  const { id } = await server.client.call('createOauthClient', {
    body: { name: 'Console', redirectUris: [redirectUri] },
  });
  const client = await TestOauthClient.discover(server, { id, redirectUri });
  const provider = await server.client.call('createIdentityProvider', {
    body: {
      ...{ name: 'Company', issuer: keycloak.issuer, clientId: 'holdfast', clientSecret: secret },
      ...{ caPem: keycloak.caPem, allowLocalAddresses: true },
      newAccounts: { claim: 'groups', roles: [{ value: 'backup-admins', role: 'backup-operator' }] },
    },
  });

  /** Gives the page where the sign-in ended, and the token if it got so far. */
  const signIn = async (name: string, password = passwordThere(name)) => {
    const { url, checks } = await client.begin();
    const here = client.browser();
    const page = await here.follow(await here.get(url.href));
    const link = /href="([^"]+\/with\/[^"]+)"/.exec(page.text)?.[1] ?? assert.fail(page.text);
    const away = await here.get(link);
    const there = keycloak.browser();
    const form = await there.follow(await there.get(away.location ?? assert.fail(away.text)));
    const action = /<form[^>]* action="([^"]+)"/.exec(form.text)?.[1]?.replaceAll('&amp;', '&');
    const fields = { username: name, password, credentialId: '' };
    const back = await there.follow(await there.post(action ?? assert.fail(form.text), fields));
    if (back.location === undefined) return { text: back.text };
    const last = await here.follow(await here.get(back.location));
    if (last.location === undefined) return { text: last.text };
    const tokens = await openid.authorizationCodeGrant(client.config, new URL(last.location), checks);
    return { text: last.text, token: tokens.access_token };
  };

  const alice = await signIn('alice');
  assert.equal((await client.userinfo(alice.token ?? assert.fail(alice.text)))?.['preferred_username'], 'alice');
  await server.clientWith(alice.token).call('jobs', {});
  const { users } = await server.client.call('users', {});
  assert.deepEqual(
    users.map(({ name, role }) => [name, role]),
    [['alice', 'backup-operator']],
  );
  assert.equal((await signIn('alice', 'a wrong password')).token, undefined);

  // In no group that gives a role: linked by the subject that the page shows.
  const bob = await signIn('bob');
  assert.match(bob.text, /its groups gives no role here/);
  const [subject = ''] = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(bob.text) ?? [];
  const auditor = await server.person('robert', 'auditor');
  await server.client.call('linkIdentity', { params: { id: provider.id }, body: { userId: auditor.id, subject } });
  const linked = await signIn('bob');
  assert.equal((await client.userinfo(linked.token ?? assert.fail(linked.text)))?.['preferred_username'], 'robert');
  assert.equal((await signIn('eve')).token, undefined);
  assert.equal((await server.client.call('users', {})).users.length, 2);
});
