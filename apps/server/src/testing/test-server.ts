import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import type { ChannelId } from '@holdfast/contract';
import { type Clock, productVersion } from '@holdfast/core';
import {
  type EnrolAnswer,
  type EnrollableRole,
  enrolAnswer,
  enrolPath,
  type Hello,
  type KeyAndRequest,
  limits,
  newKeyAndRequest,
  type PersonRole,
  parseProblem,
  RestClient,
  type Run,
} from '@holdfast/protocol';
import { KeptLog } from '@holdfast/support';
import { createWire, type HttpClient, httpClient, type Identity, type Wire } from '@holdfast/wire';
import { pino } from 'pino';
import type { ServerConfigInput } from '../config.ts';
import type { RunningServer } from '../running-server.ts';
import { startServer } from '../server.ts';
import { testDatabaseUrl } from './test-database.ts';
import { dumpOf, statementOn } from './test-postgres.ts';

const loopback = '127.0.0.1';

/** A server on ports that the system chooses, with an administrator's client. */
export class TestServer implements AsyncDisposable {
  readonly running: RunningServer;
  readonly http: HttpClient;
  readonly client: RestClient;
  readonly caPem: string;
  /** Warnings and errors of the log, a JSON line each. */
  readonly logged: readonly string[];
  readonly #wire: Wire;
  readonly #database: string | undefined;

  private constructor(running: RunningServer, logged: readonly string[], database: string | undefined) {
    this.running = running;
    this.#database = database;
    this.logged = logged;
    this.caPem = readFileSync(running.caFile, 'utf8');
    this.#wire = createWire({ role: 'client', bind: loopback });
    this.http = this.httpTo('client-to-server');
    this.client = new RestClient({ http: this.http, token: this.token });
  }

  static async start(
    dataDir: string,
    o: {
      /** On PostgreSQL, whatever the suite runs on; `file`: on SQLite. */ database?: string;
      config?: ServerConfigInput;
      clock?: Clock;
      ports?: Readonly<Partial<Record<ChannelId, number>>>;
      /** Of what `logged` has; warnings and errors unless given. */
      logLevel?: 'trace' | 'info';
      /** Keeps the log in the data directory, too, as the program does. */
      keepLog?: boolean;
    } = {},
  ): Promise<TestServer> {
    const logged: string[] = [];
    const kept = o.keepLog ? new KeptLog(join(dataDir, 'server'), (why) => logged.push(why)) : undefined;
    const log = (line: string): void => {
      logged.push(line);
      kept?.write(line);
      if (process.env['HOLDFAST_TEST_LOG'] !== undefined) process.stdout.write(line);
    };
    const database = o.database === 'file' ? undefined : (o.database ?? (await testDatabaseUrl(dataDir)));
    const running = await startServer({
      dataDir: join(dataDir, 'server'),
      config: {
        ...(database === undefined ? {} : { database }),
        bind: loopback,
        // None, whether the checkout has a build or not.
        consoleFolder: join(dataDir, 'console'),
        ports: {
          'client-to-server': 0,
          'windows-agent-control': 0,
          'posix-agent-control': 0,
          'recovery-media-credential-sign-in': 0,
          ...o.ports,
        },
        ...o.config,
      },
      logger: pino({ level: process.env['HOLDFAST_TEST_LOG'] ?? o.logLevel ?? 'warn' }, { write: log }),
      ...(o.clock ? { clock: o.clock } : {}),
    });
    return new TestServer(running, logged, database);
  }

  get token(): string {
    return readFileSync(this.running.tokenFile, 'utf8').trim();
  }

  /** A client without a certificate, as the CLI, a browser or a joiner is one. */
  httpTo(channel: ChannelId): HttpClient {
    const port = this.running.portOf(channel);
    return httpClient({
      connections: 8,
      connect: (signal) => this.#wire.dial(channel, loopback, { port, caPem: this.caPem, signal }),
    });
  }

  get usesPostgres(): boolean {
    return this.#database !== undefined;
  }

