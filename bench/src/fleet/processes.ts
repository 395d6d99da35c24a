import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import type { Ready } from './messages.ts';

/** Of 20, where 0 is what the server has. */
const lowPriority = 15;

/** A process of the benchmark: it ends when this one does. */
export class Worker implements AsyncDisposable {
  readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  /** One that stands for other computers has the processor when nobody else needs it, as if it were not on this one. */
  static start(file: string, order: object, { isElsewhere = false } = {}): Worker {
    const child = fork(join(import.meta.dirname, file), [], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [],
    });
    if (isElsewhere && child.pid !== undefined) setPriority(child.pid, lowPriority);
    child.send(order);
    return new Worker(child);
  }

  /** Resolves when it says that it does what it is for. */
  async ready(): Promise<Ready> {
    const [message] = await Promise.race([
      once(this.child, 'message') as Promise<[Ready]>,
      once(this.child, 'exit').then(() => {
        throw new Error('a process of the benchmark ended before it had begun');
      }),
    ]);
    return message;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Resident memory, and its highest so far (Linux). */
  memory(): { readonly residentBytes: number; readonly peakBytes: number } {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
    return { residentBytes: kib('VmRSS') * 1024, peakBytes: kib('VmHWM') * 1024 };
  }

  /** Processor time that it has used. */
  processorSeconds(): number {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    return ticks / 100;
  }

  async kill(): Promise<void> {
    if (!this.isRunning) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
