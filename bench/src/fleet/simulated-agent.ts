import { randomBytes } from 'node:crypto';
import { stayConnected } from '@holdfast/agent';
import { hasCode, systemClock } from '@holdfast/core';
import {
  CallPeer,
  controlPath,
  type TaskContext,
  type TaskMethods,
  type TaskOutcome,
  TaskRegistry,
  taskHandlers,
  taskMethods,
  taskProtocol,
} from '@holdfast/protocol';
import { type Connection, createWire, httpClient, type Identity, type Wire } from '@holdfast/wire';

/** Where a server is, as an agent knows it. */
export interface ServerPlace {
  readonly host: string;
  readonly port: number;
  readonly id: string;
}

export interface AgentIdentity extends Identity {
  readonly id: string;
}

/** What the simulator is told of one agent. */
export interface AgentListener {
  onConnected(): void;
  /** The server has handed a task over. A task that is asked for again is not begun again. */
  onTask(agentId: string, taskId: string): void;
}

/**
 * An agent as the server sees it: its own certificate and wire, the connection that it holds over mutual TLS with its heartbeats
 * and reconnects, the real handlers of the task protocol over the real registry of tasks. Only the work is left out: where an
 * agent would back up, this one waits, tells of its progress twice, and says that it is done.
 */
export class SimulatedAgent implements AsyncDisposable {
  readonly #wire: Wire;
  readonly #registry: TaskRegistry;
  readonly #over = new AbortController();
  readonly #connected: Promise<void>;

  constructor(o: {
    identity: AgentIdentity;
    /** The instances: it calls any of them, and the next where nobody answers, as with a name that has several addresses. */
    servers: readonly ServerPlace[];
    taskMs: number;
    listener: AgentListener;
  }) {
    const { identity, listener } = o;
    const since = systemClock.now().toISOString();
    this.#wire = createWire({ role: 'agent-linux', bind: '127.0.0.1', identity: () => identity });
    this.#registry = new TaskRegistry((_task, context) => pretend(context, o.taskMs), {
      maxRunning: 4,
      process: 'agent',
    });
    const begun = new Set<string>();
    const handlers = {
      ...taskHandlers({
        registry: this.#registry,
        platform: 'linux',
        ports: () => ({}),
        onTask: ({ run: taskId }) => {
          if (begun.has(taskId)) return;
          begun.add(taskId);
          listener.onTask(identity.id, taskId);
        },
        onLost: () => undefined,
      }),
      'channels.use': async () => ({
        channels: this.#wire.use(),
        report: { process: 'agent', since, ...this.#wire.counts() },
      }),
    };
    this.#connected = stayConnected({
      clock: systemClock,
      signal: this.#over.signal,
      onFailure: () => undefined,
      connect: async (signal) => {
        const http = httpClient({ connect: (connecting) => this.#dialAny(o.servers, connecting) });
        const stream = await http.upgrade(controlPath, taskProtocol, { signal });
        const peer = new CallPeer<TaskMethods>({ stream, methods: taskMethods, handlers });
        signal.addEventListener('abort', () => stream.destroy(), { once: true });
        void peer.closed.then(() => peer[Symbol.asyncDispose]());
        listener.onConnected();
        return { ended: peer.closed };
      },
    });
  }

  async #dialAny(servers: readonly ServerPlace[], signal: AbortSignal | undefined): Promise<Connection> {
    const [first, ...others] = servers.toSorted(() => Math.random() - 0.5);
    if (!first) throw new Error('there is no server');
    try {
      const { host, port, id } = first;
      return await this.#wire.dial('posix-agent-control', host, { port, peerId: id, ...(signal ? { signal } : {}) });
    } catch (error) {
      if (others.length === 0 || !hasCode(error, 'channel.refused')) throw error;
      return this.#dialAny(others, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#registry.stop();
    await this.#connected;
    await this.#wire[Symbol.asyncDispose]();
  }
}

async function pretend({ signal, report }: TaskContext, taskMs: number): Promise<TaskOutcome> {
  const startedAt = systemClock.now().toISOString();
  const progress = (part: number) => ({
    kind: 'progress' as const,
    progress: { phase: 'backup', filesDone: 100 * part, filesTotal: 100, bytesDone: 1_000_000 * part },
  });
  report(progress(0));
  await systemClock.sleep(taskMs / 2, signal);
  report(progress(0.5));
  await systemClock.sleep(taskMs / 2, signal);
  const counts = { new: 3, changed: 1, unmodified: 96 };
  return {
    kind: 'backup',
    snapshotId: randomBytes(32).toString('hex'),
    startedAt,
    files: counts,
    directories: counts,
    totalBytes: 1_000_000,
    totalFiles: 100,
    readBytes: 40_000,
    newBytes: 40_000,
    storedBytes: 10_000,
    durationMs: taskMs,
  };
}
