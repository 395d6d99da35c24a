import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** The real command line as a child process, as a person starts it. */

const main = new URL('../main.mjs', import.meta.url).pathname;
/** Nothing takes so long, and a server for the whole of a test file may; less than a test file may take. */
const limitMs = 400_000;
/** Compiled modules are shared by all processes of a test file, or of `npm test`: half of each one's time. */
const compileCache = process.env['NODE_COMPILE_CACHE'] ?? ownCache();

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input; none if left out. */
  readonly input?: string;
  /** Run as this user; only root can. */
  readonly user?: number;
  /** Nobody reads standard output; that is lost already when the program starts. */
  readonly withoutReader?: boolean;
}

export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCli {
  readonly child: ChildProcess;
  readonly ended: Promise<CliResult>;
}

export function startCli(args: readonly string[], options: CliOptions = {}): RunningCli {
  return start(process.execPath, [main, ...args], options);
}

export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).ended;
}

/** Another program, with the same clean environment. */
export function runProgram(program: string, args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return start(program, args, options).ended;
}

function start(program: string, args: readonly string[], options: CliOptions): RunningCli {
  const identity = options.user === undefined ? {} : { uid: options.user, gid: options.user };
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...cleanEnvironment(), ...options.env },
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    timeout: limitMs,
    ...identity,
  });
  child.stdin?.end(options.input);
  if (options.withoutReader) child.stdout?.destroy();
  const status = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const output = (stream: NodeJS.ReadableStream | null): Promise<string> =>
    stream ? text(stream) : Promise.resolve('');
  const read = options.withoutReader ? null : child.stdout;
  const ended = Promise.all([status, output(read), output(child.stderr)]).then(([code, stdout, stderr]) => ({
    status: code,
    stdout,
    stderr,
  }));
  return { child, ended };
}

function ownCache(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-compiled-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Nothing of the person who runs the tests: no repository, no password, no folder of npm. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !/^(HOLDFAST|RESTIC)_|^INIT_CWD$/.test(name));
  return { ...Object.fromEntries(entries), HOLDFAST_DATA: '/nonexistent/holdfast', NODE_COMPILE_CACHE: compileCache };
}

/** The JSON lines of an output, in the form that the test expects; the assertions are what checks them. */
export function jsonLines<Form = Record<string, unknown>>(stdout: string): Form[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Form);
}

/** The last JSON line: the result of a command. */
export function jsonResult<Form>(stdout: string): Form {
  const last = jsonLines<Form>(stdout).at(-1);
  if (last === undefined) throw new Error('the command printed no JSON');
  return last;
}
