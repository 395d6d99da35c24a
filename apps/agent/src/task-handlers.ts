import { hostname } from 'node:os';
import { HoldfastError, productVersion } from '@holdfast/core';
import { type Handlers, type Hello, limits, type TaskEvent, type TaskMethods } from '@holdfast/protocol';
import type { ChannelReport, Wire } from '@holdfast/wire';
import type { Logger } from 'pino';
import { maxWaitingEvents } from './limits.ts';
import type { TaskRegistry } from './task-registry.ts';

/** What this agent answers to its server, whichever connection a call comes over. */
export function taskHandlers(options: {
  readonly registry: TaskRegistry;
  readonly wire: Wire;
  /** How its channels were used in all. */
  readonly report: () => ChannelReport;
  readonly platform: NodeJS.Platform;
  /** The ports that this agent really listens on, by channel. */
  readonly ports: () => Readonly<Record<string, number>>;
  /** Its part in checks and audits of the network. */
  readonly portChecks: Pick<Handlers<TaskMethods>, 'ports.listen' | 'ports.try' | 'ports.audit'>;
  readonly log: Logger;
}): Handlers<TaskMethods> {
  const { registry, wire, platform, log } = options;
  return {
    hello: async (theirs) => {
      if (theirs.protocolVersion !== limits.protocolVersion) {
        throw new HoldfastError('version.unsupported', {
          message: `The server speaks protocol version ${theirs.protocolVersion}, this agent ${limits.protocolVersion}.`,
        });
      }
      return {
        protocolVersion: limits.protocolVersion,
        productVersion,
        hostname: hostname(),
        platform: platform as Hello['platform'],
        ports: { ...options.ports() },
      };
    },
    'task.run': ({ taskId, task }, { emit, signal }) => {
      log.info({ taskId, kind: task.kind, repository: task.access.repository }, 'task');
      return registry.run(taskId, task, {
        signal,
        watch: inOrder(emit, (error) => log.debug({ taskId, error }, 'lost an event')),
      });
    },
    'task.renew': async ({ taskId, grant }) => {
      registry.renew(taskId, grant);
      return {};
    },
    'task.cancel': async ({ taskId }) => {
      registry.cancel(taskId);
      return {};
    },
    'channels.use': async () => ({ channels: wire.use(), report: options.report() }),
    ...options.portChecks,
  };
}

/** Sends events one after the other. On a slow connection progress is left out: the next report says it better. */
function inOrder(
  emit: (event: TaskEvent) => Promise<void>,
  onLost: (error: unknown) => void,
): (event: TaskEvent) => void {
  let last: Promise<void> = Promise.resolve();
  let waiting = 0;
  return (event) => {
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
}
