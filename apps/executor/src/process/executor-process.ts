import { type ChildProcess, spawn } from 'node:child_process';
import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import {
  CallPeer,
  type ExecutorMethods,
  type ExecutorPlace,
  executorMethods,
  joinedStream,
  parseErrorReport,
  type Task,
  type TaskContext,
  type TaskOutcome,
} from '@holdfast/protocol';
import { maxExecutorErrorBytes } from '../limits.ts';

/** How to start the process that opens a repository (`serveExecutor`). */
export interface ExecutorCommand {
  readonly file: string;
  readonly arguments: readonly string[];
}

/** How a process reaches its repository: a local socket of who started it, and what admits it there. */
export interface WayIn {
  readonly place: ExecutorPlace;
  readonly socket: string;
  readonly secret: string;
  /** For drills: an empty folder of the task alone. */
  readonly sandbox?: string | undefined;
}

/** A process that has a repository open. Disposing asks it to end, and kills it when it does not. */
export interface ExecutorProcess extends AsyncDisposable {
  readonly peer: CallPeer<ExecutorMethods>;
  readonly noteLoss: (error: unknown) => void;
  /** With the last words of the process, if it had any. */
  readonly howItEnded: () => Promise<string>;
}

export function startExecutor(
  command: ExecutorCommand,
  { clock, stopMs }: { clock: Clock; stopMs: number },
): ExecutorProcess {
  // No secret is in the environment, and nothing of ours is passed on in it but where compiled code is kept.
  const { PATH, HOME, TMPDIR, LANG, TZ, SystemRoot, NODE_COMPILE_CACHE } = process.env;
  const child = spawn(command.file, command.arguments, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH, HOME, TMPDIR, LANG, TZ, SystemRoot, NODE_COMPILE_CACHE },
    windowsHide: true,
  });
  const ended = exitOf(child);
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = `${words}${text}`.slice(-maxExecutorErrorBytes);
  });
  const peer = new CallPeer({
    stream: joinedStream(child.stdout, child.stdin),
    methods: executorMethods,
    handlers: {},
    clock,
  });
  let lost: HoldfastError | undefined;
  return {
    peer,
    noteLoss: (error) => {
      lost = toHoldfastError(error);
    },
    howItEnded: async () => [await ended, words.trim(), lost?.message].filter(Boolean).join(': '),
    [Symbol.asyncDispose]: async () => {
      // Hanging up ends a process that is well; the other is ended.
      await peer[Symbol.asyncDispose]();
      const late = setTimeout(() => child.kill('SIGKILL'), stopMs);
      await ended;
      clearTimeout(late);
    },
  };
}

function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (status, signal) => resolve(signal ?? `status ${status}`));
  });
}

/** Has the process do a task. Rejects at once when the signal aborts, though the process may still give back its lock. */
export async function executeIn(
  child: ExecutorProcess,
  o: {
    readonly taskId: string;
    readonly task: Task;
    readonly way: WayIn;
    readonly context: TaskContext;
    readonly signal: AbortSignal;
  },
): Promise<TaskOutcome> {
  const { taskId, task, context } = o;
  const done = new AbortController();
  const stop = new AbortController();
  const signal = AbortSignal.any([o.signal, stop.signal]);
  context.onGrant(
    (grant) => void child.peer.call('renew', { taskId, grant }, { signal: done.signal }).catch(child.noteLoss),
  );
  const execution = child.peer.call(
    'execute',
    { taskId, task, ...o.way },
    {
      signal,
      onEvent: (event) => {
        if (event.kind === 'progress') context.report(event);
        else if (event.kind === 'log') context.log(event.line.level, event.line.message, 'executor');
        else if (event.kind === 'problem')
          context.problem(parseErrorReport(event.problem) ?? new HoldfastError('internal.unexpected'));
      },
    },
  );
  const passing = task.kind === 'read' ? passOn(child, { taskId, context, signal }) : Promise.resolve();
  // Nobody takes what it gives; or it has failed, and says so itself.
  passing.catch((error: unknown) => stop.abort(error));
  try {
    const [result] = await Promise.all([execution, passing]);
    return result;
  } catch (error) {
    if (error !== child.peer.ending) throw error;
    throw new HoldfastError('internal.unexpected', {
      message: `The process that opens the repository ended before its work did (${await child.howItEnded()}).`,
      cause: error,
    });
  } finally {
    done.abort();
  }
}

/** Takes the output of a task from the process, piece by piece, as fast as it is taken from here. */
async function passOn(
  child: ExecutorProcess,
  o: { readonly taskId: string; readonly context: TaskContext; readonly signal: AbortSignal },
): Promise<void> {
  for (;;) {
    const { bytes, ended } = await child.peer.call('read', { taskId: o.taskId }, { signal: o.signal });
    await o.context.write(Buffer.from(bytes, 'base64'));
    if (ended) return;
  }
}
