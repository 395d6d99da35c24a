import { hostname } from 'node:os';
import { HoldfastError, productVersion } from '@holdfast/core';
import type { Handlers } from './calls.ts';
import { maxWaitingEvents, protocolVersion } from './limits.ts';
import type { TaskMethods } from './task-methods.ts';
import type { TaskIds, TaskRegistry } from './task-registry.ts';
import type { Hello, Task, TaskEvent } from './tasks.ts';

/** What whoever runs tasks answers to the server, whichever connection a call comes over. */
export function taskHandlers(o: {
  readonly registry: TaskRegistry;
  readonly platform: NodeJS.Platform;
  /** The ports that this process really listens on, by channel. */
  readonly ports: () => Readonly<Record<string, number>>;
  readonly onTask: (ids: TaskIds, task: Task) => void;
  /** An event that could not be sent. */
  readonly onLost: (taskId: string, error: unknown) => void;
}): Pick<Handlers<TaskMethods>, 'hello' | 'task.run' | 'task.renew' | 'task.cancel' | 'task.read'> {
  const { registry } = o;
  return {
    hello: async (theirs) => {
      if (theirs.protocolVersion !== protocolVersion) {
        throw new HoldfastError('version.unsupported', {
          message: `The server speaks protocol version ${theirs.protocolVersion}, this computer ${protocolVersion}.`,
        });
      }
      return {
        protocolVersion,
        productVersion,
        hostname: hostname(),
        platform: o.platform as Hello['platform'],
        ports: { ...o.ports() },
      };
    },
    'task.run': async ({ taskId, task, sessionId, requestId }, { emit, signal }) => {
      const ids = {
        run: taskId,
        ...(sessionId === undefined ? {} : { session: sessionId }),
        ...(requestId === undefined ? {} : { request: requestId }),
      };
      o.onTask(ids, task);
      const events = inOrder(emit, (error) => o.onLost(taskId, error));
      try {
        return await registry.run(ids, task, { signal, watch: events.send });
      } finally {
        // The answer overtakes nothing.
        await events.sent();
      }
    },
    'task.renew': async ({ taskId, grant }) => {
      registry.renew(taskId, grant);
      return {};
    },
    'task.cancel': async ({ taskId, wait }) => {
      registry.cancel(taskId);
      if (wait) await registry.ended(taskId);
      return {};
    },
    'task.read': ({ taskId }, { signal }) => registry.read(taskId, signal),
  };
}

/** Sends events one after the other. On a slow connection progress is left out: the next report says it better. */
function inOrder(
  emit: (event: TaskEvent) => Promise<void>,
  onLost: (error: unknown) => void,
): { readonly send: (event: TaskEvent) => void; readonly sent: () => Promise<void> } {
  let last: Promise<void> = Promise.resolve();
  let waiting = 0;
  const send = (event: TaskEvent): void => {
    if (event.kind === 'progress' && waiting >= maxWaitingEvents) return;
    waiting++;
    last = last
      .then(() => emit(event))
      .then(
        () => void waiting--,
        (error: unknown) => {
          waiting--;
          onLost(error);
        },
      );
  };
  return { send, sent: () => last };
}
