import type { Duplex } from 'node:stream';
import type { Clock } from '@holdfast/core';
import { CallPeer, type Handlers, type TaskMethods, TaskRegistry, taskHandlers, taskMethods } from '@holdfast/protocol';
import type { Logger } from 'pino';
import type { Executors } from './executors.ts';
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
  ports: () => Readonly<Record<string, number>>;
  logger: Logger;
  clock: Clock;
}): TaskService {
  const registry = new TaskRegistry((task, context) => o.executors.run(task, context), { maxRunning: maxRunningTasks });
  const handlers: Handlers<TaskMethods> = taskHandlers({
    registry,
    platform: process.platform,
    ports: o.ports,
    onTask: (taskId, { kind, access }) => o.logger.info({ taskId, kind, repository: access.repository }, 'task'),
    onLost: (taskId, error) => o.logger.debug({ taskId, error }, 'lost an event'),
  });
  return {
    serve: async (stream) => {
      await using peer = new CallPeer<TaskMethods>({ stream, methods: taskMethods, handlers, clock: o.clock });
      await peer.closed;
    },
    stop: () => registry.stop(),
  };
}
