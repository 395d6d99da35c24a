import type { Duplex } from 'node:stream';
import { productVersion } from '@holdfast/core';
import {
  type BackupResult,
  CallPeer,
  controlPath,
  type Handlers,
  type Hello,
  limits,
  type Task,
  type TaskMethods,
  type TaskResult,
  taskMethods,
  taskProtocol,
} from '@holdfast/protocol';
import { createWire, httpClient, type Identity, type Wire } from '@holdfast/wire';
import type { RunningServer } from '../running-server.ts';
import type { Enrolled } from './test-server.ts';

type RunHandler = NonNullable<Handlers<TaskMethods>['task.run']>;
type RunContext = Parameters<RunHandler>[1];

/** What the agent does with a task, by id; the default succeeds at once. */
export type TaskWork = (task: Task, context: RunContext & { taskId: string }) => Promise<TaskResult>;

const unixes: ReadonlySet<Hello['platform']> = new Set(['aix', 'sunos', 'freebsd', 'openbsd']);

/** The other end of the task protocol, over real TLS, with an enrolled certificate. Its work is the test's. */
export class TestAgent implements AsyncDisposable {
  readonly id: string;
  readonly identity: Identity;
  readonly wire: Wire;
  readonly renewed: string[] = [];
  readonly cancelled: string[] = [];
  readonly received: { taskId: string; task: Task }[] = [];
  /** Connections on which the server has said hello. */
  greeted = 0;
  /** The ports that it says it listens on. */
  listening: Record<string, number> = {};
  /** How often the server said that policies may have changed. */
  toldOfPolicies = 0;
  work: TaskWork = async (task) => success(task);
  /** What it says of its channels, over all its processes. */
  report: TaskMethods['channels.use']['result']['_output']['report'];
  /** What a task gives besides its result, as the executor of a repository. */
  output = Buffer.alloc(0);
  /** The same follows again and again. */
  hasMoreOutput = false;
  outputsRead = 0;
  /** What it does in checks and audits of the network. */
  ports: Handlers<Pick<TaskMethods, 'ports.listen' | 'ports.try' | 'ports.audit'>> = {};
  #peers = new Set<CallPeer<TaskMethods>>();

  readonly #platform: Hello['platform'];

  constructor(enrolled: Enrolled, o: { readonly platform?: Hello['platform'] } = {}) {
    this.#platform = o.platform ?? 'linux';
    this.id = enrolled.answer.id;
    this.identity = enrolled.identity;
    this.wire = createWire({
      role: unixes.has(this.#platform) ? 'agent-unix' : 'agent-linux',
      bind: '127.0.0.1',
      identity: () => this.identity,
    });
  }

  /** Serves the task protocol on a stream until it closes. */
  serve(stream: Duplex): CallPeer<TaskMethods> {
    const peer = new CallPeer<TaskMethods>({ stream, methods: taskMethods, handlers: this.#handlers() });
    this.#peers.add(peer);
    void peer.closed.then(() => this.#peers.delete(peer));
    return peer;
  }

  /** Opens the connection that an agent holds. Throws what the server reports. */
  async hold(server: { readonly running: Pick<RunningServer, 'portOf'> }): Promise<CallPeer<TaskMethods>> {
    const http = httpClient({
      connect: (signal) =>
        this.wire.dial('posix-agent-control', '127.0.0.1', {
          port: server.running.portOf('posix-agent-control'),
          signal,
        }),
    });
    return this.serve(await http.upgrade(controlPath, taskProtocol));
  }

  /** Cuts every connection, as a broken network would. */
  async cut(): Promise<void> {
    await Promise.all([...this.#peers].map((peer) => peer[Symbol.asyncDispose]()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut();
    await this.wire[Symbol.asyncDispose]();
  }

  #handlers(): Handlers<TaskMethods> {
    return {
      hello: async () => {
        this.greeted += 1;
        return {
          protocolVersion: limits.protocolVersion,
          productVersion,
          hostname: 'test-host',
          platform: this.#platform,
          ports: this.listening,
        };
      },
      'task.run': async ({ taskId, task }, context) => {
        this.received.push({ taskId, task });
        return this.work(task, { ...context, taskId });
      },
      'task.read': async () => {
        this.outputsRead += 1;
        return { bytes: this.output.toString('base64'), ended: !this.hasMoreOutput };
      },
      'task.renew': async ({ grant }) => {
        this.renewed.push(grant);
        return {};
      },
      'task.cancel': async ({ taskId }) => {
        this.cancelled.push(taskId);
        return {};
      },
      'policies.look': async () => {
        this.toldOfPolicies += 1;
        return {};
      },
      'channels.use': async () => ({ channels: [], ...(this.report ? { report: this.report } : {}) }),
      ...this.ports,
    };
  }
}

const snapshotId = 'ab'.repeat(32);

export function success(task: Task, change: Partial<TaskResult> = {}): TaskResult {
  const counts = { new: 3, changed: 0, unmodified: 0 };
  const backup: BackupResult = {
    kind: 'backup',
    snapshotId,
    startedAt: '2026-01-01T00:00:00.000Z',
    files: counts,
    directories: counts,
    totalBytes: 10,
    totalFiles: 3,
    readBytes: 10,
    newBytes: 10,
    storedBytes: 5,
    durationMs: 1,
  };
  const result: TaskResult['result'] =
    task.kind !== 'restore'
      ? backup
      : { kind: 'restore', snapshotId, target: task.target, files: 3, directories: 1, bytes: 10, durationMs: 1 };
  return { result, problems: [], problemCount: 0, degradations: [], ...change };
}
