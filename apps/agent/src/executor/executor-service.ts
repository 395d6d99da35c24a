import { join } from 'node:path';
import { type Clock, type HoldfastError, isHoldfastError, toHoldfastError } from '@holdfast/core';
import { type ExecutorCommand, Executors, Sandboxes } from '@holdfast/executor/process';
import {
  localRequest,
  parseMessage,
  readSingleFrame,
  type Task,
  type TaskContext,
  type TaskOutcome,
} from '@holdfast/protocol';
import { type Connection, type LocalListener, pipe, type Wire } from '@holdfast/wire';
import type { Logger } from 'pino';
import { dataConnections } from '../data-channels.ts';

/**
 * Work in repositories that this computer is the executor of: each task in a process of its own. What it asks its repository for goes
 * through this process, along data channels of the task, because only here is the certificate that the task's grant is bound to.
 */
export class ExecutorService {
  readonly #wire: Wire;
  readonly #socket: string;
  readonly #executors: Executors;
  readonly #sandboxes: Sandboxes;
  readonly #log: Logger;
  #listening: Promise<LocalListener> | undefined;

  constructor(o: {
    wire: Wire;
    dataDir: string;
    command: ExecutorCommand | undefined;
    /** Where drills restore to. */
    drillFolder: string;
    clock: Clock;
    log: Logger;
  }) {
    this.#wire = o.wire;
    this.#log = o.log;
    this.#socket = join(o.dataDir, 'executor.sock');
    this.#sandboxes = new Sandboxes(o.drillFolder);
    this.#executors = new Executors({
      ...{ command: o.command, place: 'agent', socket: this.#socket, sandboxes: this.#sandboxes, clock: o.clock },
    });
  }

  /** Removes what drills of an earlier life of this process left. */
  async clear(): Promise<void> {
    await this.#sandboxes.clear();
  }

  async run(task: Task, context: TaskContext): Promise<TaskOutcome> {
    await this.#listen();
    const connect = dataConnections({ wire: this.#wire, access: task.access, context });
    let failure: HoldfastError | undefined;
    // A process that is asked to stop still needs its way to the repository: it gives back its lock first.
    const over = new AbortController();
    const join = async (local: Connection): Promise<void> => {
      try {
        const remote = await connect(over.signal);
        await pipe(local.stream, remote.stream, { signal: over.signal });
      } catch (error) {
        failure = toHoldfastError(error);
        local.stream.destroy();
      }
    };
    try {
      return await this.#executors.run(task, context, (local) => void join(local));
    } catch (error) {
      // The process sees only that its connection ended; here is why.
      throw failure && isHoldfastError(error) && error.code === 'channel.closed' ? failure : error;
    } finally {
      over.abort();
    }
  }

  /** From the first task on: most agents never have one. */
  async #listen(): Promise<void> {
    this.#listening ??= this.#wire.listenLocal('executor-to-local-agent', this.#socket, {
      onConnection: (connection) => void this.#greet(connection),
    });
    try {
      await this.#listening;
    } catch (error) {
      this.#listening = undefined;
      throw error;
    }
  }

  async #greet(connection: Connection): Promise<void> {
    const { stream } = connection;
    stream.on('error', () => stream.destroy());
    try {
      const request = parseMessage(localRequest, await readSingleFrame(stream), 'A message on the local socket');
      this.#executors.admit(request.type === 'execute' ? request.secret : '', connection);
    } catch (error) {
      this.#log.warn({ error: toHoldfastError(error) }, 'a local connection was refused');
      stream.destroy();
    }
  }
}
