import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HoldfastError, hasCode, parseDurationMs, systemClock } from '@holdfast/core';
import { tryLockFile } from '@holdfast/native';
import { type Computer, type EnrollableRole, RestClient, writeFileDurably } from '@holdfast/protocol';
import { createWire, httpClient, type Wire } from '@holdfast/wire';
import { RoleProcess } from './role-process.ts';

/** One port that a role listens on, and why it is not the contract's, if it isn't. */
export interface ListeningPort {
  readonly channel: string;
  readonly host: string;
  readonly port: number;
  readonly reason?: string | undefined;
}

export interface LocalSystemOptions {
  readonly dataDir: string;
  readonly bind: string;
  /** Channel id to port or range, given to every role: for tests and crowded computers. */
  readonly ports: Readonly<Record<string, unknown>>;
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Where and how to reach the server of a data directory: what the other commands read. */
export interface ConnectionFile {
  readonly host: string;
  readonly port: number;
  readonly caFile: string;
  readonly tokenFile: string;
}

const connectionFileName = 'connection.json';
const onlineLimitMs = parseDurationMs('60s') ?? 0;
const onlineCheckMs = 100;
/** A path of a Unix socket is at most 107 bytes long (unix(7)). */
const maxSocketPathBytes = 100;

/** Server, mover and agent as processes of this computer, enrolled with each other. */
export class LocalSystem implements AsyncDisposable {
  readonly client: RestClient;
  readonly address: string;
  readonly listening: readonly ListeningPort[];
  readonly mover: Computer;
  readonly agent: Computer;
  readonly processes: readonly RoleProcess[];
  readonly #resources: AsyncDisposableStack;

  private constructor(
    options: Pick<LocalSystem, 'client' | 'address' | 'listening' | 'mover' | 'agent' | 'processes'> & {
      resources: AsyncDisposableStack;
    },
  ) {
    this.client = options.client;
    this.address = options.address;
    this.listening = options.listening;
    this.mover = options.mover;
    this.agent = options.agent;
    this.processes = options.processes;
    this.#resources = options.resources;
  }

