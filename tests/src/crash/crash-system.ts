import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@holdfast/core/testing';
import type { Computer, Run } from '@holdfast/protocol';
import { RestClient } from '@holdfast/protocol';
import { createWire, httpClient } from '@holdfast/wire';

/**
 * A server, a mover and an agent as processes of this computer on loopback, of which mover and agent can be killed and
 * started again. Everything is asked of the REST API, as a client would.
 */

export type KilledRole = 'agent' | 'mover';

interface Listening {
  readonly channel: string;
  readonly port: number;
}

interface Started {
  readonly id: string;
  readonly listening: readonly Listening[];
}

const cliFile = join(import.meta.dirname, '..', '..', '..', 'apps', 'cli', 'src', 'main.mjs');
const host = '127.0.0.1';
const readyLimitMs = 60_000;
/** The server tries for two minutes to attach to a run whose agent is gone; then it must have ended one way or another. */
const runLimitMs = 180_000;
const onlineLimitMs = 120_000;
const pollMs = 50;

export class CrashSystem implements AsyncDisposable {
  readonly client: RestClient;
  readonly folder: string;
  #agentId = '';
  #moverId = '';
  readonly #processes: Processes;
  readonly #configs = new Map<string, Readonly<Record<string, unknown>>>();
  readonly #resources: AsyncDisposableStack;

  private constructor(o: {
    folder: string;
    client: RestClient;
    processes: Processes;
    resources: AsyncDisposableStack;
  }) {
    this.folder = o.folder;
    this.client = o.client;
    this.#processes = o.processes;
    this.#resources = o.resources;
  }

  get agentId(): string {
    return this.#agentId;
  }

  get moverId(): string {
    return this.#moverId;
  }

  /** Starts and enrols everything. Ports that others use are replaced by free ones. */
  static async start(folder: string): Promise<CrashSystem> {
    await using startup = new AsyncDisposableStack();
    const processes = startup.use(new Processes(folder));
    const { listening } = await processes.start('server', { bind: host, busyPorts: 'fallback' });
    const ports = Object.fromEntries(listening.map(({ channel, port }) => [channel, port]));
    const controlPort = ports['posix-agent-control'] ?? 0;
    const wire = startup.use(createWire({ role: 'client', bind: host }));
    const caPem = readFileSync(join(folder, 'server', 'ca.pem'), 'utf8');
    const http = startup.use(
      httpClient({
        connections: 2,
        connect: (signal) =>
          wire.dial('client-to-server', host, { port: ports['client-to-server'] ?? 0, caPem, signal }),
      }),
    );
    const token = readFileSync(join(folder, 'server', 'admin-token'), 'utf8').trim();
    const client = new RestClient({ http, token });

    const server = { host, port: controlPort };
    const localSocket = join(folder, 'mover.sock');
    const system = new CrashSystem({ folder, client, processes, resources: startup.move() });
    try {
      await system.#enrol('mover', controlPort);
      await system.#enrol('agent', controlPort);
      const mover = { bind: host, server, storageRoot: join(folder, 'repositories'), localSocket };
      // A restarted mover listens where it did: nobody else may take the port meanwhile.
      system.#configs.set('mover', { ...mover, ports: { 'server-to-mover': await freePort() } });
      system.#moverId = (await processes.start('mover', system.#configs.get('mover') ?? {})).id;
      system.#configs.set('agent', { bind: host, server, moverSocket: localSocket });
      system.#agentId = (await processes.start('agent', system.#configs.get('agent') ?? {})).id;
      await system.#online('mover');
      await system.#online('agent');
    } catch (error) {
      await system[Symbol.asyncDispose]();
      throw error;
    }
    return system;
  }

  /** SIGKILL. Resolves when the process is gone. */
  async kill(role: KilledRole): Promise<void> {
    await this.#processes.kill(role);
  }

  /** Starts a role that was killed; resolves when it is ready, which need not mean that the others have noticed. */
  async restart(role: KilledRole): Promise<void> {
    await this.#processes.start(role, this.#configs.get(role) ?? {});
  }

  /** Waits for the end of a run, whatever it is. */
  async ended(run: Run): Promise<Run> {
    const limitMs = performance.now() + runLimitMs;
    for (;;) {
      const now = await this.client.call('run', { params: { id: run.id } });
      if (now.state !== 'queued' && now.state !== 'running') return now;
      if (performance.now() > limitMs) throw new Error(`run ${run.id} has not ended: ${JSON.stringify(now)}`);
      await sleep(pollMs);
    }
  }

  /** What the processes logged lately, for a failure. */
  logs(): string {
    return ['server', 'mover', 'agent']
      .map((role) => `${role}:\n${readFileSync(this.#processes.logFile(role), 'utf8').slice(-4000)}`)
      .join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  async #enrol(role: KilledRole, port: number): Promise<void> {
    const made = await this.client.call('createToken', { body: { role } });
    execFileSync(
      process.execPath,
      [
        ...[cliFile, 'enroll', '--role', role, '--server', `${host}:${port}`, '--address', host],
        ...['--ca-fingerprint', made.caFingerprint, '--token-file', '-', '--data', join(this.folder, role)],
      ],
      { input: made.token, stdio: ['pipe', 'pipe', 'pipe'], timeout: readyLimitMs },
    );
  }

  async #online(role: KilledRole): Promise<void> {
    const limitMs = performance.now() + onlineLimitMs;
    for (;;) {
      const { computers } = await this.client.call('computers', { query: { role } });
      if (computers.some(({ state }: Computer) => state === 'online')) return;
      if (performance.now() > limitMs) throw new Error(`the ${role} did not come online:\n${this.logs()}`);
      await sleep(pollMs);
    }
  }
}

/** The role processes of one system, each the program as an administrator starts it. */
class Processes implements AsyncDisposable {
  readonly #folder: string;
  readonly #running = new Map<string, { readonly child: ChildProcess; readonly exited: Promise<unknown> }>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  logFile(role: string): string {
    return join(this.#folder, `${role}.log`);
  }

  async start(role: string, config: Readonly<Record<string, unknown>>): Promise<Started> {
    const configFile = join(this.#folder, `${role}.json`);
    writeFileSync(configFile, JSON.stringify(config));
    const log = openSync(this.logFile(role), 'a');
    const child = spawn(process.execPath, [cliFile, role, '--data', join(this.#folder, role), '--config', configFile], {
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    const exited = once(child, 'exit');
    this.#running.set(role, { child, exited });
    const ended = exited.then(() => {
      throw new Error(
        `the ${role} ended before it was ready:\n${readFileSync(this.logFile(role), 'utf8').slice(-4000)}`,
      );
    });
    const settled = new AbortController();
    const signal = AbortSignal.any([settled.signal, AbortSignal.timeout(readyLimitMs)]);
    try {
      const [message] = (await Promise.race([once(child, 'message', { signal }), ended])) as [
        { kind: string; details: Started; error?: unknown },
      ];
      if (message.kind === 'ready') return message.details;
      throw new Error(`the ${role} failed to start: ${JSON.stringify(message.error)}`);
    } finally {
      // The process ends one day, which is no failure by then.
      ended.catch((error: unknown) => error);
      settled.abort();
    }
  }

  async kill(role: string): Promise<void> {
    const running = this.#running.get(role);
    this.#running.delete(role);
    running?.child.kill('SIGKILL');
    await running?.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const role of ['agent', 'mover', 'server']) await this.kill(role);
  }
}
