import { hostname } from 'node:os';
import { type Clock, productVersion } from '@holdfast/core';
import {
  type AgentPolicy,
  nextOccurrence,
  type PanelMethod,
  type PanelParams,
  type PanelPolicy,
  type PanelResult,
  type PanelState,
  type Task,
  type TaskOutcome,
  type TaskRegistry,
} from '@holdfast/protocol';
import { panelPageEntries, panelReadMs } from '../limits.ts';
import type { Policies } from '../policies/policies.ts';
import { type PanelFetcher, type PanelReader, panelReader } from './panel-readings.ts';
import type { RecentTasks } from './recent-tasks.ts';

/** What is answered to who is in; signing in and out is the panel's own. */
export type PanelHandlers = {
  readonly [Name in Exclude<PanelMethod, 'sign-in' | 'sign-out' | 'read' | 'download'>]: (
    params: PanelParams<Name>,
    signal: AbortSignal,
  ) => Promise<PanelResult<Name>>;
} & { readonly read: PanelReader; readonly fetch: PanelFetcher };

/** What this agent does for the person at its own computer, with the policies and grants that it has. */
export function panelHandlers(o: {
  readonly agentId: string;
  readonly platform: PanelState['computer']['platform'];
  readonly server: () => PanelState['server'];
  readonly hasOwnKey: () => Promise<boolean>;
  readonly policies: Policies;
  readonly recent: RecentTasks;
  /** Of the tasks that are asked for here. */
  readonly tasks: TaskRegistry;
  readonly clock: Clock;
}): PanelHandlers {
  const { policies, recent, tasks, clock } = o;

  /** A page somebody waits for: done by the engine, as for the server, with the policy's own grant. */
  const read = async <Kind extends 'snapshots' | 'browse'>(
    task: Extract<Task, { kind: Kind }>,
    signal: AbortSignal,
  ): Promise<Extract<TaskOutcome, { kind: Kind }> & { readonly problemCount: number }> => {
    const taskId = crypto.randomUUID();
    const limited = AbortSignal.any([signal, AbortSignal.timeout(panelReadMs)]);
    try {
      const { result, problemCount } = await tasks.run({ run: taskId }, task, {
        watch: () => undefined,
        signal: limited,
      });
      return { ...(result as Extract<TaskOutcome, { kind: Kind }>), problemCount };
    } catch (error) {
      if (limited.aborted) tasks.cancel(taskId);
      throw error;
    }
  };

  return {
    state: async () => ({
      computer: { id: o.agentId, hostname: hostname(), platform: o.platform, version: productVersion },
      server: o.server(),
      ownKey: await o.hasOwnKey(),
      policies: policies.all.map((policy) => policyView(policy, policies, clock.now())),
      tasks: recent.list(),
    }),
    run: async ({ policyId }) => {
      await policies.runNow(policyId);
      return {};
    },
    snapshots: async ({ policyId, after }, signal) => {
      const { access } = policies.require(policyId).task;
      const page = {
        kind: 'snapshots',
        access,
        limit: panelPageEntries,
        ...(after === undefined ? {} : { after }),
      } as const;
      const { snapshots, next, problemCount } = await read(page, signal);
      // Of a repository that other computers back up to as well.
      const own = snapshots.filter((snapshot) => snapshot.hostname === hostname());
      return { snapshots: own, unreadable: problemCount, ...(next === undefined ? {} : { next }) };
    },
    entries: async ({ policyId, snapshotId, path, skip }, signal) => {
      const { access } = policies.require(policyId).task;
      const page = { kind: 'browse', access, snapshotId, path, skip, limit: panelPageEntries } as const;
      const { entries, more } = await read(page, signal);
      return { entries, more };
    },
    ...panelReader({ policies, tasks }),
    restore: async ({ policyId, taskId, ...choices }) => {
      const { access } = policies.require(policyId).task;
      // How it ends is told by the state; that it can't begin, here.
      tasks.begin({ run: taskId }, { kind: 'restore', access, ...choices });
      return {};
    },
    cancel: async ({ taskId }) => {
      tasks.cancel(taskId);
      return {};
    },
  };
}

function policyView(policy: AgentPolicy, policies: Policies, now: Date): PanelPolicy {
  const { id, name, repositoryId, task, schedule, timeZone, windows } = policy;
  const { state, notBefore } = policies.stateOf(id);
  const nextAt = nextOccurrence({ schedule, timeZone }, now)?.toISOString();
  return {
    ...{ id, name, repositoryId, repository: task.access.repository, sources: task.wholeComputer ? [] : task.sources },
    ...{ schedule, timeZone, windows, state },
    ...(nextAt === undefined ? {} : { nextAt }),
    ...(notBefore === undefined ? {} : { notBefore }),
  };
}
