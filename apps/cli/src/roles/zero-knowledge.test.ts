import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { agentConfigSchema, type RunningAgent, startAgent } from '@holdfast/agent';
import { productVersion } from '@holdfast/core';
import { freePort, freeRange, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { moverConfigSchema, startMover } from '@holdfast/mover';
import { enrolComputer, type RestClient, type Run } from '@holdfast/protocol';
import { createWire } from '@holdfast/wire';
import { pino } from 'pino';
import { connectServer } from '../managed/server-connection.ts';
import { type CliResult, runCli, runProgram, startCli } from '../testing/run-cli.ts';

/**
 * A whole life of backups whose key the server does not have, with the commands of `docs/zero-knowledge.md`. Every byte that the server
 * receives is recorded, and in the end looked through, with all that it has written, for names, contents and keys.
 */

const page = readFileSync(join(import.meta.dirname, '../../../../docs/zero-knowledge.md'), 'utf8');
const recorder = new URL('../testing/record-received.ts', import.meta.url).href;
const executor = [new URL('../main.mjs', import.meta.url).pathname, 'execute'];
const bind = '127.0.0.1';

/** Nothing else has them: whoever is found with one has looked into the backups. */
const secretFolder = 'Salaries-of-the-board-7f3a';
const secretFile = 'Ultrasound-2026-03-c81e.txt';
const secretText = 'the diagnosis that nobody else is to know 5b1d';

describe('zero-knowledge mode', { skip: skipUnless({ platform: 'linux', programs: ['restic'] }) }, () => {
  const stack = new AsyncDisposableStack();
  // Before the folder goes.
  after(() => stack.disposeAsync());
  const folder = temporaryFolder({ after });
  const [source, data, recorded] = ['source', 'client', 'recorded'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const [allowed, forbidden] = [join(folder, 'allowed'), join(folder, 'forbidden')];
  const phraseDocument = join(folder, 'phrase.md');
  const phraseFile = join(folder, 'phrase');
  const passwordFile = join(folder, 'password');
  const agentData = join(folder, 'agent');
  const agentLog: string[] = [];
  const silent = pino({ level: 'silent' });
  let client: RestClient;
  let ports: { rest: number; agents: number; recoveries: number };
  let agent: RunningAgent;
  let moverId = '';
  let repositoryId = '';
  let location = '';

  const holdfast = (...args: string[]): Promise<CliResult> => runCli(args, { env: { HOLDFAST_DATA: data } });
  /** Runs a command of the page, with our names in the place of the page's. */
  async function documented(
    beginning: string,
    names: Readonly<Record<string, string>>,
    ...more: string[]
  ): Promise<CliResult> {
    const line = page.split('\n').find((one) => one.startsWith(beginning)) ?? assert.fail(`no ${beginning}`);
    const words = (line.split(/\s+#/)[0] ?? '').trim().split(/\s+/);
    const [program = '', ...args] = words.map((word) => names[word] ?? word);
    const result = await (program === 'holdfast'
      ? holdfast(...args, ...more)
      : runProgram(program, [...args, ...more, '--no-cache']));
    assert.equal(result.status, 0, `${line}: ${result.stdout}${result.stderr}`);
    return result;
  }
  async function enrol(role: 'agent' | 'mover'): Promise<void> {
    const { token, caFingerprint } = await client.call('createToken', { body: { role, preinstalled: true } });
    await using wire = createWire({ role: role === 'agent' ? 'agent-linux' : 'data-mover', bind });
    await enrolComputer({
      ...{ dataDir: join(folder, role), wire, channel: 'enrolment', token, caFingerprint, role, productVersion },
      ...{ server: { host: bind, port: ports.agents }, address: bind },
    });
  }
  async function ended(id: string): Promise<Run> {
    for (let tries = 0; tries < 3_000; tries += 1) {
      const run = await client.call('run', { params: { id } });
      if (run.endedAt !== undefined) return run;
      await delay(50);
    }
    return assert.fail('the run does not end');
  }
  const restore = async (target: string): Promise<Run> => {
    const { snapshots } = await client.call('snapshots', { query: { repositoryId } });
    const snapshotId = snapshots[0]?.id ?? assert.fail('no snapshot is listed');
    const body = { repositoryId, snapshotId, agentId: agent.id, target, overwrite: true };
    return ended((await client.call('createRestore', { body })).id);
  };
  const jobRun = async (name: string): Promise<Run> => {
    const { jobs } = await client.call('jobs', { query: {} });
    const id = jobs.find((job) => job.name === name)?.id ?? assert.fail(name);
    const session = await client.call('runJob', { params: { id }, body: {} });
    const { runs } = await client.call('runs', { query: { sessionId: session.id } });
    return ended(runs[0]?.id ?? assert.fail('no run'));
  };
  const filesBelow = (root: string): string[] =>
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));

  before(async () => {
    for (const made of [source, join(source, secretFolder), data, allowed, forbidden, join(folder, 'server')])
      mkdirSync(made);
    writeFileSync(join(source, secretFolder, secretFile), secretText);
    writeFileSync(join(source, 'plain'), 'x'.repeat(100_000));
    ports = { rest: await freePort(), agents: await freePort(), recoveries: await freePort() };
    const config = join(folder, 'server.json');
    const serverPorts = {
      'client-to-server': ports.rest,
      'posix-agent-control': ports.agents,
      'windows-agent-control': ports.recoveries,
      'recovery-media-credential-sign-in': await freePort(),
    };
    writeFileSync(config, JSON.stringify({ bind, ports: serverPorts, logLevel: 'trace' }));
    const server = startCli(['server', '--data', join(folder, 'server'), '--config', config], {
      env: { NODE_OPTIONS: `--import ${recorder}`, RECORD_RECEIVED: recorded },
    });
    stack.defer(async () => {
      server.child.kill('SIGTERM');
      const { stderr, stdout } = await server.ended;
      writeFileSync(join(folder, 'server-output'), stdout + stderr);
    });
    const ca = join(folder, 'server', 'root-ca.pem');
    const tokenFile = join(folder, 'server', 'admin-token');
    await new Promise<void>((resolve, reject) => {
      server.child.stderr?.on('data', (text) => String(text).includes('Ready.') && resolve());
      server.child.once('exit', () => reject(new Error('the server ended')));
    });
    writeFileSync(
      join(data, 'connection.json'),
      JSON.stringify({ host: bind, port: ports.rest, caFile: ca, tokenFile }),
    );
    client = await connectServer({ data }, stack);
    await enrol('mover');
    const dataPorts = await freeRange(8);
    const moverConfig = moverConfigSchema.parse({
      bind,
      ports: {
        ...Object.fromEntries(
          [
            ...['server-to-mover', 'agent-to-mover-transport', 'client-to-mover', 'recovery-media-to-mover'],
            ...['server-to-agent-transport', 'mover-to-agent-transport'],
          ].map((channel) => [channel, 0]),
        ),
        'agent-to-mover-data': dataPorts,
        'agent-local-data': dataPorts,
      },
    });
    const mover = stack.use(await startMover({ dataDir: join(folder, 'mover'), config: moverConfig, logger: silent }));
    moverId = mover.id;
    await enrol('agent');
  });

  test('the key is made at the computer, and its phrase is shown to be on paper', async () => {
    const { stdout } = await documented(
      'holdfast zero-knowledge setup',
      { 'phrase.md': phraseDocument },
      '--data',
      agentData,
    );
    const keyFile = join(agentData, 'zero-knowledge.json');
    assert.match(stdout, new RegExp(keyFile));
    assert.equal(statSync(keyFile).mode & 0o777, 0o600);
    const words = [...readFileSync(phraseDocument, 'utf8').matchAll(/\d+\. ([a-z]+)/g)].map(([, word]) => word);
    assert.equal(words.length, 15);
    writeFileSync(phraseFile, words.join(' '));
    await documented('holdfast zero-knowledge verify', {}, '--data', agentData, '--phrase-file', phraseFile);
    const again = await holdfast('zero-knowledge', 'setup', '--data', agentData);
    assert.match(again.stderr, /has a key of its own already/);

    const log = pino({ level: 'info' }, { write: (line: string) => void agentLog.push(line) });
    const config = agentConfigSchema.parse({ bind, zeroKnowledge: { restoreTo: [allowed] } });
    const command = { file: process.execPath, arguments: executor };
    agent = stack.use(await startAgent({ dataDir: agentData, config, logger: log, executor: command }));
  });

  test('a backup is made, and the agent does the work in its repository', async () => {
    const names = { boss: 'boss', store: moverId, 'boss-laptop': agent.id, '/home': source };
    const { stderr } = await documented('holdfast repo create boss', names);
    assert.match(stderr, /recovery kit does not open it/);
    await documented('holdfast job create boss-files', names);
    await documented('holdfast job run boss-files', names);
    const { repositories } = await client.call('repositories', { query: {} });
    const [repository = assert.fail()] = repositories;
    assert.deepEqual([repository.zeroKnowledge, repository.executorId], [true, agent.id]);
    repositoryId = repository.id;
    location = repository.location;

    const check = await client.call('maintain', {
      params: { id: repositoryId },
      body: { kind: 'check', read: 'everything' },
    });
    const checked = await ended(check.id);
    assert.ok(checked.result?.kind === 'check', JSON.stringify(checked));
    assert.equal(checked.agentId, agent.id);
    const drills = await client.call('startDrills', {
      params: { id: repositoryId },
      body: { amount: { kind: 'whole' } },
    });
    const { runs } = await client.call('runs', { query: { sessionId: drills.id } });
    const drilled = await ended(runs[0]?.id ?? '');
    assert.ok(drilled.result?.kind === 'drill', JSON.stringify(drilled));
    assert.deepEqual([drilled.result.files, drilled.result.tree], [2, undefined]);
    assert.deepEqual(readdirSync(join(agentData, 'drills')), []);

    await client
      .call('maintain', { params: { id: repositoryId }, body: { kind: 'prune' } })
      .then(({ id }) => ended(id));
    // As if another program had removed it: it is found again, without its names.
    assert.deepEqual(await client.call('refreshSnapshots', { params: { id: repositoryId } }), {
      ...{ added: 0, removed: 0, unreadable: 0 },
    });
    const stats = await client.call('repositoryStats', { params: { id: repositoryId }, body: {} });
    assert.equal(stats.totalBytes, 100_000 + secretText.length);
  });

  test('what needs a key is refused by the server, by name', async () => {
    const refused = { code: 'zero-knowledge.server' };
    const { snapshots } = await client.call('snapshots', { query: { repositoryId } });
    const params = { id: repositoryId, snapshotId: snapshots[0]?.id ?? '' };
    await assert.rejects(client.call('snapshotEntries', { params, query: {} }), refused);
    await assert.rejects(client.call('findEntries', { params, body: { patterns: ['*'] } }), refused);
    await assert.rejects(client.call('repositoryPassword', { params: { id: repositoryId } }), refused);
    const toMover = client.call('setRepositoryExecutor', { params: { id: repositoryId }, body: { executorId: null } });
    await assert.rejects(toMover, refused);
    const given = client.call('importRepository', {
      params: { id: moverId },
      body: { name: 'boss', password: 'of the owner alone' },
    });
    await assert.rejects(given, refused);
  });

  test('restores go where the configuration allows, and what goes wrong in them is told without names', async () => {
    const elsewhere = await restore(forbidden);
    assert.equal(elsewhere.error?.code, 'zero-knowledge.refused', JSON.stringify(elsewhere));
    assert.deepEqual(readdirSync(forbidden), []);
    // In the way of a file is a folder with something in it.
    const place = join(allowed, source, secretFolder);
    mkdirSync(join(place, secretFile, 'in the way'), { recursive: true });
    const blocked = await restore(allowed);
    assert.equal(blocked.problemCount, 1, JSON.stringify(blocked));
    assert.ok(
      agentLog.some((line) => line.includes(secretFile)),
      'the log of the agent has the whole',
    );
    const { result } = await restore(join(allowed, 'fresh'));
    assert.ok(result?.kind === 'restore');
    assert.equal(readFileSync(join(allowed, 'fresh', source, secretFolder, secretFile), 'utf8'), secretText);
  });

  test('nothing is backed up to a repository whose key the server has', async () => {
    const { id } = await client.call('createRepository', { body: { name: 'trap', moverId } });
    await client.call('createJob', {
      body: {
        name: 'trap',
        computers: [agent.id],
        target: { kind: 'shared', repositoryId: id },
        scope: { kind: 'folders', paths: [source] },
        retries: { count: 0 },
      },
    });
    const run = await jobRun('trap');
    assert.equal(run.error?.code, 'zero-knowledge.refused');
    assert.match(run.error.guidance, /--zero-knowledge/);
  });

  test('with the phrase any computer restores: by a recovery token, and by restic', async () => {
    const token = join(folder, 'token');
    await documented('holdfast recovery token create', { 'recovery.token': token });
    const { caFingerprint } = await client.call('status', {});
    const target = join(folder, 'recovered');
    await documented(
      'holdfast recovery restore latest',
      { '/tmp/restored': target, SERVER: `${bind}:${ports.recoveries}`, 'sha256:…': caFingerprint },
      ...['--token-file', token, '--repository-password-file', phraseFile, '--data', join(folder, 'recovery')],
    );
    const restored = join(source, secretFolder, secretFile);
    assert.equal(readFileSync(join(target, restored), 'utf8'), secretText);

    await documented(
      'holdfast zero-knowledge password',
      { 'boss.password': passwordFile },
      '--phrase-file',
      phraseFile,
    );
    const byRestic = join(folder, 'by-restic');
    const names = { '/srv/holdfast/local/boss': location, 'boss.password': passwordFile, '/tmp/restored': byRestic };
    await documented('restic -r', names);
    assert.equal(readFileSync(join(byRestic, restored), 'utf8'), secretText);
  });

  test('the server has received and written no name, no content and no key', async () => {
    const { stdout } = await runCli(['cat', 'masterkey', '--repo', location, '--password-file', passwordFile]);
    const { encrypt } = JSON.parse(stdout) as { encrypt: string };
    renameSync(source, join(folder, 'gone'));
    const failed = await jobRun('boss-files');
    assert.equal(failed.error?.code, 'backup.nothing', JSON.stringify(failed));
    const { snapshots } = await client.call('snapshots', { query: { repositoryId } });
    await stack.disposeAsync();

    const password = readFileSync(passwordFile, 'utf8').trim();
    const phrase = readFileSync(phraseFile, 'utf8').split(' ').slice(0, 3).join(' ');
    const secrets = [secretFolder, secretFile, secretText, password, phrase, encrypt];
    assert.ok(
      secrets.every((secret) => secret.length > 8),
      stdout,
    );
    const files = [...filesBelow(recorded), ...filesBelow(join(folder, 'server')), join(folder, 'server-output')];
    const found = files.flatMap((file) => {
      const bytes = readFileSync(file);
      return secrets.filter((secret) => bytes.includes(secret)).map((secret) => `${secret} in ${basename(file)}`);
    });
    assert.deepEqual(found, []);
    // What it is to know was seen where it was looked for.
    const received = filesBelow(recorded).map((file) => readFileSync(file, 'latin1'));
    for (const known of [
      snapshots[0]?.id ?? '',
      '"kind":"drill"',
      '"zero-knowledge.refused"',
      'POST /api/v1/repositories',
    ])
      assert.ok(
        received.some((text) => text.includes(known)),
        `${known} was not recorded`,
      );
    assert.ok(existsSync(join(folder, 'server', 'catalogue.sqlite')));
  });
});
