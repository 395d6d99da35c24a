import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { errnoOf } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { LabNetwork } from '@holdfast/lab';
import { holdfastProgram } from '../lab/lab-needs.ts';
import { setFirewall } from '../lab/three-computers.ts';

/** One computer with everything on it, as `npm start` makes it; in a network of its own, so that the contract's ports are free. */

const [, holdfastFile] = holdfastProgram;

/** Nothing takes so long, and `up` for the whole of a test may; less than a test file may take. */
const commandLimitMs = 450_000;
const stopLimitMs = 60_000;
const waitLimitMs = 120_000;
const pollMs = 50;
/** Who has to be asked is a process that is started each time, which takes a third of a second of a core. */
const shortestPauseMs = 200;
const longestPauseMs = 2_000;

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** The exit status that the test expects; 0 unless given. */
  readonly status?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly cwd?: string;
}

export interface Degradation {
  readonly channel: string;
  readonly usedInstead: string;
}

/** An error as the product reports it; only what tests look at. */
export interface Report {
  readonly code: string;
  readonly message: string;
  readonly guidance: string;
}

export interface Run {
  readonly id: string;
  readonly state: string;
  readonly carrier?: string;
  readonly progress?: { readonly bytesDone: number };
  readonly result?: { readonly snapshotId: string; readonly parentId?: string };
  readonly error?: Report;
  readonly problems: readonly Report[];
  readonly degradations: readonly Degradation[];
}

export class OneComputer {
  /** Everything that the test keeps. */
  readonly folder: string;
  /** The data directory of `holdfast up`, unless a test names another. */
  readonly data: string;
  readonly #enter: readonly string[];
  readonly #firewall: ((rules: readonly string[]) => void) | undefined;

  private constructor(options: {
    folder: string;
    enter: readonly string[];
    firewall?: (rules: readonly string[]) => void;
  }) {
    this.folder = options.folder;
    this.data = join(options.folder, 'data');
    this.#enter = options.enter;
    this.#firewall = options.firewall;
  }

  /** In a network namespace of its own; needs what `labNeeds` says. */
  static isolated(t: TestContext): OneComputer {
    const place = { name: 'computer', zone: 'lab', addresses: ['10.77.0.1'] };
    const network = LabNetwork.build([place], { folder: temporaryFolder(t), program: holdfastProgram });
    t.after(() => network[Symbol.asyncDispose]());
    const host = network.host(place.name);
    return new OneComputer({
      folder: host.folder,
      enter: ['ip', 'netns', 'exec', host.namespace.name],
      firewall: (rules) => setFirewall(host, rules),
    });
  }

  /** On the network of the machine that runs the tests: needs no rights. */
  static shared(t: TestContext): OneComputer {
    return new OneComputer({ folder: temporaryFolder(t), enter: [] });
  }

  /** Replaces the rules for what comes in, over loopback too; none removes them. */
  firewall(rules: readonly string[]): void {
    if (!this.#firewall) throw new Error('only an isolated computer has a firewall');
    this.#firewall(rules);
  }

  /** A folder of the test, made. */
  makeFolder(name: string): string {
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** Any program to its end. Throws with everything it said when the status is not the expected one. */
  async run(program: string, args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
    const ended = await this.#spawn(program, args, options).ended;
    const expected = options.status ?? 0;
    if (ended.status === expected) return ended;
    throw new Error(
      `${program} ${args.join(' ')} ended with ${ended.signal ?? ended.status}, not ${expected}:\n${ended.stdout}\n${ended.stderr}`,
    );
  }

  holdfast(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
    return this.run(process.execPath, [holdfastFile, ...args], options);
  }

  /** The last JSON line of a command's output. */
  async json<Form>(args: readonly string[], options: CommandOptions = {}): Promise<Form> {
    const { stdout, stderr } = await this.holdfast([...args, '--json'], options);
    const last = stdout.trimEnd().split('\n').at(-1) ?? '';
    if (last === '') throw new Error(`${args.join(' ')} printed nothing:\n${stderr}`);
    return JSON.parse(last) as Form;
  }

  /** Runs a job to its end and gives the report, whatever became of it. */
  async runJob(job: string, status = 0): Promise<Run> {
    return (await this.json<{ run: Run }>(['job', 'run', job], { status })).run;
  }

  async showRun(id: string): Promise<Run> {
    return (await this.json<{ run: Run }>(['run', 'show', id])).run;
  }

  /** Defines a job of this computer's agent; the repository is made when it is not there. */
  async prepareJob(name: string, source: string, repository = 'default'): Promise<void> {
    const { repositories } = await this.json<{ repositories: { name: string }[] }>(['repo', 'list']);
    if (!repositories.some((known) => known.name === repository)) await this.holdfast(['repo', 'create', repository]);
    const { computers } = await this.json<{ computers: { id: string }[] }>(['computers', 'list', '--role', 'agent']);
    const agent = computers[0]?.id ?? '';
    await this.holdfast([
      'job',
      'create',
      name,
      source,
      '--agent',
      agent,
      '--repository',
      repository,
      '--retries',
      '0',
    ]);
  }

  /** One request to the REST API, by a program that knows nothing of Holdfast. */
  async request<Form>(method: string, path: string, body: unknown): Promise<Form> {
    const connection = JSON.parse(readFileSync(join(this.data, 'connection.json'), 'utf8')) as Record<string, string>;
    const { host = '', port = '', caFile = '', tokenFile = '' } = connection;
    const token = readFileSync(tokenFile, 'utf8').trim();
    const args = ['--silent', '--show-error', '--fail-with-body', '--cacert', caFile, '--request', method];
    const headers = ['--header', '@-', '--header', 'content-type: application/json'];
    const { stdout } = await this.run(
      'curl',
      [...args, ...headers, '--data', JSON.stringify(body), `https://${host}:${port}${path}`],
      { input: `authorization: Bearer ${token}\n` },
    );
    return JSON.parse(stdout) as Form;
  }

  async password(repository = 'default'): Promise<string> {
    return (await this.holdfast(['repo', 'password', repository, '--show'])).stdout.trim();
  }

  /** Where the mover of `up` keeps a repository. */
  repositoryFolder(repository = 'default'): string {
    return join(this.data, 'repositories', 'local', repository);
  }

  /** Starts `holdfast up` without waiting for anything. */
  launch(args: readonly string[] = [], options: { readonly enter?: readonly string[] } = {}): Up {
    const [program = '', ...rest] = [...(options.enter ?? []), process.execPath, holdfastFile, 'up', ...args];
    return new Up(this.#spawn(program, rest, {}));
  }

  /** Starts `holdfast up` and waits until it runs. Throws what it said when it doesn't. */
  async up(args: readonly string[] = [], options: { readonly enter?: readonly string[] } = {}): Promise<Up> {
    const up = this.launch(args, options);
    await up.until('Running until Ctrl-C.');
    return up;
  }

  #spawn(program: string, args: readonly string[], options: CommandOptions): Spawned {
    const [first = '', ...rest] = [...this.#enter, program, ...args];
    const child = spawn(first, rest, {
      cwd: options.cwd,
      env: { ...cleanEnvironment(), HOLDFAST_DATA: this.data, ...options.env },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      timeout: commandLimitMs,
      killSignal: 'SIGKILL',
    });
    child.stdin?.end(options.input);
    const said = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream]?.setEncoding('utf8').on('data', (text: string) => {
        said[stream] += text;
      });
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status, signal) => resolve({ status, signal, ...said }));
    });
    return { child, said, ended };
  }
}

