import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import {
  CallPeer,
  type ExecutorMethods,
  encodeFrame,
  executorMethods,
  joinedStream,
  type LocalAnswer,
  parseErrorReport,
  type Task,
  type TaskContext,
  type TaskOutcome,
} from '@holdfast/protocol';
import type { Connection, PeerIdentity } from '@holdfast/wire';
import { executorStopMs, maxExecutorErrorBytes, maxTaskMs } from './limits.ts';
import type { Sandboxes } from './sandboxes.ts';

/** How to start the process that opens a repository for one task (`serveExecutor`). */
export interface ExecutorCommand {
  readonly file: string;
  readonly arguments: readonly string[];
}

/**
 * The processes that open a repository for one task of the server. Each gets the task, and with it the repository's password, over
 * its standard input, and reaches its repository as everybody else does: by the REST protocol with the task's grant, over the
 * local socket, where a secret of its own admits it. So every rule holds for it, and no key is ever in this process for longer
 * than it takes to pass it on.
 */
export class Executors {
  readonly #command: ExecutorCommand | undefined;
  readonly #socket: string;
  readonly #identity: () => PeerIdentity;
  readonly #serve: (connection: Connection) => void;
  readonly #sandboxes: Sandboxes;
  readonly #clock: Clock;
  readonly #stopMs: number;
  readonly #secrets = new Set<string>();

  constructor(o: {
    command: ExecutorCommand | undefined;
    /** The mover's local socket. */
    socket: string;
    /** As whom an executor acts: this mover. Grants of its tasks are bound to its certificate. */
    identity: () => PeerIdentity;
    /** Answers HTTP on a connection. */
    serve: (connection: Connection) => void;
    /** Where drills restore to. */
    sandboxes: Sandboxes;
    clock: Clock;
    /** How long a process that was cancelled or is done may take to end; then it is killed. */
    stopMs?: number;
  }) {
    this.#command = o.command;
    this.#socket = o.socket;
    this.#identity = o.identity;
    this.#serve = o.serve;
    this.#sandboxes = o.sandboxes;
    this.#clock = o.clock;
    this.#stopMs = o.stopMs ?? executorStopMs;
  }

  /** Admits the connection of an executor. Throws `auth.required` for a secret of no task that runs. */
  admit(secret: string, connection: Connection): void {
    if (!this.#secrets.has(secret))
      throw new HoldfastError('auth.required', { message: 'That secret is of no task that runs here.' });
    const identity = this.#identity;
    connection.stream.write(encodeFrame({ type: 'relayed' } satisfies LocalAnswer));
    this.#serve({
      ...connection,
      // At each request the present one: certificates are renewed while tasks run.
      get peer() {
        return identity();
      },
    });
  }

  /** Runs one task in a process of its own. It is asked to stop when the task is cancelled, and killed when it does not. */
  async run(task: Task, context: TaskContext): Promise<TaskOutcome> {
    const { signal } = context;
    const command = this.#command;
    if (!command)
      throw new HoldfastError('request.invalid', { message: 'This mover was started without an executor of its own.' });
    signal.throwIfAborted();
    const secret = randomBytes(32).toString('base64url');
    await using stack = new AsyncDisposableStack();
    this.#secrets.add(secret);
    // Removed last: the process that fills it is gone by then, however it ended.
    const sandbox = task.kind === 'drill' ? stack.use(await this.#sandboxes.make()).path : undefined;
    // A process that is asked to stop removes its locks first, and needs a connection for that.
    stack.defer(() => void this.#secrets.delete(secret));
    const child = stack.use(startChild(command, { clock: this.#clock, stopMs: this.#stopMs }));
    const limit = new AbortController();
    const ending = AbortSignal.any([signal, limit.signal]);
    const done = new AbortController();
    void this.#endLate({ signal: done.signal, limit });
    try {
      context.onGrant(
        (grant) => void child.peer.call('renew', { grant }, { signal: done.signal }).catch(child.noteLoss),
      );
      return await child.peer.call(
        'execute',
        { task, socket: this.#socket, secret, sandbox },
        {
          signal: ending,
          onEvent: (event) => {
            if (event.kind === 'progress') context.report(event);
            else if (event.kind === 'problem')
              context.problem(parseErrorReport(event.problem) ?? new HoldfastError('internal.unexpected'));
          },
        },
      );
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

  async #endLate({ signal, limit }: { signal: AbortSignal; limit: AbortController }): Promise<void> {
    if (await this.#slept(maxTaskMs, signal))
      limit.abort(
        new HoldfastError('run.timeout', { message: `The task took longer than ${maxTaskMs / 3_600_000} hours.` }),
      );
  }

  /** False when the signal came first. */
  async #slept(ms: number, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#clock.sleep(ms, signal);
      return true;
    } catch {
      return false;
    }
  }
}

interface Child extends AsyncDisposable {
  readonly peer: CallPeer<ExecutorMethods>;
  readonly noteLoss: (error: unknown) => void;
  /** With the last words of the process, if it had any. */
  readonly howItEnded: () => Promise<string>;
}

function startChild(command: ExecutorCommand, { clock, stopMs }: { clock: Clock; stopMs: number }): Child {
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
