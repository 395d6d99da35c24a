import { type ChildProcess, spawn } from 'node:child_process';
import { errnoOf, formatDuration, HoldfastError } from '@holdfast/core';

/** How long a script that was asked to end may take to do so. */
const graceMs = 10_000;
/** What another program has no need to know. */
const secret = /^(?:HOLDFAST|RESTIC)_(?:FROM_)?(?:REST_)?PASSWORD$/;

/** This process's environment for a program of somebody else. */
export function environmentWithoutPasswords(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !secret.test(name)));
}

export interface Script {
  /** An executable file, started without a shell and without arguments. */
  readonly path: string;
  /** For messages: `The script before the backup`. */
  readonly what: string;
  readonly timeoutMs: number;
  /** Added to the environment, which is handed on without passwords. */
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * Runs a script to its end. What it prints goes to standard error, so that standard output stays the command's own. When its
 * time is over, or the work is cancelled, it is asked to end, with all that it started, and then made to.
 * @throws backup.script, run.cancelled
 */
export async function runScript(script: Script, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const { path, what, timeoutMs, variables } = script;
  const child = spawn(path, [], {
    // A group of its own, so that all of it can be ended.
    detached: process.platform !== 'win32',
    env: { ...environmentWithoutPasswords(), ...variables },
    stdio: ['ignore', process.stderr, process.stderr],
  });
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

function failed(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError('backup.script', { message, cause });
}

function killGroup(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill(name);
    else process.kill(-child.pid, name);
  } catch (error) {
    // It has ended meanwhile.
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}