interface Spawned {
  readonly child: ChildProcess;
  readonly said: { readonly stdout: string; readonly stderr: string };
  readonly ended: Promise<Ended>;
}

/** A `holdfast up` that runs; ended with the scope that uses it. */
export class Up implements AsyncDisposable {
  readonly ended: Promise<Ended>;
  readonly #spawned: Spawned;

  constructor(spawned: Spawned) {
    this.#spawned = spawned;
    this.ended = spawned.ended;
  }

  get pid(): number {
    return this.#spawned.child.pid ?? -1;
  }

  get said(): string {
    return this.#spawned.said.stderr;
  }

  get isRunning(): boolean {
    return this.#spawned.child.exitCode === null && this.#spawned.child.signalCode === null;
  }

  /** Waits until it has said that. */
  async until(text: string): Promise<void> {
    await waitUntil(`"${text}" is said`, () => {
      if (!this.isRunning && !this.said.includes(text)) throw new Error(`it ended without "${text}":\n${this.said}`);
      return this.said.includes(text);
    });
  }

  /** Ctrl-C. */
  interrupt(): Promise<Ended> {
    this.#spawned.child.kill('SIGINT');
    return this.ended;
  }

  kill(): Promise<Ended> {
    this.#spawned.child.kill('SIGKILL');
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isRunning) return;
    this.#spawned.child.kill('SIGINT');
    const limit = setTimeout(() => this.#spawned.child.kill('SIGKILL'), stopLimitMs);
    await this.ended;
    clearTimeout(limit);
  }
}

/** The processes of the roles that work in a data directory, by role. */
export function rolesOf(data: string): ReadonlyMap<string, number> {
  const roles = new Map<string, number>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const args = commandLine(pid);
    for (const role of ['server', 'mover', 'agent'])
      if (args.includes(role) && args.includes(join(data, role))) roles.set(role, Number(pid));
  }
  return roles;
}

function commandLine(pid: string): readonly string[] {
  return readProcessFile(`/proc/${pid}/cmdline`).split('\0');
}

/** Nothing once the process has ended, and what the kernel was built without. */
function readProcessFile(path: string, read: (path: string, encoding: 'utf8') => string = readFileSync): string {
  try {
    return read(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EINVAL'].includes(errnoOf(error) ?? '')) return '';
    throw error;
  }
}

export interface ListeningSocket {
  readonly address: string;
  readonly port: number;
}

/** Every TCP port that is listened on, in the network that the process sees (proc(5), net/tcp); none once it has ended. */
export function listeningSockets(pid: number): readonly ListeningSocket[] {
  return ['tcp', 'tcp6'].flatMap((file) =>
    readProcessFile(`/proc/${pid}/net/${file}`)
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A')
      .map((fields) => {
        const [address = '', port = ''] = (fields[1] ?? '').split(':');
        return { address: addressOf(address), port: Number.parseInt(port, 16) };
      }),
  );
}

/** Whether a process is in a network of its own by now, and still there: until then it sees what listens on the machine. */
export function isIsolated(pid: number): boolean {
  const network = readProcessFile(`/proc/${pid}/ns/net`, readlinkSync);
  return network !== '' && network !== readlinkSync('/proc/self/ns/net');
}

/** `0100007F`: the kernel prints the four bytes of the address as one little-endian number. */
function addressOf(text: string): string {
  return text.length === 8 ? [...Buffer.from(text, 'hex')].reverse().join('.') : text;
}

/** Polls until it is so; throws after two minutes. */
export async function waitUntil(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + waitLimitMs;
  for (let pauseMs = pollMs; ; ) {
    const answer = isSo();
    if (await answer) return;
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    if (answer instanceof Promise) pauseMs = Math.max(shortestPauseMs, Math.min(1.5 * pauseMs, longestPauseMs));
  }
}

/** Nothing of the person who runs the tests: no repository, no password, no folder of npm. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(HOLDFAST|RESTIC)_|^INIT_CWD$/.test(name)),
  );
}
