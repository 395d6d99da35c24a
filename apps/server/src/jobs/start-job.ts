import { HoldfastError } from '@holdfast/core';
import type { JobSettings } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { SessionsTable } from '../catalogue/schema.ts';
import type { ComputerRow } from '../computers/computers.ts';
import { enqueueRuns } from '../runs/enqueue.ts';
import type { WorkOrder } from '../runs/work-order.ts';
import type { SessionPlan } from '../sessions/session-plan.ts';
import { createSession } from '../sessions/session-store.ts';
import type { Vault } from '../vault.ts';
import { leftOut, takesNoJobs } from './check-settings.ts';
import { computersOf } from './job-computers.ts';
import { type JobRow, settingsOf } from './job-rows.ts';
import { repositoriesOf } from './target-repository.ts';

/**
 * Starts a session of a job: a run for each of its computers, or of those of them that are asked for. Within the caller's
 * transaction. Gives the session's id; undefined when no computer is left for it.
 * Throws `request.missing` for a computer that is not in the job, `internal.limit` when too many runs wait.
 */
export async function startJob(
  scope: TenantScope,
  o: {
    readonly row: JobRow;
    readonly computers?: readonly string[] | undefined;
    readonly trigger: SessionsTable['trigger'];
    readonly vault: Vault;
    readonly now: Date;
  },
): Promise<string | undefined> {
  const settings = settingsOf(o.row);
  const inJob = await computersOf(scope, settings);
  const asked = o.computers === undefined ? inJob : inJob.filter(({ id }) => o.computers?.includes(id));
  const foreign = o.computers?.find((id) => !inJob.some((one) => one.id === id));
  if (foreign !== undefined)
    throw new HoldfastError('request.missing', {
      message: `Computer ${foreign} is not in ${o.row.kind} ${settings.name}, or its certificate has been revoked.`,
    });
  const isLeftOut = (computer: ComputerRow): boolean => o.row.kind === 'job' && takesNoJobs(computer);
  const computers = asked.filter((computer) => !isLeftOut(computer));
  const notes = asked.filter(isLeftOut).map(leftOut);
  if (computers.length === 0) return undefined;
  const session = await createSession(scope, {
    kind: 'backup',
    groupName: o.row.groupName,
    job: { id: o.row.id, name: settings.name },
    trigger: o.trigger,
    plan: planOf(settings),
    notes,
    now: o.now,
  });
  const order = orderOf(settings, { id: o.row.id, session });
  const { target } = settings;
  const repositoryOf = await repositoriesOf(scope, { computers, target, vault: o.vault, now: o.now });
  await enqueueRuns(scope, {
    session,
    jobId: o.row.id,
    order,
    tasks: computers.map(({ id }) => ({ agentId: id, repositoryId: repositoryOf(id) })),
    now: o.now,
  });
  return session;
}

/** What a run of the job is to do. */
export function orderOf(
  settings: JobSettings,
  job: { readonly id: string; readonly session?: string },
): Extract<WorkOrder, { kind: 'backup' }> {
  const { scope, excludes, oneFileSystem, tags, direction, compression, bandwidth, timeZone, scripts } = settings;
  const hasScripts = scripts.pre !== undefined || scripts.post !== undefined;
  return {
    kind: 'backup',
    ...(scope.kind === 'folders'
      ? { sources: scope.paths, wholeComputer: false }
      : { sources: [], wholeComputer: true }),
    excludes,
    oneFileSystem,
    tags,
    direction,
    compression,
    ...(bandwidth.length > 0 ? { bandwidth: { timeZone, rules: bandwidth } } : {}),
    ...(hasScripts ? { scripts: { ...scripts, job: { ...job, name: settings.name } } } : {}),
  };
}

function planOf({ windows, timeZone, retries }: JobSettings): SessionPlan {
  return { windows, timeZone, retries };
}
