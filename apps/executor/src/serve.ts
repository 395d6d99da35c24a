import { AsyncLocalStorage } from 'node:async_hooks';
import { constants, setPriority } from 'node:os';
import type { Duplex } from 'node:stream';
import { HoldfastError } from '@holdfast/core';
import { forbidDumps } from '@holdfast/native';
import {
  CallPeer,
  type ExecutorPlace,
  executorMethods,
  logLineOf,
  type RepositoryAccess,
  reportOf,
  TaskOutput,
} from '@holdfast/protocol/executor';
import { execute } from './execute.ts';
import { type OpenedRepository, openLocally } from './open.ts';

interface RunningTask {
  grant: string;
  readonly output: TaskOutput;
  readonly ended: Promise<void>;
}

/**
 * Works in one repository for the mover or agent that started this process, and resolves when that hangs up. The repository's password
 * comes with the first task, and is nowhere but in this process's memory.
 */
export async function serveExecutor(stream: Duplex): Promise<void> {
  forbidDumps();
  const tasks = new Map<string, RunningTask>();
  /** Each request carries the grant of the task that it is made for. */
  const present = new AsyncLocalStorage<RunningTask>();
  const over = new AbortController();
  let opened: { readonly of: string; readonly opening: Promise<OpenedRepository> } | undefined;

  const find = (taskId: string): RunningTask => {
    const task = tasks.get(taskId);
    if (task) return task;
    throw new HoldfastError('request.missing', { message: 'That task does not run here.' });
  };
  const open = (order: {
    access: RepositoryAccess;
    place: ExecutorPlace;
    socket: string;
    secret: string;
  }): Promise<OpenedRepository> => {
    const { tenant, repository } = order.access;
    const of = `${tenant}/${repository}`;
    if (opened !== undefined && opened.of !== of)
      throw new HoldfastError('request.conflict', { message: 'This process has another repository open.' });
    opened ??= {
      of,
      opening: openLocally({
        ...order,
        grant: () => present.getStore()?.grant ?? '',
        signal: over.signal,
      }).catch((error: unknown) => {
        opened = undefined;
        throw error;
      }),
    };
    return opened.opening;
  };

  await using peer = new CallPeer({
    stream,
    methods: executorMethods,
    handlers: {
      execute: async ({ taskId, task, sandbox, ...way }, { signal, emit }) => {
        if (tasks.has(taskId)) throw new HoldfastError('request.conflict', { message: 'That task runs already.' });
        const { promise: ended, resolve: end } = Promise.withResolvers<void>();
        const running = { grant: task.access.grant, output: new TaskOutput(), ended };
        tasks.set(taskId, running);
        // People work on an agent's computer. The scheduler of its disks goes by this, too.
        if (way.place === 'agent') setPriority(constants.priority.PRIORITY_LOW);
        try {
          const result = await present.run(running, async () =>
            execute(task, {
              ...(await open({ ...way, access: task.access })),
              signal,
              sandbox,
              write: (bytes) => running.output.write(bytes, signal),
              progress: (progress) => emit({ kind: 'progress', progress }),
              problem: (problem) => emit({ kind: 'problem', problem: reportOf(problem) }),
              log: (message) =>
                emit({ kind: 'log', line: logLineOf({ level: 'info', process: 'executor', message }, new Date()) }),
            }),
          );
          running.output.end();
          if (task.kind === 'read') await running.output.fetched(signal);
          return result;
        } catch (error) {
          running.output.end(error);
          throw error;
        } finally {
          tasks.delete(taskId);
          end();
        }
      },
      renew: async ({ taskId, grant }) => {
        find(taskId).grant = grant;
        return {};
      },
      settle: async ({ taskId }) => {
        await tasks.get(taskId)?.ended;
        return {};
      },
      read: ({ taskId }, { signal }) => find(taskId).output.read(signal),
    },
  });
  await peer.closed;
  over.abort(new HoldfastError('run.cancelled', { message: 'Who started this process has ended it.' }));
  // What runs hears of it by the connection, and needs the way to the repository to give back its lock.
  await Promise.all([...tasks.values()].map(({ ended }) => ended));
  const [last] = await Promise.allSettled(opened === undefined ? [] : [opened.opening]);
  if (last?.status === 'fulfilled') await last.value[Symbol.asyncDispose]();
}
