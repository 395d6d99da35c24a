import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { agentConfigSchema, type RunningAgent, startAgent } from '@holdfast/agent';
import { ManualClock, productVersion } from '@holdfast/core';
import { freePort, freeRange, requireProgram, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { moverConfigSchema, startMover } from '@holdfast/mover';
import { enrolComputer, type PolicyComputer, RestClient, type Session } from '@holdfast/protocol';
import { type RunningServer, startServer } from '@holdfast/server';
import { createWire, httpClient } from '@holdfast/wire';
import { pino } from 'pino';
import { makeSampleFolder } from '../testing/sample-folder.ts';

const bind = '127.0.0.1';
const hourMs = 3_600_000;

/** Server, mover and agent as they are, in one process; of the agent's time the test decides. */
class System {
  readonly clock = new ManualClock(new Date());
  readonly folder: string;
  readonly #log = pino({ level: process.env['HOLDFAST_TEST_LOG'] ?? 'silent' });
  readonly #ports: { readonly rest: number; readonly agents: number; readonly data: { from: number; to: number } };
  #server: RunningServer | undefined;
  #agent: RunningAgent | undefined;
  moverId = '';

  private constructor(folder: string, ports: { rest: number; agents: number; data: { from: number; to: number } }) {
    this.folder = folder;
    this.#ports = ports;
  }

  static async start(t: TestContext): Promise<System> {
    const ports = { rest: await freePort(), agents: await freePort(), data: await freeRange(4) };
    const system = new System(temporaryFolder(t), ports);
    const stack = new AsyncDisposableStack();
    t.after(() => stack.disposeAsync());
    stack.defer(() => system.stopServer());
    await system.startServer();
    await system.#enrol('mover');
    const config = moverConfigSchema.parse({
      bind,
      ports: {
        ...Object.fromEntries(transport.map((channel) => [channel, 0])),
        'agent-to-mover-data': ports.data,
        'agent-local-data': ports.data,
      },
    });
    const mover = stack.use(await startMover({ dataDir: join(system.folder, 'mover'), config, logger: system.#log }));
    system.moverId = mover.id;
    stack.defer(() => system.stopAgent());
    await system.#enrol('agent');
    return system;
  }

  async #enrol(role: 'agent' | 'mover'): Promise<void> {
    const { token, caFingerprint } = await this.call((client) => client.call('createToken', { body: { role } }));
    await using wire = createWire({ role: role === 'agent' ? 'agent-linux' : 'data-mover', bind });
    await enrolComputer({
      ...{ dataDir: join(this.folder, role), wire, channel: 'enrolment', token, caFingerprint, role, productVersion },
      server: { host: bind, port: this.#ports.agents },
      address: bind,
    });
  }

  async startServer(): Promise<void> {
    const { rest, agents } = this.#ports;
    this.#server = await startServer({
      dataDir: join(this.folder, 'server'),
      config: {
        bind,
        ports: { 'client-to-server': rest, 'windows-agent-control': 0, 'posix-agent-control': agents },
      },
      logger: this.#log,
    });
  }

  async stopServer(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    this.#server = undefined;
  }

  async startAgent(): Promise<void> {
    const [dataDir, config] = [join(this.folder, 'agent'), agentConfigSchema.parse({ bind })];
    this.#agent = await startAgent({ dataDir, config, logger: this.#log, clock: this.clock });
  }

  async stopAgent(): Promise<void> {
    await this.#agent?.[Symbol.asyncDispose]();
    this.#agent = undefined;
  }

  get agentId(): string {
    return this.#agent?.id ?? '';
  }

  async call<Answer>(work: (client: RestClient) => Promise<Answer>): Promise<Answer> {
    const server = this.#server ?? assert.fail('no server runs');
    await using wire = createWire({ role: 'client', bind });
    const caPem = readFileSync(server.caFile, 'utf8');
    await using http = httpClient({
      connect: (signal) => wire.dial('client-to-server', bind, { port: this.#ports.rest, caPem, signal }),
    });
    return await work(new RestClient({ http, token: readFileSync(server.tokenFile, 'utf8').trim() }));
  }

  async sessions(): Promise<Session[]> {
    return (await this.call((client) => client.call('sessions', {}))).sessions;
  }

  /** What the agent has of the only policy. */
  async computer(id: string): Promise<PolicyComputer | undefined> {
    return (await this.call((client) => client.call('policyComputers', { params: { id } }))).computers[0];
  }

  /** Of the only repository. */
  get snapshots(): string[] {
    const root = join(this.folder, 'mover', 'repositories', 'local');
    try {
      return readdirSync(root).flatMap((name) => readdirSync(join(root, name, 'snapshots')));
    } catch {
      return [];
    }
  }

  get kept(): { due: unknown[]; reports: { runId: string }[] } {
    const text = readFileSync(join(this.folder, 'agent', 'policies.json'), 'utf8');
    return JSON.parse(text) as { due: unknown[]; reports: { runId: string }[] };
  }
}

const transport = [
  ...['server-to-mover', 'agent-to-mover-transport', 'client-to-mover'],
  ...['server-to-agent-transport', 'mover-to-agent-transport'],
];

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const limit = performance.now() + 120_000;
  while (!(await isSo())) {
    if (performance.now() > limit) assert.fail(`waited in vain until ${what}`);
    await delay(20);
  }
}

test('a policy runs without the server, straight to the mover, and is reported once when the server is back', {
  skip: skipUnless({ platform: 'linux', programs: ['restic'] }),
}, async (t) => {
  const system = await System.start(t);
  const source = makeSampleFolder(join(system.folder, 'source'));
  mkdirSync(join(system.folder, 'restored'));
  await system.startAgent();
  const due = new Date(system.clock.now().getTime() + hourMs);
  const { id } = await system.call((client) =>
    client.call('createPolicy', {
      body: {
        name: 'homes',
        computers: [system.agentId],
        scope: { kind: 'folders', paths: [source] },
        target: { kind: 'own', moverId: system.moverId },
        schedule: { kind: 'daily', at: due.toISOString().slice(11, 16) },
        timeZone: 'UTC',
      },
    }),
  );
  await until('the agent has the policy', async () => (await system.computer(id))?.handedOutAt !== undefined);
  const file = join(system.folder, 'agent', 'policies.json');
  await until('it is kept', () => existsSync(file) && readFileSync(file, 'utf8').includes(id));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(system.snapshots, []);

  await system.stopServer();
  system.clock.advance(hourMs);
  await until('the backup is made', () => system.snapshots.length === 1);
  await until('its end is kept', () => system.kept.reports.length === 1);
  assert.deepEqual(system.kept.due, []);
  // The agent is another process by the time at which it can tell.
  await system.stopAgent();
  await system.startServer();
  assert.deepEqual(await system.sessions(), []);
  await system.startAgent();
  await until('the run is reported', async () => (await system.sessions()).length === 1);
  await until('the report is kept no more', () => system.kept.reports.length === 0);
  const [session] = await system.sessions();
  assert.deepEqual(
    [session?.trigger, session?.jobId, session?.state, session?.degraded],
    ['policy', id, 'succeeded', false],
  );

  // Once more all of them anew: nothing is told twice, and nothing runs twice.
  const before = (await system.computer(id))?.handedOutAt;
  await system.stopAgent();
  await system.startAgent();
  await until('the agent was there again', async () => (await system.computer(id))?.handedOutAt !== before);
  assert.equal((await system.sessions()).length, 1);
  assert.equal(system.snapshots.length, 1);

  const [repository] = await system.call((client) => client.list('repositories', {}));
  assert.ok(repository?.initialisedAt);
  const { password } = await system.call((client) =>
    client.call('repositoryPassword', { params: { id: repository.id } }),
  );
  const location = join(system.folder, 'mover', 'repositories', 'local', repository.name);
  const restic = (...args: string[]): string =>
    execFileSync(requireProgram('restic').path, ['-r', location, '--no-cache', ...args], {
      env: { ...process.env, RESTIC_PASSWORD: password },
      encoding: 'utf8',
    });
  restic('restore', 'latest', '--target', join(system.folder, 'restored'));
  const random = join('deep', 'random');
  assert.ok(readFileSync(join(system.folder, 'restored', source, random)).equals(readFileSync(join(source, random))));
  restic('check');
});
