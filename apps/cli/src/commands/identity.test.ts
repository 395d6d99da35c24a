import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { after, before, describe, test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { oauthPaths } from '@holdfast/protocol';
import { hiddenFields, TestBrowser, TestServer } from '@holdfast/server/testing';
import { jsonResult, runCli, startCli } from '../testing/run-cli.ts';

/** What `docs/identity.md` promises, with its commands as they stand there. */

const page = readFileSync(join(import.meta.dirname, '../../../../docs/identity.md'), 'utf8');

/** The words of the command of the page that begins so. */
function documented(beginning: string): string[] {
  const line = page.split('\n').find((one) => one.startsWith(`holdfast ${beginning}`));
  return (line ?? assert.fail(`the page has no ${beginning}`)).trim().split(/\s+/).slice(1);
}

describe('signing in with a browser, and programs that people sign in to', () => {
  const folder = temporaryFolder({ after });
  let server: TestServer;
  before(async () => {
    server = await TestServer.start(folder, { config: { names: ['backup.test'] } });
    await server.person('alice', 'administrator');
    mkdirSync(join(folder, 'alice'));
    const { caFile, tokenFile } = server.running;
    const connection = { host: '127.0.0.1', port: server.running.portOf('client-to-server'), caFile, tokenFile };
    writeFileSync(join(folder, 'alice', 'connection.json'), JSON.stringify(connection));
  });
  after(() => server[Symbol.asyncDispose]());

  const env = { HOLDFAST_DATA: join(folder, 'alice') };
  async function answer<Form>(...args: string[]): Promise<Form> {
    const { status, stdout, stderr } = await runCli([...args, '--json'], { env, cwd: folder });
    assert.equal(status, 0, `${args.join(' ')}: ${stderr}${stdout}`);
    return jsonResult<Form>(stdout);
  }

  test('the command line is signed in with a browser, and what it got is an ordinary session', async () => {
    const { child, ended } = startCli([...documented('login --device'), '--json'], { env });
    const lines = createInterface({ input: child.stdout ?? assert.fail('no output') });
    const { value: first } = await lines[Symbol.asyncIterator]().next();
    const asked = JSON.parse(String(first)) as { userCode: string; verificationUri: string };
    const browser = new TestBrowser(server.http, new URL(asked.verificationUri).origin);
    const form = await browser.get(asked.verificationUri);
    const question = await browser.post(oauthPaths.code_verification, {
      ...{ ...hiddenFields(form), user_code: asked.userCode },
    });
    const signIn = await browser.follow(await browser.post(oauthPaths.code_verification, hiddenFields(question)));
    const action = /action="([^"]+)"/.exec(signIn.text)?.[1] ?? '';
    const password = TestServer.passwordOf('alice');
    await browser.follow(await browser.post(action, { step: 'password', name: 'alice', password }));
    const { status, stderr } = await ended;
    assert.equal(status, 0, stderr);
    const { access } = await answer<{ access: { clientId?: string; kind: string; present: boolean }[] }>(
      ...['account', 'sessions'],
    );
    assert.deepEqual(
      access.filter(({ present }) => present).map(({ kind, clientId }) => [kind, clientId]),
      [['session', 'holdfast-cli']],
    );
    assert.equal((await answer<{ user: string }>('logout')).user, 'alice');
  });

  test('a program is registered, listed and removed', async () => {
    const { client, secretFile } = await answer<{ client: { id: string; role: string }; secretFile: string }>(
      ...documented('oauth-client create'),
    );
    assert.equal(statSync(secretFile).mode & 0o777, 0o600);
    assert.match(readFileSync(secretFile, 'utf8'), /^hfc_/);
    const list = () => answer<{ clients: { id: string; role: string }[] }>(...documented('oauth-client list'));
    assert.deepEqual(
      (await list()).clients.map(({ id, role }) => [id, role]),
      [[client.id, 'auditor']],
    );
    await answer('oauth-client', 'delete', client.id);
    assert.deepEqual((await list()).clients, []);
  });

  test('a machine signs in with its certificate, does what it may, and is removed', async () => {
    const made = await answer<{ serviceAccount: { id: string }; certificateFile: string }>(
      ...documented('service-account create report'),
    );
    assert.equal(statSync(made.certificateFile).mode & 0o777, 0o600);
    const there = { HOLDFAST_DATA: join(folder, 'machine') };
    const { caFile } = server.running;
    const command = documented('login --service-account').map((word) => {
      if (word === 'ID') return made.serviceAccount.id;
      if (word === 'backup.example') return `127.0.0.1:${server.running.portOf('client-to-server')}`;
      return word === 'ca.pem' ? caFile : word;
    });
    const run = (...args: string[]) => runCli(args, { env: there, cwd: folder });
    const signedIn = await run(...command);
    assert.equal(signedIn.status, 0, signedIn.stderr);
    assert.doesNotMatch(readFileSync(join(folder, 'machine', 'session.json'), 'utf8'), /hfo_|PRIVATE KEY/);
    assert.equal((await run(...documented('session list'))).status, 0);
    assert.match((await run('users', 'list')).stderr, /not allowed|may not|right/i);
    const { serviceAccounts } = await answer<{ serviceAccounts: { name: string; lastTokenFrom: string }[] }>(
      ...documented('service-account list'),
    );
    assert.deepEqual(
      serviceAccounts.map(({ name, lastTokenFrom }) => [name, lastTokenFrom]),
      [['report', '127.0.0.1']],
    );
    await answer('service-account', 'certificate', 'report', '--out', 'next.pem');
    await answer('service-account', 'delete', 'report');
    const refused = await run('computers', 'list', '--json');
    assert.equal(jsonResult<{ error: { code: string } }>(refused.stdout).error.code, 'auth.sign-in');
    assert.equal((await run('logout')).status, 0);
  });

  test('a provider elsewhere is asked who it is before it is taken', async () => {
    writeFileSync(join(folder, 'company.secret'), 'a secret\n');
    const command = documented('identity-provider create').map((word) =>
      // Nothing listens there, on any computer.
      word.startsWith('https:') ? 'https://127.0.0.1:1/realms/company' : word,
    );
    const { status, stdout } = await runCli([...command, '--allow-local-addresses', '--json'], { env, cwd: folder });
    assert.notEqual(status, 0);
    assert.equal(jsonResult<{ error: { code: string } }>(stdout).error.code, 'request.conflict');
    const wrong = await runCli([...command, '--accounts-by-claim', 'groups', '--role', 'staff=king'], {
      env,
      cwd: folder,
    });
    assert.equal(wrong.status, 2);
    const { providers } = await answer<{ providers: unknown[] }>(...documented('identity-provider list'));
    assert.deepEqual(providers, []);
  });

  test('what does not go together, and who signs in, is asked for', async () => {
    for (const args of [['login'], ['login', '--device', '--user', 'alice']])
      assert.equal((await runCli(args, { env })).status, 2, args.join(' '));
  });
});
