import { HoldfastError } from '@holdfast/core';
import type { Progress, Task, TaskOutcome } from '@holdfast/protocol/executor';
import type { Repository } from '@holdfast/repository';
import type { Connection } from '@holdfast/wire';
import { lockWaitMs, readLockWaitMs } from './limits.ts';

/** What the work on an open repository needs. */
export interface Work {
  readonly repository: Repository;
  readonly signal: AbortSignal;
  /** An empty folder of this task alone; only for drills. */
  readonly sandbox: string | undefined;
  readonly onProgress: (progress: Progress) => void;
  readonly onProblem: (problem: HoldfastError) => void;
  /** Gives bytes besides the result. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** A stream on which the mover asks for what a reader of a view wants: here is its HTTP server. */
  readonly connectReader: (readerSessionId: string, signal: AbortSignal) => Promise<Connection>;
}

/** Does a task of the server in an open repository. */
export async function execute(
  task: Task,
  o: Pick<Work, 'repository' | 'signal' | 'sandbox' | 'write' | 'connectReader'> & {
    /** Resolves when it was sent. */
    readonly progress: (progress: Progress) => Promise<void>;
    readonly problem: (problem: HoldfastError) => Promise<void>;
    readonly log: (message: string) => Promise<void>;
  },
): Promise<TaskOutcome> {
  const { repository } = o;
  repository.lockWait = { retryMs: isLookedAt(task) ? readLockWaitMs : lockWaitMs };
  const told = [o.log(`Repository ${task.access.repository} is open, in process ${process.pid}`)];
  const outcome = await run(task, {
    ...o,
    onProgress: latestOnly(o.progress),
    onProblem: (problem) => void told.push(o.problem(problem)),
  });
  await Promise.all(told);
  return outcome;
}

/** Somebody waits for the answer. */
function isLookedAt({ kind }: Task): boolean {
  return ['snapshots', 'browse', 'find', 'stats', 'recovery-key', 'read'].includes(kind);
}

/** What does the task is loaded only now: mostly it is one, and somebody waits for it. */
async function run(task: Task, work: Work): Promise<TaskOutcome> {
  switch (task.kind) {
    case 'forget':
      return (await import('./forget.ts')).forget(task, work);
    case 'prune':
      return (await import('./prune.ts')).pruneRepository(task, work);
    case 'check':
      return (await import('./check.ts')).check(task, work);
    case 'drill':
      return (await import('./drill.ts')).drillSnapshot(task, work);
    case 'analysis':
      return (await import('./analyse.ts')).analyse(task, work);
    case 'snapshots':
      return (await import('./list-snapshots.ts')).listSnapshots(task, work);
    case 'browse':
      return (await import('./browse.ts')).browse(task, work);
    case 'find':
      return (await import('./find.ts')).find(task, work);
    case 'stats':
      return (await import('./stats.ts')).measure(task, work);
    case 'read':
      return (await import('./read.ts')).read(task, work);
    case 'view':
      return (await import('./view/serve-view.ts')).serveView(task, work);
    case 'recovery-key':
      return (await import('./recovery-key.ts')).recoveryKey(task, work);
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
