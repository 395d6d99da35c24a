import type { Duplex } from 'node:stream';
import type { Clock } from '@holdfast/core';
import type { Executors, ServeExecutor } from '@holdfast/executor/process';
import { CallPeer, type Handlers, type TaskMethods, TaskRegistry, taskHandlers, taskMethods } from '@holdfast/protocol';
import type { Logger } from 'pino';
import { maxRunningTasks } from './limits.ts';

export interface TaskService {
  /** Answers the server's tasks on a stream, until it ends. Tasks go on without it. */
  readonly serve: (stream: Duplex) => Promise<void>;
  /** Cancels all tasks and waits for their ends. */
  readonly stop: () => Promise<void>;
}

/** The server's tasks in the repositories of this mover. */
export function taskService(o: {
  executors: Executors;
  /** Answers an executor's requests in its repository. */
  serve: ServeExecutor;
  ports: () => Readonly<Record<string, number>>;
  logger: Logger;
  clock: Clock;
}): TaskService {
  const registry = new TaskRegistry((task, context) => o.executors.run(task, context, o.serve), {
    maxRunning: maxRunningTasks,
    process: 'mover',
    clock: o.clock,
    onLine: (ids, { level, process, message }) =>
      o.logger[level === 'warning' ? 'warn' : level]({ ...ids, process }, message),
  });
  const handlers: Handlers<TaskMethods> = taskHandlers({
    registry,
    platform: process.platform,
    ports: o.ports,
    onTask: (ids, { kind, access }) => o.logger.info({ ...ids, kind, repository: access.repository }, 'task'),
    onLost: (run, error) => o.logger.debug({ run, error }, 'lost an event'),
  });
  return {
    serve: async (stream) => {
      await using peer = new CallPeer<TaskMethods>({ stream, methods: taskMethods, handlers, clock: o.clock });
      await peer.closed;
    },
    stop: () => registry.stop(),
  };
}
