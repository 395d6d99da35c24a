import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { sharedFiles } from '../instances/shared-files.ts';

/** A further instance of the server, in a process that can be killed. */
export class TestInstance implements AsyncDisposable {
  readonly #folder: string;
  readonly #database: string;
  #process: ChildProcess | undefined;
  #port = 0;

  private constructor(folder: string, database: string) {
    this.#folder = folder;
    this.#database = database;
  }

  /** `from` is the folder of the first instance, whose keys it gets. */
  static async start(o: { folder: string; from: string; database: string }): Promise<TestInstance> {
    mkdirSync(o.folder, { mode: 0o700 });
    for (const name of sharedFiles) copyFileSync(join(o.from, name), join(o.folder, name));
    const instance = new TestInstance(o.folder, o.database);
    await instance.start();
    return instance;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  /** As a running server has it, for agents that call in. */
  get running() {
    return { portOf: () => this.#port };
  }

  async start(): Promise<void> {
    const child = fork(join(import.meta.dirname, 'instance-process.ts'), [this.#folder, this.#database], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const [message] = await Promise.race([
      once(child, 'message') as Promise<[{ readonly port: number }]>,
      once(child, 'exit').then(() => {
        throw new Error('the instance did not start');
      }),
    ]);
    this.#port = message.port;
    this.#process = child;
  }

  /** As a computer that loses its power, as far as the others can tell. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
