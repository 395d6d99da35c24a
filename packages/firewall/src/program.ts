import { execFile } from 'node:child_process';
import { isAbsolute } from 'node:path';
import { promisify } from 'node:util';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { outputMaxBytes, programLimitMs } from './limits.ts';

const execute = promisify(execFile);

export type Finished =
  | { readonly kind: 'done'; readonly output: string }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'absent' };

/**
 * Where a program of the system is looked for: also where administrators' programs are. Never in the folder that somebody
 * happens to be in, which an empty or relative part of the path would mean.
 */
export function programPath(given = process.env['PATH'] ?? ''): string {
  return [...given.split(':').filter(isAbsolute), '/usr/local/sbin', '/usr/sbin', '/sbin'].join(':');
}

/**
 * Runs a program to its end, without a shell. Throws only for what the signal says, and for one that does not end as programs
 * do: `run.timeout`, `internal.limit`, `internal.unexpected`.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  { input = '', signal }: { readonly input?: string; readonly signal?: AbortSignal | undefined } = {},
): Promise<Finished> {
  const running = execute(program, args, {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', PATH: programPath() },
    maxBuffer: outputMaxBytes,
    timeout: programLimitMs,
    killSignal: 'SIGKILL',
    signal,
  });
  // A program that ends before it has read everything says itself why.
  running.child.stdin?.on('error', () => running.child.stdin?.destroy());
  running.child.stdin?.end(input);
  try {
    return { kind: 'done', output: (await running).stdout };
  } catch (error) {
    signal?.throwIfAborted();
    if (errnoOf(error) === 'ENOENT') return { kind: 'absent' };
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
    if (typeof code !== 'number') throw unfinished(program, error);
    return { kind: 'failed', reason: stderr.trim() || `it ended with ${code}` };
  }
}

function unfinished(program: string, cause: unknown): HoldfastError {
  const { code, killed, signal } = cause as { code?: unknown; killed?: boolean; signal?: string };
  if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER')
    return new HoldfastError('internal.limit', {
      message: `${program} printed more than ${outputMaxBytes} bytes.`,
      cause,
    });
  if (killed === true)
    return new HoldfastError('run.timeout', {
      message: `${program} did not end within ${programLimitMs / 1000} s.`,
      cause,
    });
  const why = typeof code === 'string' ? `could not be run (${code})` : `was ended by ${signal ?? 'something'}`;
  return new HoldfastError('internal.unexpected', { message: `${program} ${why}.`, cause });
}
