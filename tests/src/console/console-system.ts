import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { agentConfigSchema, startAgent } from '@holdfast/agent';
import { freePort, freeRange, temporaryFolder } from '@holdfast/core/testing';
import { moverConfigSchema, startMover } from '@holdfast/mover';
import { type PersonRole, RestClient } from '@holdfast/protocol';
import { type RunningServer, type ServerConfigInput, startServer } from '@holdfast/server';
import { createWire, httpClient } from '@holdfast/wire';
import { pino } from 'pino';
import { holdfastProgram } from '../lab/lab-needs.ts';

const bind = '127.0.0.1';
const lineLimitMs = 120_000;
/** What works in repositories: this program, in processes of its own. */
const executor = { file: holdfastProgram[0], arguments: [holdfastProgram[1], 'execute'] };
const databaseWaitMs = 10_000;
/** What a mover listens on; the system chooses. */
const transport = [
  ...['server-to-mover', 'agent-to-mover-transport', 'client-to-mover'],
  ...['server-to-agent-transport', 'mover-to-agent-transport'],
];

interface Ports {
  readonly rest: number;
  readonly agents: number;
  readonly data: { readonly from: number; readonly to: number };
}

interface Settings {
  /** What browsers call the server, as people do who have set it up to be found; else its address. */
  readonly name?: string;
  readonly people?: ServerConfigInput['people'];
}

/** A server with nothing, which hands out the built console, and a computer that can join it: all of them as they are. */
export class ConsoleSystem {
  readonly folder: string;
  readonly #log = pino({ level: process.env['HOLDFAST_TEST_LOG'] ?? 'silent' });
  readonly #ports: Ports;
  readonly #settings: Settings;
  readonly #resources: AsyncDisposableStack;
  #server: RunningServer | undefined;

  private constructor(folder: string, o: { ports: Ports; settings: Settings }, resources: AsyncDisposableStack) {
    this.folder = folder;
    this.#ports = o.ports;
    this.#settings = o.settings;
    this.#resources = resources;
  }

  static async start(t: Pick<TestContext, 'after'>, settings: Settings = {}): Promise<ConsoleSystem> {
    const ports = { rest: await freePort(), agents: await freePort(), data: await freeRange(4) };
    const resources = new AsyncDisposableStack();
    t.after(() => resources.disposeAsync());
    const system = new ConsoleSystem(temporaryFolder(t), { ports, settings }, resources);
    resources.defer(() => system.stopServer());
    await system.startServer();
    return system;
  }

  get origin(): string {
    return `https://${this.#settings.name ?? bind}:${this.#ports.rest}`;
  }

