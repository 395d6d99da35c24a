import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { HoldfastError } from '@holdfast/core';
import { readyLimitMs, stopLimitMs } from './limits.ts';

/** A role that runs; its output goes to a file. */
export class RoleProcess {
  /** What it says of itself when it is ready; rejects with its log when it ends, fails or takes too long before that. */
  readonly ready: Promise<Readonly<Record<string, unknown>>>;
  readonly logFile: string;
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(o: { readonly child: ChildProcess; readonly name: string; readonly logFile: string }) {
    this.#child = o.child;
    this.#name = o.name;
    this.logFile = o.logFile;
    const log = createWriteStream(o.logFile, { flags: 'a' });
    o.child.stdout?.pipe(log, { end: false });
    o.child.stderr?.pipe(log, { end: false });
    this.#exited = once(o.child, 'exit');
    this.ready = this.#waitUntilReady();
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  async #waitUntilReady(): Promise<Readonly<Record<string, unknown>>> {
    const over = new AbortController();
    const limit = AbortSignal.any([over.signal, AbortSignal.timeout(readyLimitMs)]);
    try {
      const ended = this.#exited.then(() => 'it ended');
      const said = once(this.#child, 'message', { signal: limit }).catch((error: unknown) => {
        if (limit.aborted) return `nothing from it in ${readyLimitMs / 1000} s`;
        throw error;
      });
      const answer = await Promise.race([said, ended]);
      const [message] =
        typeof answer === 'string' ? [] : (answer as [{ kind: string; details: Record<string, unknown> }]);
      if (message?.kind === 'ready') return message.details;
      throw new HoldfastError('lab.impossible', {
        message: `The ${this.#name} did not start: ${JSON.stringify(message ?? answer)}\n${await readFile(this.logFile, 'utf8')}`,
      });
    } finally {
      over.abort();
    }
  }

  /** All that it has said since the computer was made. */
  output(): Promise<string> {
    return readFile(this.logFile, 'utf8');
  }

  /** SIGKILL, as a power cut would. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await this.#exited;
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
