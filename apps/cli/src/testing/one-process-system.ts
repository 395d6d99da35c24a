import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type AgentConfig, agentConfigSchema, type RunningAgent, startAgent } from '@holdfast/agent';
import { ManualClock, productVersion } from '@holdfast/core';
import { freePort, freeRange, temporaryFolder } from '@holdfast/core/testing';
import { moverConfigSchema, startMover } from '@holdfast/mover';
import { enrolComputer, type PolicyComputer, RestClient, type Session } from '@holdfast/protocol';
import { type RunningServer, startServer } from '@holdfast/server';
import { createWire, httpClient } from '@holdfast/wire';
import { pino } from 'pino';

const bind = '127.0.0.1';
const executor = { file: process.execPath, arguments: [new URL('../main.mjs', import.meta.url).pathname, 'execute'] };

/** Server, mover and agent as they are, in one process; of the agent's time the test decides. */
export class OneProcessSystem {
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

  static async start(t: TestContext): Promise<OneProcessSystem> {
    const ports = { rest: await freePort(), agents: await freePort(), data: await freeRange(4) };
    const system = new OneProcessSystem(temporaryFolder(t), ports);
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
    const mover = stack.use(
      await startMover({ dataDir: join(system.folder, 'mover'), config, logger: system.#log, executor }),
    );
    system.moverId = mover.id;
    stack.defer(() => system.stopAgent());
    await system.#enrol('agent');
    return system;
  }

  /** Another agent, with a data directory of that name; its time is the real one. */
  async startAnother(name: string): Promise<RunningAgent> {
    await this.#enrol('agent', name);
    const config = agentConfigSchema.parse({ bind, moverSocket: join(this.folder, 'mover', 'mover.sock') });
    return await startAgent({ dataDir: join(this.folder, name), config, logger: this.#log });
  }

  async #enrol(role: 'agent' | 'mover', name: string = role): Promise<void> {
    const { token, caFingerprint } = await this.call((client) => client.call('createToken', { body: { role } }));
    await using wire = createWire({ role: role === 'agent' ? 'agent-linux' : 'data-mover', bind });
    await enrolComputer({
      ...{ dataDir: join(this.folder, name), wire, channel: 'enrolment', token, caFingerprint, role, productVersion },
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
        ports: {
          'client-to-server': rest,
          'windows-agent-control': 0,
          'recovery-media-credential-sign-in': 0,
          'posix-agent-control': agents,
        },
      },
      logger: this.#log,
    });
  }

  async stopServer(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    this.#server = undefined;
  }

  async startAgent(change: Partial<AgentConfig> = {}): Promise<void> {
    const dataDir = join(this.folder, 'agent');
    const config = agentConfigSchema.parse({ bind, moverSocket: join(this.folder, 'mover', 'mover.sock'), ...change });
    this.#agent = await startAgent({ dataDir, config, logger: this.#log, clock: this.clock, executor });
  }

  async stopAgent(): Promise<void> {
    await this.#agent?.[Symbol.asyncDispose]();
    this.#agent = undefined;
  }

  get agentId(): string {
    return this.#agent?.id ?? '';
  }

  /** Of a command that asks the server. */
  get serverOptions(): string[] {
    const { caFile, tokenFile } = this.#server ?? assert.fail('no server runs');
    return ['--server', `${bind}:${this.#ports.rest}`, '--cacert', caFile, '--token-file', tokenFile];
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

export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const limit = performance.now() + 120_000;
  while (!(await isSo())) {
    if (performance.now() > limit) assert.fail(`waited in vain until ${what}`);
    await delay(20);
  }
}
