import { type Clock, HoldfastError } from '@holdfast/core';
import type { Routes, Session } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { JobKind } from '../catalogue/schema.ts';
import { loadUsableComputer } from '../computers/computers.ts';
import type { EventHub } from '../event-hub.ts';
import { jobCalendar } from '../jobs/job-calendar.ts';
import { loadJob, settingsOf } from '../jobs/job-rows.ts';
import { changeJob, createJob, deleteJob, jobView, pageOfJobs, type RequireUnchanged } from '../jobs/jobs.ts';
import { checkPlannedJob } from '../jobs/planned-job.ts';
import { mayKeepLess } from '../jobs/retention-change.ts';
import { startJob } from '../jobs/start-job.ts';
import type { RunQueue } from '../runs/run-queue.ts';
import { sessionView } from '../sessions/session-store.ts';
import type { Vault } from '../vault.ts';
import type { RestHandlers } from './rest-app.ts';
import type { RestRequest } from './route-runner.ts';

export function jobHandlers(o: {
  queue: RunQueue;
  events: EventHub;
  vault: Vault;
  clock: Clock;
}): Pick<
  RestHandlers,
  'createJob' | 'checkJob' | 'jobs' | 'job' | 'changeJob' | 'deleteJob' | 'jobCalendar' | 'runJob'
> {
  return {
    createJob: async ({ scope, body: { managedBy, ...settings }, requireApproval }) => {
      if (await mayKeepLess(scope, { after: settings })) await requireApproval();
      return jobView(scope, await createJob(scope, { kind: 'job', settings, managedBy }, o.clock));
    },
    checkJob: ({ scope, body }) => checkPlannedJob(scope, body, o.clock.now()),
    jobs: ({ scope, query }) => pageOfJobs(scope, query),
    job: async ({ scope, params }) => jobView(scope, await loadJob(scope, params.id)),
    changeJob: async ({ scope, params: { id }, body: { managedBy, ...settings }, requireApproval, ...asked }) => {
      const row = await loadJob(scope, id);
      const requireUnchanged = isAsSeen(asked);
      await requireUnchanged(scope, row);
      if (await mayKeepLess(scope, { before: settingsOf(row), after: settings })) await requireApproval();
      const change = { id, kind: 'job', settings, managedBy, requireUnchanged } as const;
      return jobView(scope, await changeJob(scope, change, o.clock));
    },
    deleteJob: async ({ scope, params: { id }, note, requireApproval, ...asked }) => {
      const row = await loadJob(scope, id);
      const before = settingsOf(row);
      note({ details: { name: before.name } });
      const requireUnchanged = isAsSeen(asked);
      await requireUnchanged(scope, row);
      if (await mayKeepLess(scope, { before })) await requireApproval();
      await deleteJob(scope, { id, kind: 'job', requireUnchanged });
      return {};
    },
    jobCalendar: async ({ scope, params, query }) => jobCalendar(scope, await loadJob(scope, params.id), query),
    runJob: ({ scope, params, body }) => runNow(scope, { ...o, id: params.id, kind: 'job', computers: body.computers }),
  };
}

function isAsSeen({ requireUnchanged }: Pick<RestRequest<Routes['changeJob']>, 'requireUnchanged'>): RequireUnchanged {
  return async (scope, row) => requireUnchanged(await jobView(scope, row));
}

/** Starts a session of a job, or of a policy whose agents the server asks to run it now. Throws as `startJob`. */
export async function runNow(
  scope: TenantScope,
  o: {
    readonly id: string;
    readonly kind: JobKind;
    readonly computers: readonly string[] | undefined;
    readonly queue: RunQueue;
    readonly events: EventHub;
    readonly vault: Vault;
    readonly clock: Clock;
  },
): Promise<Session> {
  const { id, kind, computers, vault } = o;
  const session = await scope.transaction(async (inner) => {
    const row = await loadJob(inner, id, kind);
    return startJob(inner, { row, computers, trigger: 'person', vault, now: o.clock.now() });
  });
  if (session === undefined) {
    // Says which are revoked.
    for (const computer of settingsOf(await loadJob(scope, id, kind)).computers)
      await loadUsableComputer(scope, computer, 'agent');
    throw new HoldfastError('request.conflict', { message: `No computer is left that the ${kind} could run on.` });
  }
  o.queue.look();
  const view = await sessionView(scope, session);
  o.events.publishSession(scope.tenant, view);
  return view;
}
