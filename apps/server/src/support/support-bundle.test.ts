import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { HoldfastError, ManualClock } from '@holdfast/core';
import { freePort, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { reportOf } from '@holdfast/protocol';
import { stepAt, totpCode } from '../people/totp.ts';
import { fromBase32 } from '../testing/from-base32.ts';
import { success, TestAgent } from '../testing/test-agent.ts';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer } from '../testing/test-server.ts';

const programs = skipUnless({ programs: ['tar'] });

interface Manifest {
  readonly anonymised: boolean;
  readonly files: readonly {
    readonly file: string;
    readonly bytes: number;
    readonly failed?: { readonly code: string };
  }[];
  readonly leftOut: readonly { readonly what: string; readonly why: string }[];
}

class Fixture {
  readonly server: TestServer;
  readonly folder: string;
  readonly agent: TestAgent;
  readonly repositoryId: string;
  readonly jobId: string;

  private constructor(o: Pick<Fixture, 'server' | 'folder' | 'agent' | 'repositoryId' | 'jobId'>) {
    this.server = o.server;
    this.folder = o.folder;
    this.agent = o.agent;
    this.repositoryId = o.repositoryId;
    this.jobId = o.jobId;
  }

  static async start(t: TestContext, o: { clock?: ManualClock } = {}): Promise<Fixture> {
    const folder = temporaryFolder(t);
    const stack = new AsyncDisposableStack();
    t.after(() => stack.disposeAsync());
    const server = stack.use(
      await TestServer.start(folder, {
        ...o,
        logLevel: 'trace',
        keepLog: true,
        config: { names: ['vault.north.example'] },
      }),
    );
    const port = await freePort();
    const mover = stack.use(
      new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port }),
    );
    await mover.listen();
    await server.haveGroup('accounting');
    const agent = stack.use(new TestAgent(await server.join('agent', { preinstalled: true, group: 'accounting' })));
    await agent.hold(server);
    const { id: repositoryId } = await server.client.call('createRepository', {
      body: { name: 'ledgers', moverId: mover.id },
    });
    const { id: jobId } = await server.client.call('createJob', {
      body: {
        name: 'Books of the year',
        computers: [agent.id],
        target: { kind: 'shared', repositoryId },
        scope: { kind: 'folders', paths: ['/home/mallory/Zebra Crossings'] },
        retries: { count: 0 },
      },
    });
    return new Fixture({ server, folder, agent, repositoryId, jobId });
  }

  async run(): Promise<string> {
    const session = await this.server.client.call('runJob', { params: { id: this.jobId }, body: {} });
    const [run] = await this.server.runsOf(session.id);
    await this.server.follow(run?.id ?? assert.fail());
    return run?.id ?? '';
  }

  /** The bundle as whoever gets it has it: every file by its name. */
  async bundle(anonymise: boolean): Promise<{ files: Map<string, string>; manifest: Manifest; bytes: number }> {
    const answer = await this.server.client.bytes('supportBundle', {
      query: { anonymise: anonymise ? 'true' : 'false' },
    });
    assert.equal(answer.headers['content-type'], 'application/gzip');
    const archive = join(this.folder, `${crypto.randomUUID()}.tar.gz`);
    const content = Buffer.concat(await Array.fromAsync(answer.body));
    writeFileSync(archive, content);
    const out = `${archive}.d`;
    mkdirSync(out);
    execFileSync('tar', ['-xzf', archive, '-C', out]);
    const names = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const files = new Map(
      names.map(({ parentPath, name }) => {
        const path = join(parentPath, name);
        return [path.slice(out.length + 1), readFileSync(path, 'utf8')] as const;
      }),
    );
    return { files, manifest: JSON.parse(files.get('manifest.json') ?? '') as Manifest, bytes: content.length };
  }
}

