import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requireProgram, temporaryFolder } from '@holdfast/core/testing';

const run = promisify(execFile);
const user = 'holdfast';
/** The name of its socket only: nothing listens on a port, so tests in parallel don't meet. */
const defaultPort = 5432;
const standbyPort = 5433;

/** PostgreSQL in a folder of its own, on a Unix socket there, until the test is over. */
export class TestPostgres {
  readonly folder: string;
  readonly #durable: boolean;
  #port = defaultPort;
  #process: ChildProcess | undefined;
  /** The data of the one that takes connections; another one follows it, if there is one. */
  #data: string;
  #standby: ChildProcess | undefined;

  private constructor(folder: string, durable: boolean) {
    this.folder = folder;
    this.#data = join(folder, 'data');
    this.#durable = durable;
  }

  /** PostgreSQL refuses to run as root: then it is run by the user that Debian's package has made for it. */
  static async start(
    context: { after(over: () => void | Promise<void>): void },
    o: { /** As it is operated: what is committed survives a loss of power. */ durable?: boolean } = {},
  ): Promise<TestPostgres> {
    const stack: (() => Promise<void>)[] = [];
    // Before the folder is removed.
    context.after(async () => {
      for (const stop of stack) await stop();
    });
    const folder = temporaryFolder(context);
    const cluster = new TestPostgres(folder, o.durable ?? false);
    stack.push(() => cluster.#stopStandby());
    stack.push(() => cluster.stop('immediate'));
    if (isRoot) chownSync(folder, idOf('-u'), idOf('-g'));
    await run(
      ...asUser('initdb', ['-D', cluster.#data, '-U', user, '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '-N']),
    );
    writeFileSync(
      join(cluster.#data, 'postgresql.auto.conf'),
      `${[...cluster.#settings, "listen_addresses = ''"].join('\n')}\n`,
    );
    await cluster.startAgain();
    return cluster;
  }

  /** Resolves when it takes connections. */
  async startAgain(): Promise<void> {
    this.#process = await this.#startOn(this.#data, this.#port);
  }

  /** Another server that follows this one: from now on what is committed is on both. */
  async addStandby(): Promise<void> {
    const from = ['-h', this.folder, '-p', `${this.#port}`, '-U', user];
    await run(...asUser('pg_basebackup', ['-D', this.#standbyData, ...from, '-R', '-c', 'fast', '--no-sync']));
    this.#standby = await this.#startOn(this.#standbyData, standbyPort, ['-c', 'wal_retrieve_retry_interval=200ms']);
    await this.statement(`alter system set synchronous_standby_names = '*'`);
    await this.statement('select pg_reload_conf()');
    while (!(await this.statement('select sync_state from pg_stat_replication')).includes('sync'))
      await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** This server crashes for good. What followed it answers in its place, at first for those who only read. */
  async failOver(o: { readOnlyMs: number }): Promise<void> {
    await this.stop('immediate');
    await this.#stopStandby();
    this.#data = this.#standbyData;
    await this.startAgain();
    await new Promise((resolve) => setTimeout(resolve, o.readOnlyMs));
    await this.statement('select pg_promote()');
  }

  async #startOn(data: string, port: number, settings: readonly string[] = []): Promise<ChildProcess> {
    const child = spawn(...asUser('postgres', ['-D', data, '-p', `${port}`, ...settings]), { stdio: 'ignore' });
    for (;;) {
      if (child.exitCode !== null) throw new Error(`PostgreSQL ended with ${child.exitCode}`);
      try {
        await statementOn(this.#urlAt(port, 'postgres'), 'select 1');
        return child;
      } catch {
        // Not there yet.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  /** On TCP at loopback as well, with a certificate, from the next start on. Without one: no TLS. */
  listenOn(port: number, tls?: { readonly certificatePem: string; readonly privateKeyPem: string }): void {
    const settings = [`port = ${port}`, "listen_addresses = '127.0.0.1'", `ssl = ${tls ? 'on' : 'off'}`];
    for (const [name, content] of [
      ['server.crt', tls?.certificatePem],
      ['server.key', tls?.privateKeyPem],
    ] as const) {
      if (content === undefined) continue;
      const path = join(this.#data, name);
      writeFileSync(path, content);
      if (isRoot) chownSync(path, idOf('-u'), idOf('-g'));
      chmodSync(path, 0o600);
    }
    writeFileSync(join(this.#data, 'postgresql.auto.conf'), [...this.#settings, ...settings].join('\n'));
    this.#port = port;
  }

  /** `fast` breaks transactions off and closes every connection; `immediate` does not even write what it knows, as a crash. */
  async stop(how: 'fast' | 'immediate'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    await endOf(child, how === 'fast' ? 'SIGINT' : 'SIGQUIT');
  }

  async #stopStandby(): Promise<void> {
    const child = this.#standby;
    this.#standby = undefined;
    await endOf(child, 'SIGINT');
  }

  /** What a server is configured with. */
  url(database: string): string {
    return this.#urlAt(this.#port, database);
  }

  #urlAt(port: number, database: string): string {
    return `postgres://${user}@localhost:${port}/${database}?host=${encodeURIComponent(this.folder)}`;
  }

  /** Runs a statement as its administrator; gives the rows, columns parted by `|`. */
  async statement(text: string, database = 'postgres'): Promise<string[]> {
    return statementOn(this.url(database), text);
  }

  get #settings(): readonly string[] {
    return [
      `unix_socket_directories = '${this.folder}'`,
      'max_connections = 200',
      // Smaller and faster, and of no effect while the computer itself goes on.
      ...(this.#durable ? [] : ['shared_buffers = 32MB', 'fsync = off', 'full_page_writes = off', 'autovacuum = off']),
    ];
  }

  get #standbyData(): string {
    return join(this.folder, 'standby');
  }
}

export async function statementOn(url: string, text: string): Promise<string[]> {
  const psql = requireProgram('psql').path;
  const { stdout } = await run(psql, ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', url, '-c', text]);
  return stdout.split('\n').filter((line) => line !== '');
}

/** Everything that a database holds, as a text. */
export async function dumpOf(url: string): Promise<string> {
  const { stdout } = await run(requireProgram('pg_dump').path, ['-d', url], { maxBuffer: 256 * 1024 * 1024 });
  return stdout;
}

async function endOf(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

const isRoot = process.getuid?.() === 0;

function idOf(option: '-u' | '-g'): number {
  return Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }));
}

function asUser(name: string, args: readonly string[]): [string, string[]] {
  const { path } = requireProgram(name);
  if (!isRoot) return [path, [...args]];
  const ids = [`--reuid=${idOf('-u')}`, `--regid=${idOf('-g')}`, '--clear-groups', '--pdeathsig=QUIT'];
  return [requireProgram('setpriv').path, [...ids, path, ...args]];
}