  /** Starts everything, enrolling mover and agent the first time. Throws `process.running` when this data directory is in use. */
  static async start(options: LocalSystemOptions): Promise<LocalSystem> {
    const { dataDir, say, signal } = options;
    await mkdir(join(dataDir, 'log'), { recursive: true, mode: 0o700 });
    // What was started last is ended first: the agent, then the mover, then the server.
    await using startup = new AsyncDisposableStack();
    await takeDataDirectory(startup, dataDir);
    const starter = new Starter(options, startup);

    say('Starting the backup server …');
    const server = await starter.role('server', { bind: options.bind, ports: options.ports, busyPorts: 'fallback' });
    const listening = server.listening;
    const rest = portOf(listening, 'client-to-server');
    const serverDir = join(dataDir, 'server');
    const connection: ConnectionFile = {
      host: options.bind,
      port: rest,
      caFile: join(serverDir, 'ca.pem'),
      tokenFile: join(serverDir, 'admin-token'),
    };
    await writeFileDurably(join(dataDir, connectionFileName), `${JSON.stringify(connection, null, 2)}\n`);
    const client = await connectClient(startup, connection);

    // The agent and the mover dial what the server really listens on.
    const ports = { ...options.ports, ...portsOf(listening) };
    const control = portOf(listening, process.platform === 'win32' ? 'windows-agent-control' : 'posix-agent-control');
    const socket = socketPath(dataDir);

    say('Starting the data mover …');
    await starter.enrol('mover', { client, port: portOf(listening, 'posix-agent-control') });
    const mover = await starter.role('mover', {
      bind: options.bind,
      ports,
      busyPorts: 'fallback',
      storageRoot: join(dataDir, 'repositories'),
      server: { host: options.bind, port: portOf(listening, 'posix-agent-control') },
      localSocket: socket,
    });

    say('Starting the agent …');
    await starter.enrol('agent', { client, port: control });
    const agent = await starter.role('agent', {
      bind: options.bind,
      ports,
      server: { host: options.bind, port: control },
      moverSocket: socket,
    });

    const [moverComputer, agentComputer] = await Promise.all(
      [mover, agent].map(({ id }) => waitUntilOnline(client, id, { signal, processes: starter.processes })),
    );
    if (!moverComputer || !agentComputer) throw new HoldfastError('internal.unexpected');
    return new LocalSystem({
      client,
      address: `https://${options.bind}:${rest}/api/v1`,
      listening: [...listening, ...mover.listening, ...agent.listening],
      mover: moverComputer,
      agent: agentComputer,
      processes: starter.processes,
      resources: startup.move(),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

interface StartedRole {
  readonly id: string;
  readonly listening: readonly ListeningPort[];
}

/** Starts and enrols roles, each with a configuration file and a data directory of its own. */
class Starter {
  readonly processes: RoleProcess[] = [];
  readonly #options: LocalSystemOptions;
  readonly #resources: AsyncDisposableStack;

  constructor(options: LocalSystemOptions, resources: AsyncDisposableStack) {
    this.#options = options;
    this.#resources = resources;
  }

  async role(role: string, config: Readonly<Record<string, unknown>>): Promise<StartedRole> {
    const { dataDir, signal } = this.#options;
    const configFile = join(dataDir, `${role}.json`);
    await writeFileDurably(configFile, `${JSON.stringify(config, null, 2)}\n`);
    const { process: started, details } = await RoleProcess.start({
      role,
      arguments: ['--data', join(dataDir, role), '--config', configFile],
      logFile: join(dataDir, 'log', `${role}.log`),
      signal,
    });
    this.processes.push(started);
    this.#resources.use(started);
    return details as unknown as StartedRole;
  }

  /** Makes a one-time token by the REST API and lets the role join with it, as an administrator would. */
  async enrol(role: EnrollableRole, server: { readonly client: RestClient; readonly port: number }): Promise<void> {
    const { dataDir, bind } = this.#options;
    const roleDir = join(dataDir, role);
    if (existsSync(join(roleDir, 'identity.json'))) return;
    const made = await server.client.call('createToken', { body: { role, uses: 1, lifetimeSeconds: 600 } });
    await runEnroll({
      arguments: [
        'enroll',
        ...['--role', role, '--data', roleDir, '--server', `${bind}:${server.port}`, '--address', bind],
        ...['--ca-fingerprint', made.caFingerprint, '--token-file', '-'],
      ],
      token: made.token,
      logFile: join(dataDir, 'log', `${role}.log`),
    });
  }
}

/** Runs `holdfast enroll` with the token on its standard input: never in arguments, which others can see. */
async function runEnroll(options: {
  readonly arguments: readonly string[];
  readonly token: string;
  readonly logFile: string;
}): Promise<void> {
  const main = process.argv[1] ?? '';
  const log = openSync(options.logFile, 'a', 0o600);
  const child = spawn(process.execPath, [main, ...options.arguments], { stdio: ['pipe', log, log] });
  closeSync(log);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  child.stdin?.end(`${options.token}\n`);
  const status = await ended;
  if (status !== 0) {
    throw new HoldfastError('internal.unexpected', {
      message: `The enrolment ended with status ${status}.`,
      guidance: `Its log is ${options.logFile}.`,
    });
  }
}

async function takeDataDirectory(resources: AsyncDisposableStack, dataDir: string): Promise<void> {
  const fd = openSync(join(dataDir, 'up.lock'), 'a', 0o600);
  resources.defer(() => closeSync(fd));
  try {
    if (tryLockFile(fd)) return;
  } catch (error) {
    // Where the system has no such lock, the server's own lock on its data directory keeps a second one out.
    if (hasCode(error, 'native.unavailable')) return;
    throw error;
  }
  throw new HoldfastError('process.running', {
    message: `Holdfast is running already with the data directory ${dataDir}${await addressOfTheOther(dataDir)}. Nothing was changed.`,
  });
}

async function addressOfTheOther(dataDir: string): Promise<string> {
  try {
    const { host, port } = JSON.parse(await readFile(join(dataDir, connectionFileName), 'utf8')) as ConnectionFile;
    return `, REST API at https://${host}:${port}/api/v1`;
  } catch (error) {
    if (error instanceof Error) return '';
    throw error;
  }
}

async function connectClient(resources: AsyncDisposableStack, connection: ConnectionFile): Promise<RestClient> {
  const wire: Wire = resources.use(createWire({ role: 'client', bind: '127.0.0.1' }));
  const caPem = await readFile(connection.caFile, 'utf8');
  const token = (await readFile(connection.tokenFile, 'utf8')).trim();
  const http = resources.use(
    httpClient({
      connections: 4,
      connect: (signal) => wire.dial('client-to-server', connection.host, { port: connection.port, caPem, signal }),
    }),
  );
  return new RestClient({ http, token });
}

async function waitUntilOnline(
  client: RestClient,
  id: string,
  options: { readonly signal: AbortSignal; readonly processes: readonly RoleProcess[] },
): Promise<Computer> {
  const limit = systemClock.monotonicMs() + onlineLimitMs;
  const early = Promise.race(options.processes.map(async (role) => ({ role, end: await role.ended })));
  for (;;) {
    const computers = await client.list('computers', { signal: options.signal });
    const found = computers.find((computer) => computer.id === id);
    if (found?.state === 'online') return found;
    if (systemClock.monotonicMs() > limit) {
      throw new HoldfastError('run.timeout', {
        message: `The ${found?.role ?? 'computer'} ${id} did not come online.`,
      });
    }
    const ended = await Promise.race([early, systemClock.sleep(onlineCheckMs, options.signal)]);
    if (ended) throw roleEnded(ended.role);
  }
}

/** What `up` says when a role that should be running has ended. */
export function roleEnded(role: RoleProcess): HoldfastError {
  return new HoldfastError('internal.unexpected', {
    message: `The process of the ${role.role} has ended.`,
    guidance: `Its log is ${role.logFile}.`,
  });
}

function portsOf(listening: readonly ListeningPort[]): Record<string, number> {
  return Object.fromEntries(listening.map(({ channel, port }) => [channel, port]));
}

function portOf(listening: readonly ListeningPort[], channel: string): number {
  const found = listening.find((entry) => entry.channel === channel);
  if (!found)
    throw new HoldfastError('internal.unexpected', { message: `The server does not listen along ${channel}.` });
  return found.port;
}

function socketPath(dataDir: string): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\holdfast-mover-${hash(dataDir)}`;
  const inside = join(dataDir, 'mover.sock');
  return Buffer.byteLength(inside) <= maxSocketPathBytes ? inside : join(tmpdir(), `holdfast-${hash(dataDir)}.sock`);
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
