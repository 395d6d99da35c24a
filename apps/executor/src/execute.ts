import { HoldfastError } from '@holdfast/core';
import { dialRepository, type Progress, type Task, type TaskOutcome } from '@holdfast/protocol';
import { openRepository, type Repository } from '@holdfast/repository';
import { openRest } from '@holdfast/storage';
import { createWire, httpClient } from '@holdfast/wire';
import { browse } from './browse.ts';
import { check } from './check.ts';
import { drillSnapshot } from './drill.ts';
import { find } from './find.ts';
import { forget } from './forget.ts';
import { lockWaitMs, maxParallelRequests, readLockWaitMs } from './limits.ts';
import { listSnapshots } from './list-snapshots.ts';
import { pruneRepository } from './prune.ts';
import { recoveryKey } from './recovery-key.ts';
import { measure } from './stats.ts';

/** What a task gets from the process that runs it. */
export interface ExecutorContext {
  readonly signal: AbortSignal;
  /** The grant in force: renewed while the task runs. */
  readonly grant: () => string;
  /** Resolves when it was sent. */
  readonly progress: (progress: Progress) => Promise<void>;
  readonly problem: (problem: HoldfastError) => Promise<void>;
}

/** What the work on an open repository needs. */
export interface Work {
  readonly repository: Repository;
  readonly signal: AbortSignal;
  /** An empty folder of this task alone; only for drills. */
  readonly sandbox: string | undefined;
  readonly onProgress: (progress: Progress) => void;
  readonly onProblem: (problem: HoldfastError) => void;
}

/** Opens the repository through the mover's local socket, under the task's grant and so under the mover's rules, and works. */
export async function execute(
  order: {
    readonly task: Task;
    readonly socket: string;
    readonly secret: string;
    readonly sandbox?: string | undefined;
  },
  context: ExecutorContext,
): Promise<TaskOutcome> {
  const { task, socket, secret, sandbox } = order;
  const { access } = task;
  const { signal } = context;
  await using wire = createWire({ role: 'repository', bind: '127.0.0.1' });
  await using target = await openRest({
    client: httpClient({
      connections: maxParallelRequests,
      connect: async (dialling) => {
        const connection = await wire.dialLocal('role-to-local-mover', socket, { signal: dialling });
        await dialRepository(connection.stream, secret, dialling);
        return connection;
      },
    }),
    basePath: `/${access.tenant}/${access.repository}/`,
    location: `repository ${access.tenant}/${access.repository}`,
    credentials: { authorize: async () => ({ authorization: `Bearer ${context.grant()}` }), refused: () => false },
    maxParallelRequests,
    signal,
  });
  const repository = await openRepository(target, { password: access.password, signal });
  const isRead = task.kind !== 'forget' && task.kind !== 'prune';
  repository.lockWait = {
    retryMs: isRead && task.kind !== 'check' && task.kind !== 'drill' ? readLockWaitMs : lockWaitMs,
  };
  const told: Promise<void>[] = [];
  const outcome = await run(task, {
    repository,
    signal,
    sandbox,
    onProgress: latestOnly(context.progress),
    onProblem: (problem) => void told.push(context.problem(problem)),
  });
  await Promise.all(told);
  return outcome;
}

async function run(task: Task, work: Work): Promise<TaskOutcome> {
  switch (task.kind) {
    case 'forget':
      return forget(task, work);
    case 'prune':
      return pruneRepository(task, work);
    case 'check':
      return check(task, work);
    case 'drill':
      return drillSnapshot(task, work);
    case 'snapshots':
      return listSnapshots(task, work);
    case 'browse':
      return browse(task, work);
    case 'find':
      return find(task, work);
    case 'stats':
      return measure(task, work);
    case 'recovery-key':
      return recoveryKey(task, work);
    default:
      throw new HoldfastError('request.invalid', {
        message: `An executor does no ${task.kind}: that is an agent's work.`,
      });
  }
}

/** One report is on its way at a time; what comes meanwhile is left out, because the next says it better. */
function latestOnly(send: (progress: Progress) => Promise<void>): (progress: Progress) => void {
  let isSending = false;
  const sent = (): void => {
    isSending = false;
  };
  return (progress) => {
    if (isSending) return;
    isSending = true;
    // A connection that is gone ends the task by its signal.
    send(progress).then(sent, sent);
  };
}
