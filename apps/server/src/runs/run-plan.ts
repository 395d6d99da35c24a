import type { GrantMode, OpenSession, RepositoryAccess, Task, TaskEvent } from '@holdfast/protocol';
import type { ComputerRow } from '../computers/computers.ts';
import { passwordOf, type RepositoryRow } from '../repositories.ts';
import type { Vault } from '../vault.ts';
import type { ActiveRun } from './active-run.ts';
import type { ViewOfRun } from './view-of-run.ts';
import { isMaintenance, taskOf, type WorkOrder } from './work-order.ts';

/** Who does which task of a run, and what it is admitted to. */
export interface RunPlan {
  /** Who does the work: an agent, or the mover, where that is the repository's executor. */
  readonly agent: ComputerRow;
  readonly mover: ComputerRow;
  readonly repository: RepositoryRow;
  /** By which the one who does it knows it. */
  readonly taskId: string;
  readonly task: (access: RepositoryAccess) => Task;
  /** The session at the mover. */
  readonly session: Pick<OpenSession, 'sessionId' | 'subject' | 'mode' | 'viewOnly' | 'publishesTo'>;
  readonly password: string | undefined;
  readonly direction: RepositoryAccess['direction'];
  /** It is the run itself, and not something that it needs: what becomes of it is what becomes of the run. */
  readonly isMain: boolean;
  /** Stops the task at the agent. */
  readonly cancel: AbortSignal;
  readonly observe: (event: Exclude<TaskEvent, { kind: 'channel-offered' }>) => void;
  /** What has to be there before the task is handed over. */
  readonly before?: ((signal: AbortSignal) => Promise<void>) | undefined;
}

type Places = Pick<RunPlan, 'agent' | 'mover' | 'repository'>;

/** The run itself. With a view it gets no key of the repository, and sees what the executor shows. */
export function planOfRun(
  run: ActiveRun,
  o: Places & { readonly order: WorkOrder; readonly vault: Vault; readonly view?: ViewOfRun | undefined },
): RunPlan {
  const { agent, mover, repository, order, vault, view } = o;
  const isFirst = repository.initialisedAt === null;
  return {
    ...{ agent, mover, repository },
    taskId: run.row.id,
    task: (access) => taskOf(order, { access, initialise: isFirst, view: view && { key: view.key } }),
    session: {
      sessionId: run.row.sessionId,
      subject: `${isMaintenance(order.kind) ? 'executor' : 'agent'}/${agent.id}`,
      mode: modeOf(order),
      ...(view ? { viewOnly: true } : {}),
    },
    password: view ? undefined : passwordOf(repository, vault),
    direction: 'direction' in order ? order.direction : 'agent-dials',
    isMain: true,
    cancel: run.cancel.signal,
    observe: (event) => run.observe(event),
  };
}

/** What the repository's executor does for a restore by a computer that does not get the key. */
export function planOfView(
  run: ActiveRun,
  o: Places & {
    readonly order: Extract<WorkOrder, { kind: 'restore' }>;
    readonly vault: Vault;
    readonly view: ViewOfRun;
    readonly cancel: AbortSignal;
    readonly observe: RunPlan['observe'];
  },
): RunPlan {
  const { agent, mover, repository, order, view, vault, cancel, observe } = o;
  const { snapshotId, subfolder, include, exclude, includeAnyCase, excludeAnyCase } = order;
  const readerSessionId = run.row.sessionId;
  return {
    ...{ agent, mover, repository, cancel, observe, isMain: false, direction: 'agent-dials' },
    taskId: view.taskId,
    task: (access) => ({
      kind: 'view',
      ...{ access, key: view.key, readerSessionId, snapshotId, include },
      ...(subfolder === undefined ? {} : { subfolder }),
      ...(exclude === undefined ? {} : { exclude }),
      ...(includeAnyCase === undefined ? {} : { includeAnyCase }),
      ...(excludeAnyCase === undefined ? {} : { excludeAnyCase }),
    }),
    session: {
      sessionId: view.sessionId,
      subject: `executor/${agent.id}`,
      mode: 'read',
      publishesTo: readerSessionId,
    },
    password: passwordOf(repository, vault),
  };
}

function modeOf(order: WorkOrder): GrantMode {
  switch (order.kind) {
    case 'backup':
      return 'append';
    case 'prune':
      return order.dryRun ? 'read' : 'maintain';
    case 'forget':
      return 'maintain';
    default:
      return 'read';
  }
}