test('a bundle says how the server is and was, and has no password, key, token or code, whatever slipped into its log', {
  skip: programs,
}, async (t) => {
  const clock = new ManualClock(new Date());
  const it = await Fixture.start(t, { clock });
  const { server, agent, repositoryId } = it;
  const secrets = new Map<string, string>();
  const secret = (what: string, value: string): string => {
    secrets.set(what, value);
    return value;
  };

  // Those of people.
  const alice = await server.person('alice', 'administrator');
  secret('session', alice.token);
  const currentPassword = secret('password', TestServer.passwordOf('alice'));
  const wrong = secret('wrong password', 'a wrong password of somebody');
  await assert.rejects(server.signIn('alice', wrong), { code: 'auth.sign-in' });
  secret('API token', (await alice.client.call('createApiToken', { body: { name: 'script' } })).token);
  const { id, secret: shared } = await alice.client.call('addTotp', { body: { currentPassword } });
  secret('TOTP secret', shared);
  const code = totpCode(fromBase32(shared), stepAt(clock.now()));
  const { recoveryCodes = [] } = await alice.client.call('confirmTotp', { params: { id }, body: { code } });
  for (const [number, one] of recoveryCodes.entries()) secret(`recovery code ${number}`, one);
  // Those of computers, repositories and programs.
  secret('join token', await server.joinToken('agent'));
  const { password } = await server.client.call('repositoryPassword', { params: { id: repositoryId } });
  secret('repository password', password);
  const grant = await server.client.call('repositoryGrant', { params: { id: repositoryId }, body: { mode: 'read' } });
  secret('grant', grant.grant);
  secret(
    'recovery token',
    (await server.client.call('createRecoveryToken', { body: { repositories: [repositoryId] } })).token,
  );
  const program = { name: 'console', redirectUris: ['https://console.test/callback'], confidential: true };
  const client = await server.client.call('createOauthClient', { body: program });
  secret('client secret', client.secret ?? assert.fail('the program has none'));
  const hook = secret('webhook secret', `whsec_${randomBytes(32).toString('base64')}`);
  const settings = {
    destinations: { chat: { kind: 'webhook' as const, url: 'https://hook.test/', secretFile: 'hook' } },
    rules: [],
  };
  await server.client.call('setNotificationSettings', { body: { settings, secrets: { hook } } });
  // Those in files of the server: keys by each of their lines.
  const data = join(it.folder, 'server');
  for (const name of readdirSync(data).filter((one) => /token|key|\.pem$/.test(one))) {
    const text = readFileSync(join(data, name), 'utf8');
    const keys =
      text.match(/-----BEGIN (?:EC )?PRIVATE KEY-----[^-]+/g)?.flatMap((pem) => pem.split('\n').slice(1)) ?? [];
    for (const line of text.startsWith('-----') ? keys : text.split('\n'))
      if (line !== '') secret(`a line of ${name}`, line.trim());
  }

  // What an agent says may have anything in it.
  const slips = [...secrets.values()].filter((one) => one.length >= 32 && !one.includes(' '));
  agent.work = async (task, { emit }) => {
    const message = `it said password=${currentPassword.replaceAll(' ', '-')} and ${slips.join(' or ')}`;
    await emit({
      kind: 'log',
      line: { at: clock.now().toISOString(), level: 'error', process: 'agent', message: message.slice(0, 1_000) },
    });
    for (const slip of slips)
      await emit({
        kind: 'problem',
        problem: reportOf(new HoldfastError('storage.full', { message: `near ${slip}.` })),
      });
    secret('grant of the run', task.access.grant);
    throw new HoldfastError('storage.full', { message: `with grant ${task.access.grant} and key ${password}` });
  };
  const failed = await it.run();
  // And so may a log, through a mistake.
  const slipped = {
    level: 30,
    time: clock.now().getTime(),
    msg: `token ${slips.join(',')}`,
    newFact: 'not listed yet',
    error: { message: slips },
  };
  appendFileSync(join(data, 'log', 'recent.jsonl'), `${JSON.stringify(slipped)}\nno JSON ${slips.join(' ')}\n`);

  const { files, manifest, bytes } = await it.bundle(false);
  assert.ok(secrets.size > 25, `${secrets.size} secrets`);
  const all = [...files.values()].join('\n');
  for (const [what, value] of secrets)
    for (const form of [
      value,
      encodeURIComponent(value),
      ...(['base64', 'base64url', 'hex'] as const).map((as) => Buffer.from(value).toString(as)),
    ])
      assert.ok(!all.includes(form), `${what} is in ${[...files].find(([, text]) => text.includes(form))?.[0]}`);
  assert.ok(!all.includes('not listed yet'));

  assert.deepEqual(
    manifest.files.flatMap(({ file, failed: why }) => (why ? [{ file, why }] : [])),
    [],
  );
  assert.deepEqual(
    [...files.keys()].toSorted(),
    ['manifest.json', ...manifest.files.map(({ file }) => file)].toSorted(),
  );
  for (const name of [
    'product.json',
    'health.json',
    'catalogue.json',
    'certificates.json',
    'metrics.txt',
    'log.jsonl',
    `run-logs/${failed}.jsonl`,
  ])
    assert.ok((files.get(name)?.length ?? 0) > 100, name);
  assert.ok(bytes < 1_000_000 && manifest.leftOut.length > 5);
  const json = (name: string): Record<string, unknown> => JSON.parse(files.get(name) ?? '') as Record<string, unknown>;
  assert.deepEqual((json('configuration.json')['names'] as string[])[0], 'vault.north.example');
  const tables = json('catalogue.json')['tables'] as { table: string; rows: number }[];
  assert.equal(tables.find(({ table }) => table === 'computers')?.rows, 2);
  assert.match(files.get('log.jsonl') ?? '', /"msg":"request done"/);
  assert.match(files.get('log.jsonl') ?? '', /"newFact":"\[left out\]"/);
  assert.match(files.get('runs.jsonl') ?? '', new RegExp(`"id":"${failed}".*with grant \\[secret\\]`));
  const [record] = (await server.client.call('audit', { query: { action: 'supportBundle' } })).records.filter(
    ({ outcome }) => outcome === 'done',
  );
  assert.equal(record?.details['anonymise'], false);
  assert.ok(Number(record?.details['bytes']) > 0);
});