  /** Everything that the database holds, as a text. */
  async databaseContent(): Promise<string> {
    if (this.#database !== undefined) return dumpOf(this.#database);
    return ['', '-wal'].map((end) => readFileSync(`${this.sqlitePath}${end}`, 'latin1')).join('');
  }

  /** Changes the database behind the server's back. */
  async alterDatabase(statement: string): Promise<void> {
    if (this.#database !== undefined) return void (await statementOn(this.#database, statement));
    // The server may be in a transaction, and goes on with it only when nobody waits here for that.
    for (let tries = 1; ; tries += 1) {
      try {
        using database = new DatabaseSync(this.sqlitePath);
        database.exec(statement);
        return;
      } catch (error) {
        if (tries === 500 || !(error instanceof Error && error.message === 'database is locked')) throw error;
        await delay(20);
      }
    }
  }

  /** What a query of the database gives; columns parted by `|`. */
  async readDatabase(query: string): Promise<string[]> {
    if (this.#database !== undefined) return statementOn(this.#database, query);
    using database = new DatabaseSync(this.sqlitePath, { timeout: 10_000 });
    return database
      .prepare(query)
      .all()
      .map((row) => Object.values(row).join('|'));
  }

  /** Of its catalogue, where that is a file. */
  get sqlitePath(): string {
    return join(this.running.tokenFile, '..', 'catalogue.sqlite');
  }

  clientWith(token: string | undefined): RestClient {
    return new RestClient({ http: this.http, token });
  }

  /** A person with an account, who has signed in and changed the first password. */
  async person(
    name: string,
    role: PersonRole,
    o: { groups?: string[]; by?: RestClient } = {},
  ): Promise<{ readonly id: string; readonly client: RestClient; readonly token: string }> {
    const first = `first of ${name}: ${'x'.repeat(12)}Y1z`;
    const { id } = await (o.by ?? this.client).call('createUser', {
      body: { name, role, password: first, ...(o.groups ? { groups: o.groups } : {}) },
    });
    const token = await this.signIn(name, first);
    const client = this.clientWith(token);
    const body = { currentPassword: first, newPassword: TestServer.passwordOf(name) };
    await client.call('changePassword', { body });
    return { id, client, token };
  }

  static passwordOf(name: string): string {
    return `correct ${name} battery staple`;
  }

  /** With the password alone. */
  async signIn(name: string, password = TestServer.passwordOf(name)): Promise<string> {
    const answer = await this.clientWith(undefined).call('signIn', { body: { name, password } });
    if (answer.state !== 'signed-in') throw new Error(`${name} needs a second factor`);
    return answer.token;
  }

  async joinToken(
    role: EnrollableRole,
    o: { uses?: number; lifetimeSeconds?: number; preinstalled?: boolean; group?: string } = {},
  ): Promise<string> {
    if (o.group !== undefined && o.group !== 'default') await this.haveGroup(o.group);
    return (await this.client.call('createToken', { body: { role, ...o } })).token;
  }

  /** Makes a protection group, unless it is there. */
  async haveGroup(name: string): Promise<void> {
    const groups = await this.client.list('groups', {});
    if (!groups.some((group) => group.name === name)) await this.client.call('createGroup', { body: { name } });
  }

  /** Sends an enrolment; throws what the server reports. */
  async enrol(o: {
    token: string;
    role: EnrollableRole;
    key?: KeyAndRequest;
    platform?: Hello['platform'];
    ports?: Record<string, number>;
    channel?: ChannelId;
    address?: string;
  }): Promise<Enrolled> {
    const key = o.key ?? (await newKeyAndRequest());
    await using http = this.httpTo(o.channel ?? 'enrolment');
    const response = await http.request({
      method: 'POST',
      path: enrolPath,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        protocolVersion: limits.protocolVersion,
        productVersion,
        token: o.token,
        role: o.role,
        hostname: 'test-host',
        platform: o.platform ?? 'linux',
        signingRequest: key.signingRequest,
        ports: o.ports ?? {},
        ...(o.address === undefined ? {} : { address: o.address }),
      }),
    });
    const content = await response.json();
    const reported = response.status === 200 ? undefined : parseProblem(content);
    if (reported) throw reported;
    const answer = enrolAnswer.parse(content);
    return {
      answer,
      identity: { certificatePem: answer.certificatePem, privateKeyPem: key.privateKeyPem, caPem: answer.caPem },
    };
  }

  async join(
    role: EnrollableRole,
    {
      preinstalled = false,
      group = 'default',
      ...o
    }: {
      platform?: Hello['platform'];
      ports?: Record<string, number>;
      preinstalled?: boolean;
      group?: string;
      address?: string;
    } = {},
  ) {
    return this.enrol({ token: await this.joinToken(role, { preinstalled, group }), role, ...o });
  }

  /** The tasks of a session, newest first. */
  async runsOf(sessionId: string): Promise<Run[]> {
    return (await this.client.call('runs', { query: { sessionId } })).runs;
  }

  /** Follows a run to its end; gives every state that was told. */
  async follow(runId: string): Promise<Run[]> {
    const told: Run[] = [];
    for await (const run of this.client.events('runEvents', { params: { id: runId } })) told.push(run);
    return told;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.http[Symbol.asyncDispose]();
    await this.#wire[Symbol.asyncDispose]();
    await this.running[Symbol.asyncDispose]();
  }
}

export interface Enrolled {
  readonly answer: EnrolAnswer;
  readonly identity: Identity;
}

/** Waits until something is so, looking again after each turn of the event loop. Fails after a minute. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const limit = performance.now() + 60_000;
  while (!(await isSo())) {
    if (performance.now() > limit) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