  /** What clients trust. */
  get caPem(): string {
    if (!this.#server) throw new Error('no server runs');
    return readFileSync(this.#server.caFile, 'utf8');
  }

  /** Where computers join. */
  get agentPort(): number {
    return this.#ports.agents;
  }

  /** What the server prints when it has no account yet, with the address by which the browser finds it here. */
  get setUpUrl(): string {
    const { url = '' } = this.#server?.setUp ?? {};
    return `${this.origin}${url.slice(new URL(url).origin.length)}`;
  }

  async startServer(): Promise<void> {
    this.#server = await startServer({
      dataDir: join(this.folder, 'server'),
      config: {
        bind,
        ...(this.#settings.name === undefined ? {} : { names: [this.#settings.name], publicUrl: this.origin }),
        ...(this.#settings.people ? { people: this.#settings.people } : {}),
        ports: {
          'client-to-server': this.#ports.rest,
          'windows-agent-control': 0,
          'recovery-media-credential-sign-in': 0,
          'posix-agent-control': this.#ports.agents,
        },
      },
      logger: this.#log,
    });
  }

  async stopServer(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    this.#server = undefined;
  }

  /** Runs a line of the console as it was copied, as root would on the computer that is to join. */
  async runLine(line: string): Promise<void> {
    await promisify(execFile)('/bin/sh', ['-c', line], { env: this.#lineEnvironment(), timeout: lineLimitMs });
  }

  /**
   * `holdfast` is this one, with a data directory of the test, and `sudo` changes nobody.
   */
  #lineEnvironment(): NodeJS.ProcessEnv {
    const programs = join(this.folder, 'bin');
    mkdirSync(programs, { recursive: true });
    const write = (name: string, text: string): void => {
      writeFileSync(join(programs, name), `#!/bin/sh\n${text}\n`);
      chmodSync(join(programs, name), 0o755);
    };
    write('sudo', 'exec "$@"');
    write('holdfast', `exec '${process.execPath}' '${holdfastProgram[1]}' "$@" --address ${bind}`);
    return { ...process.env, PATH: `${programs}:${process.env['PATH'] ?? ''}`, HOLDFAST_DATA: this.folder };
  }

  /** Joins the computer as data mover and agent, with tokens as the console makes them. */
  async joinComputer(): Promise<void> {
    for (const role of ['mover', 'agent'] as const) {
      const { token, caFingerprint } = await this.call((client) => client.call('createToken', { body: { role } }));
      const server = `${bind}:${this.#ports.agents}`;
      const line = `holdfast enroll --role ${role} --server ${server} --ca-fingerprint ${caFingerprint} --token-file -`;
      await this.runLine(`printf %s ${token} | ${line}`);
    }
  }

  /** Somebody with an account, who has chosen a password already. */
  async addPerson(name: string, role: PersonRole, password: string, groups?: readonly string[]): Promise<void> {
    const first = 'the first of two passwords';
    const rights = { role, ...(groups ? { groups: [...groups] } : {}) };
    await this.call((client) => client.call('createUser', { body: { name, ...rights, password: first } }));
    await this.callAs(name, first, (client) =>
      client.call('changePassword', { body: { currentPassword: first, newPassword: password } }),
    );
  }

  /** Starts what has joined, in this process. */
  async startComputer(): Promise<void> {
    const { data } = this.#ports;
    const mover = moverConfigSchema.parse({
      bind,
      ports: {
        ...Object.fromEntries(transport.map((channel) => [channel, 0])),
        'agent-to-mover-data': data,
        'agent-local-data': data,
      },
    });
    const moverFolder = join(this.folder, 'mover');
    this.#resources.use(await startMover({ dataDir: moverFolder, config: mover, logger: this.#log, executor }));
    await this.startAgent('agent');
  }

  /** Starts an agent that has joined with the data directory of that name; its id. */
  async startAgent(name: string): Promise<string> {
    const config = agentConfigSchema.parse({ bind, moverSocket: join(this.folder, 'mover', 'mover.sock') });
    const dataDir = join(this.folder, name);
    return this.#resources.use(await startAgent({ dataDir, config, logger: this.#log, executor })).id;
  }

  /** As if the longest time of every session had passed: the server's clock is the real one. */
  async expireSessions(): Promise<void> {
    await this.#write(`update credentials set "expiresAt" = '2000-01-01T00:00:00.000Z'`);
  }

  /** As if the comparison of the newest backup with an earlier one had found that many files are gone. */
  async raiseAlert(): Promise<void> {
    await this.#write(
      `insert into "ransomwareAlerts" ("tenant", "id", "raisedAt", "agentId", "hostname", "repositoryId", "snapshotId",
       "comparedWith", "findingsJson", "state") select "tenant", '00000000-0000-4000-8000-00000000a1e7', "takenAt", "agentId",
       "hostname", "repositoryId", "id", "id",
       '[{"sign":"mass-deletion","extension":"docx","files":300,"of":400,"thresholdPercent":50}]', 'open'
       from "snapshots" order by "takenAt" desc limit 1`,
    );
  }

  /** Into the catalogue. The server works in this process: who waits for its transaction has to let it go on. */
  async #write(sql: string): Promise<void> {
    using database = new DatabaseSync(join(this.folder, 'server', 'catalogue.sqlite'));
    const limitMs = performance.now() + databaseWaitMs;
    for (;;)
      try {
        database.exec(sql);
        return;
      } catch (error) {
        if (!String(error).includes('database is locked') || performance.now() > limitMs) throw error;
        await delay(50);
      }
  }

  /** As somebody with an account that needs no more than a password. */
  async callAs<Result>(name: string, password: string, work: (client: RestClient) => Promise<Result>): Promise<Result> {
    const signedIn = await this.call((client) => client.call('signIn', { body: { name, password } }));
    if (signedIn.state !== 'signed-in') throw new Error(`${name} needs a second factor`);
    return this.call(work, signedIn.token);
  }

  /** As the administrator of the server's own computer, unless with another token. */
  async call<Result>(work: (client: RestClient) => Promise<Result>, token?: string): Promise<Result> {
    const server = this.#server;
    if (!server) throw new Error('no server runs');
    await using wire = createWire({ role: 'client', bind });
    const { caPem } = this;
    await using http = httpClient({
      connect: (signal) => wire.dial('client-to-server', bind, { port: this.#ports.rest, caPem, signal }),
    });
    return await work(new RestClient({ http, token: token ?? readFileSync(server.tokenFile, 'utf8').trim() }));
  }
}
