import { type ChildProcess, spawn } from 'node:child_process';
import { errnoOf, formatDuration, HoldfastError } from '@holdfast/core';

/** How long a script that was asked to end may take to do so. */
const graceMs = 10_000;
/** A program that the script left behind may hold its output open; what the script itself printed is there by then. */
const outputRestMs = 2_000;
/** What another program has no need to know. */
const secret = /^(?:HOLDFAST|RESTIC)_(?:FROM_)?(?:REST_)?PASSWORD$/;

/** This process's environment for a program of somebody else. */
export function environmentWithoutPasswords(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !secret.test(name)));
}

export interface Script {
  /** An executable file, started without arguments, and without a shell but for what Windows needs one for. */
  readonly path: string;
  /** For messages: `The script before the backup`. */
  readonly what: string;
  readonly timeoutMs: number;
  /** Added to the environment, which is handed on without passwords. */
  readonly variables: Readonly<Record<string, string>>;
  /** Where it is started; this process's own folder if left out. */
  readonly folder?: string | undefined;
  /** Gets what it prints; this process's standard error if left out, so that standard output stays the command's own. */
  readonly onOutput?: ((piece: Buffer) => void) | undefined;
}

/**
 * Runs a script to its end. When its time is over, or the work is cancelled, it is asked to end, with all that it started, and
 * then made to.
 * @throws backup.script, run.cancelled
 */
export async function runScript(script: Script, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const { path, what, timeoutMs, onOutput } = script;
  const child = start(script);
  child.stdout?.on('data', (piece: Buffer) => onOutput?.(piece));
  child.stderr?.on('data', (piece: Buffer) => onOutput?.(piece));
  const limit = AbortSignal.timeout(timeoutMs);
  const stop = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  let force: NodeJS.Timeout | undefined;
  const end = (): void => {
    killGroup(child, 'SIGTERM');
    force = setTimeout(() => killGroup(child, 'SIGKILL'), graceMs);
  };
  stop.addEventListener('abort', end, { once: true });
  try {
    const { status, killedBy } = await new Promise<{ status: number | null; killedBy: string | null }>(
      (resolve, reject) => {
        child.once('error', (cause) =>
          reject(failed(`${what} ${path} could not be started (${errnoOf(cause) ?? String(cause)}).`, cause)),
        );
        child.once('exit', (code, name) => resolve({ status: code, killedBy: name }));
      },
    );
    if (onOutput) await outputEnded(child);
    signal?.throwIfAborted();
    if (limit.aborted) throw failed(`${what} ${path} took longer than ${formatDuration(timeoutMs)} and was ended.`);
    if (status !== 0) throw failed(`${what} ${path} ended with ${status ?? killedBy ?? 'no status'}.`);
  } finally {
    stop.removeEventListener('abort', end);
    clearTimeout(force);
    // What it started may have ignored the request.
    if (stop.aborted) killGroup(child, 'SIGKILL');
  }
}

function start({ path, variables, folder, onOutput }: Script): ChildProcess {
  const { file, parameters, isVerbatim } = commandOf(path);
  const output = onOutput ? 'pipe' : process.stderr;
  return spawn(file, parameters, {
    // A group of its own, so that all of it can be ended.
    detached: process.platform !== 'win32',
    env: { ...environmentWithoutPasswords(), ...variables },
    stdio: ['ignore', output, output],
    windowsHide: true,
    windowsVerbatimArguments: isVerbatim,
    ...(folder === undefined ? {} : { cwd: folder }),
  });
}

/** Windows starts programs only; scripts need theirs. Untested on a real Windows. */
function commandOf(path: string): { file: string; parameters: string[]; isVerbatim: boolean } {
  if (process.platform === 'win32' && /\.ps1$/i.test(path)) {
    const parameters = ['-NoProfile', '-NonInteractive', '-ExecutionPolicy', 'Bypass', '-File', path];
    return { file: 'powershell.exe', parameters, isVerbatim: false };
  }
  // `/s` takes off the outer quotes and nothing else.
  if (process.platform === 'win32' && /\.(cmd|bat)$/i.test(path))
    return { file: 'cmd.exe', parameters: ['/d', '/s', '/c', `""${path}""`], isVerbatim: true };
  return { file: path, parameters: [], isVerbatim: false };
}

/** Until what it printed is all there. */
async function outputEnded(child: ChildProcess): Promise<void> {
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
  const open = streams.filter(({ readableEnded }) => !readableEnded);
  const limit = AbortSignal.timeout(outputRestMs);
  await new Promise<void>((resolve) => {
    let left = open.length;
    if (left === 0) return resolve();
    const ended = (): void => {
      left -= 1;
      if (left === 0) resolve();
    };
    for (const stream of open) stream.once('close', ended);
    limit.addEventListener('abort', () => resolve(), { once: true });
  });
  for (const stream of streams) stream.destroy();
}

function failed(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError('backup.script', { message, cause });
}

function killGroup(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') {
      // There are no groups; `/T` ends what it started, too. Untested on a real Windows.
      spawn('taskkill', ['/PID', String(child.pid), '/T', '/F'], { stdio: 'ignore', windowsHide: true }).once(
        'error',
        () => child.kill(name),
      );
    } else process.kill(-child.pid, name);
  } catch (error) {
    // It has ended meanwhile.
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}
