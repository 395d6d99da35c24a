import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { HoldfastError, systemClock } from '@holdfast/core';
import type { RoleMessage } from '../roles/serve-role.ts';

const startLimitMs = 60_000;
const stopLimitMs = 20_000;

/** A role as a process of its own: `holdfast server`, `mover` or `agent`, started and ended by `holdfast up`. */
export class RoleProcess implements AsyncDisposable {
  readonly role: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when the process has ended, however. */
  readonly ended: Promise<{ readonly status: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly #child: ChildProcess;

  private constructor(options: { role: string; child: ChildProcess; pid: number; logFile: string }) {
    this.role = options.role;
    this.pid = options.pid;
    this.logFile = options.logFile;
    this.#child = options.child;
    this.ended = new Promise((resolve) => {
      options.child.once('exit', (status, signal) => resolve({ status, signal }));
    });
  }

  /** Starts the role and waits until it is ready. Throws the error that it reports. */
  static async start(options: {
    readonly role: string;
    readonly arguments: readonly string[];
    readonly logFile: string;
    readonly signal: AbortSignal;
  }): Promise<{ readonly process: RoleProcess; readonly details: Readonly<Record<string, unknown>> }> {
    const { role, logFile } = options;
    const main = process.argv[1];
    if (main === undefined)
      throw new HoldfastError('internal.unexpected', { message: 'The command does not know its own file.' });
    const log = openSync(logFile, 'a', 0o600);
    let child: ChildProcess;
    try {
      // In a process group of its own: Ctrl-C reaches `up` only, which then ends the roles in order.
      child = spawn(process.execPath, [main, role, ...options.arguments], {
        stdio: ['ignore', log, log, 'ipc'],
        detached: true,
      });
    } finally {
      closeSync(log);
    }
    const { pid } = child;
    if (pid === undefined)
      throw new HoldfastError('internal.unexpected', { message: `The process of the ${role} could not be started.` });
    const started = new RoleProcess({ role, child, pid, logFile });
    try {
      return { process: started, details: await started.#ready(options.signal) };
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #ready(signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
    const settled = new AbortController();
    try {
      return await Promise.race([
        new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
          this.#child.on('message', (message: RoleMessage) => {
            if (message.kind === 'ready') resolve(message.details);
            else reject(HoldfastError.fromReport(message.error));
          });
        }),
        this.ended.then(({ status, signal: by }) => {
          throw new HoldfastError('internal.unexpected', {
            message: `The ${this.role} ended while it was starting (${by ?? `status ${status}`}).`,
            guidance: `Its log is ${this.logFile}.`,
          });
        }),
        systemClock.sleep(startLimitMs, AbortSignal.any([signal, settled.signal])).then(() => {
          throw new HoldfastError('run.timeout', {
            message: `The ${this.role} was not ready after ${startLimitMs / 1000} s.`,
          });
        }),
      ]);
    } finally {
      settled.abort();
    }
  }

  /** Asks it to finish, and ends it when it doesn't. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGTERM');
    const settled = new AbortController();
    const limit = systemClock.sleep(stopLimitMs, settled.signal).then(
      () => this.#child.kill('SIGKILL'),
      () => false,
    );
    await this.ended;
    settled.abort();
    await limit;
  }
}