test('in an anonymised bundle nobody and nothing has its name, and each the same pseudonym everywhere, also next time', {
  skip: programs,
}, async (t) => {
  const it = await Fixture.start(t);
  it.agent.work = async (task, { emit }) => {
    const message = 'could not read /home/mallory/Zebra Crossings/takeover.odt: EACCES';
    await emit({ kind: 'log', line: { at: new Date().toISOString(), level: 'warning', process: 'agent', message } });
    return success(task, {
      problems: [
        reportOf(
          new HoldfastError('storage.full', { message: `test-host at 203.0.113.9 said no to ledgers: ${message}` }),
        ),
      ],
      problemCount: 1,
    });
  };
  await it.server.person('mallory', 'auditor');
  await it.run();
  const { files, manifest } = await it.bundle(true);
  assert.equal(manifest.anonymised, true);
  assert.deepEqual(
    manifest.files.filter(({ failed }) => failed),
    [],
  );
  const own = hostname();
  for (const name of [
    'test-host',
    'vault.north',
    'ledgers',
    'Books of the year',
    'accounting',
    'mallory',
    'Zebra',
    'Crossings',
    'takeover',
    '203.0.113.9',
    ...(own.length > 3 ? [own] : []),
  ])
    for (const [file, text] of files)
      assert.ok(!text.toLowerCase().includes(name.toLowerCase()), `${name} is in ${file}`);
  const computers = (files.get('computers.jsonl') ?? '')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { hostname: string; role: string });
  assert.deepEqual(computers.map(({ role }) => role).toSorted(), ['agent', 'mover']);
  const pseudonym = computers[0]?.hostname ?? '';
  assert.match(pseudonym, /^computer-[0-9a-f]{10}$/);
  assert.ok(files.get('runs.jsonl')?.includes(`${pseudonym} at address-`));
  assert.match(files.get('runs.jsonl') ?? '', /\[… EACCES\]/);
  assert.ok((await it.bundle(true)).files.get('computers.jsonl')?.includes(pseudonym));
});
