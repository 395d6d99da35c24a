import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { outputMaxBytes, programLimitMs } from './limits.ts';

const execute = promisify(execFile);

export type Finished =
  | { readonly kind: 'done'; readonly output: string }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'absent' };

/** A program of the system, looked for where administrators' programs are, too. */
const path = `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;

/** Runs a program to its end, without a shell. Throws only for what the signal says, and for one that does not end. */
export async function runProgram(
  program: string,
  args: readonly string[],
  { input = '', signal }: { readonly input?: string; readonly signal?: AbortSignal | undefined } = {},
): Promise<Finished> {
  const running = execute(program, args, {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', PATH: path },
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
    const { code, stderr = '', killed } = error as { code?: unknown; stderr?: string; killed?: boolean };
    if (killed === true || typeof code !== 'number')
      throw new HoldfastError('run.timeout', { message: `${program} did not end as it should.`, cause: error });
    return { kind: 'failed', reason: stderr.trim() || `it ended with ${code}` };
  }
}
