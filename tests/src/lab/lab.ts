import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';

/**
 * Computers of a test: network namespaces on a switch of their own, each with an address, a firewall and processes. Nothing
 * of it touches the network of the machine that runs the tests; everything ends with the test.
 */

export const labNeeds = skipUnless({ programs: ['ip', 'nft'], root: true, networkNamespaces: true, platform: 'linux' });

const cliFile = join(import.meta.dirname, '..', '..', '..', 'apps', 'cli', 'src', 'main.mjs');

const stopLimitMs = 20_000;
const readyLimitMs = 60_000;

export class Lab implements AsyncDisposable {
  readonly folder: string;
  readonly hosts: LabHost[] = [];
  readonly #prefix = `hf${randomBytes(3).toString('hex')}`;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** An empty lab that is taken down when the test ends. */
  static async open(t: TestContext): Promise<Lab> {
    const lab = new Lab(temporaryFolder(t));
    t.after(() => lab[Symbol.asyncDispose]());
    ip('netns', 'add', lab.#switch);
    inNamespace(lab.#switch, 'ip', 'link', 'add', 'br0', 'type', 'bridge');
    inNamespace(lab.#switch, 'ip', 'link', 'set', 'br0', 'up');
    return lab;
  }

  get #switch(): string {
    return `${this.#prefix}s`;
  }

  /** One more computer, with the next address of 10.77.0.0/24. */
  async host(name: string): Promise<LabHost> {
    const number = this.hosts.length + 1;
    const namespace = `${this.#prefix}h${number}`;
    const address = `10.77.0.${number}`;
    ip('netns', 'add', namespace);
    ip(
      'link',
      'add',
      'eth0',
      'netns',
      namespace,
      'type',
      'veth',
      'peer',
      'name',
      `port${number}`,
      'netns',
      this.#switch,
    );
    inNamespace(this.#switch, 'ip', 'link', 'set', `port${number}`, 'master', 'br0', 'up');
    inNamespace(namespace, 'ip', 'address', 'add', `${address}/24`, 'dev', 'eth0');
    for (const device of ['lo', 'eth0']) inNamespace(namespace, 'ip', 'link', 'set', device, 'up');
    const folder = join(this.folder, name);
    await mkdir(folder, { recursive: true });
    const host = new LabHost({ name, namespace, address, folder });
    this.hosts.push(host);
    return host;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of [...this.hosts].reverse()) await host[Symbol.asyncDispose]();
    ip('netns', 'delete', this.#switch);
  }
}

export class LabHost implements AsyncDisposable {
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
  /** Where its processes keep what they keep. */
  readonly folder: string;
  readonly #processes: LabProcess[] = [];

  constructor(options: { name: string; namespace: string; address: string; folder: string }) {
    this.name = options.name;
    this.namespace = options.namespace;
    this.address = options.address;
    this.folder = options.folder;
  }

  /** Runs `holdfast` to its end; the standard output. Throws with its messages when the status is not the expected one. */
  holdfast(args: readonly string[], options: { readonly input?: string; readonly status?: number } = {}): string {
    return this.run(process.execPath, [cliFile, ...args], options);
  }

  run(
    program: string,
    args: readonly string[],
    options: { readonly input?: string; readonly status?: number } = {},
  ): string {
    try {
      return execFileSync('ip', ['netns', 'exec', this.namespace, program, ...args], {
        encoding: 'utf8',
        input: options.input ?? '',
        maxBuffer: 64 * 1024 * 1024,
        timeout: 300_000,
      });
    } catch (error) {
      const { status, stdout = '', stderr = '' } = error as { status?: number; stdout?: string; stderr?: string };
      if (status !== undefined && status === options.status) return `${stdout}${stderr}`;
      throw new Error(`${program} ${args.join(' ')} on ${this.name} ended with ${status}:\n${stdout}\n${stderr}`, {
        cause: error,
      });
    }
  }

  /** Starts a role with its configuration and waits until it says that it is ready. */
  async role(role: string, config: Readonly<Record<string, unknown>>): Promise<LabProcess> {
    const configFile = join(this.folder, `${role}.json`);
    await writeFile(configFile, JSON.stringify(config));
    const started = new LabProcess(this, role, ['--data', join(this.folder, role), '--config', configFile]);
    this.#processes.push(started);
    await started.ready;
    return started;
  }

  /** Replaces the firewall rules of this computer; none removes them. `input` rules see what comes in. */
  firewall(rules: readonly string[]): void {
    const script = `flush ruleset\ntable inet lab {\n chain input {\n  type filter hook input priority 0;\n${rules.map((rule) => `  ${rule}\n`).join('')} }\n}\n`;
    this.run('nft', ['-f', '-'], { input: script });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const started of [...this.#processes].reverse()) await started.end();
    ip('netns', 'delete', this.namespace);
  }
}

export class LabProcess {
  readonly role: string;
  readonly logFile: string;
  readonly ready: Promise<Readonly<Record<string, unknown>>>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(host: LabHost, role: string, args: readonly string[]) {
    this.role = role;
    this.logFile = join(host.folder, `${role}.log`);
    const log = createWriteStream(this.logFile, { flags: 'a' });
    // `ip netns exec` replaces itself with the program, so the child is the role's process and keeps the IPC channel.
    this.#child = spawn('ip', ['netns', 'exec', host.namespace, process.execPath, cliFile, role, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child.stdout?.pipe(log);
    this.#child.stderr?.pipe(log);
    this.#exited = once(this.#child, 'exit');
    this.ready = this.#waitUntilReady();
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  async #waitUntilReady(): Promise<Readonly<Record<string, unknown>>> {
    const limit = AbortSignal.timeout(readyLimitMs);
    const answer = once(this.#child, 'message', { signal: limit });
    const exited = this.#exited.then(async () => {
      throw new Error(`${this.role} ended before it was ready:\n${await readFile(this.logFile, 'utf8')}`);
    });
    const [message] = (await Promise.race([answer, exited])) as [
      { kind: string; details: Record<string, unknown>; error?: unknown },
    ];
    if (message.kind === 'ready') return message.details;
    throw new Error(`${this.role} failed to start: ${JSON.stringify(message.error)}`);
  }

  /** SIGKILL, as a power cut would. */
  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL');
      await this.#exited;
    }
  }

  /** SIGTERM, and SIGKILL for one that does not end. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGTERM');
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), stopLimitMs);
    await this.#exited;
    clearTimeout(limit);
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function inNamespace(namespace: string, ...command: string[]): void {
  ip('netns', 'exec', namespace, ...command);
}
