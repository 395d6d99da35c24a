import { HoldfastError } from '@holdfast/core';
import { eventSchema, type NotificationEvent, type Outcome, type RunPoint } from '@holdfast/notify';
import { findingText, type Run } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { loadComputer } from '../computers/computers.ts';
import { readJson } from '../json-column.ts';
import { maxListedInSummary } from '../limits.ts';
import { alertView, loadAlert } from '../ransomware/alerts.ts';
import { loadRepository } from '../repositories.ts';
import { loadRun, type RunRow, runView } from '../runs/run-store.ts';
import { isMaintenance, workOrder } from '../runs/work-order.ts';
import type { Cause } from './causes.ts';

/** What notify takes of a run: problems that are named, and runs in the picture. */
const maxNamedProblems = 20;
const maxHistoryRuns = 30;

interface Teller {
  readonly from: string;
  readonly now: Date;
}

type About = { readonly kind: NotificationEvent['kind'] } & Readonly<Record<string, unknown>>;

function eventAbout(about: About, { from, now }: Teller): NotificationEvent {
  return eventSchema.parse({ id: crypto.randomUUID(), at: now.toISOString(), from, ...about });
}

/** The event of a cause, with all that its message says; undefined when it is of no interest any more. */
export async function eventOfCause(
  scope: TenantScope,
  cause: Cause,
  o: Teller,
): Promise<NotificationEvent | undefined> {
  switch (cause.kind) {
    case 'run-ended':
      return runEvent(scope, await loadRun(scope, cause.runId), o);
    case 'computer-offline': {
      const { hostname, lastSeenAt, enrolledAt } = await loadComputer(scope, cause.computerId);
      return eventAbout({ kind: cause.kind, computer: hostname, lastSeenAt: lastSeenAt ?? enrolledAt }, o);
    }
    case 'computer-unprotected': {
      const { hostname } = await loadComputer(scope, cause.computerId);
      const last = await scope.query
        .selectFrom('snapshots')
        .select((row) => row.fn.max('takenAt').as('at'))
        .where('agentId', '=', cause.computerId)
        .executeTakeFirst();
      return eventAbout({ kind: cause.kind, computer: hostname, ...(last?.at ? { lastBackupAt: last.at } : {}) }, o);
    }
    case 'ransomware-alert': {
      const { hostname, repositoryId, findings } = alertView(await loadAlert(scope, cause.alertId));
      const { name: repository } = await loadRepository(scope, repositoryId);
      const signs = findings.slice(0, maxNamedProblems).map(findingText);
      return eventAbout({ kind: cause.kind, computer: hostname, repository, signs }, o);
    }
    case 'approval-waiting': {
      const row = await scope.query
        .selectFrom('approvals')
        .selectAll()
        .where('id', '=', cause.approvalId)
        .where('state', '=', 'waiting')
        .executeTakeFirst();
      if (!row) return undefined;
      const { route: action, subject, actor: requestedBy, expiresAt } = row;
      return eventAbout({ kind: cause.kind, action, subject, requestedBy, expiresAt }, o);
    }
    case 'certificate-expiring':
    case 'sign-in-delayed':
      return eventAbout(cause, o);
  }
}

async function runEvent(scope: TenantScope, row: RunRow, o: Teller): Promise<NotificationEvent> {
  const run = runView(row);
  const problems = problemsOf(run).map(({ code, message, guidance }) => ({ code, message, guidance }));
  const named = problems.slice(0, maxNamedProblems);
  const computer = (await loadComputer(scope, run.agentId)).hostname;
  const repository = (await loadRepository(scope, run.repositoryId)).name;
  const outcome = outcomeOf(run);
  const times = { startedAt: run.startedAt ?? run.queuedAt, endedAt: run.endedAt ?? run.queuedAt };
  if (run.kind === 'check' && outcome === 'failed')
    return eventAbout({ kind: 'repository-check-failed', repository, problems: named }, o);
  const order = run.kind === 'drill' ? readJson(workOrder, row.orderJson, 'runs.orderJson') : undefined;
  if (order?.kind === 'drill') {
    const durationMs = Math.max(0, Date.parse(times.endedAt) - Date.parse(times.startedAt));
    const name = `of ${order.hostname} from ${repository}`;
    return eventAbout({ kind: 'restore-drill', name, computer, outcome, durationMs, problems: named }, o);
  }
  const what = isMaintenance(run.kind) ? 'maintenance' : run.kind;
  return eventAbout(
    {
      kind: 'run-ended',
      run: {
        what,
        name: what === 'maintenance' ? `${run.kind} of ${repository}` : ((await jobNameOf(scope, row)) ?? repository),
        ...{ computer, outcome, ...times },
        ...countsOf(run),
        problems: named,
        problemCount: Math.max(problems.length, run.problemCount),
      },
      history: await historyOf(scope, row),
    },
    o,
  );
}

/** A run that was stopped, or that something stood in for, is one to look at. */
function outcomeOf({ state, degradations }: Pick<Run, 'state' | 'degradations'>): Outcome {
  if (state === 'failed') return 'failed';
  return state === 'succeeded' && degradations.length === 0 ? 'succeeded' : 'warning';
}

function problemsOf({
  error,
  problems,
  degradations,
}: Run): Pick<Run['problems'][number], 'code' | 'message' | 'guidance'>[] {
  return [
    ...(error ? [error] : []),
    ...problems,
    ...degradations.map(({ channel, usedInstead, reason }) => ({
      ...{ code: reason.code, guidance: reason.guidance },
      message: `${channel} could not be used, and ${usedInstead} stood in for it: ${reason.message}`,
    })),
  ];
}

function countsOf({ result }: Run): object {
  switch (result?.kind) {
    case 'backup': {
      const { totalFiles: files, readBytes, storedBytes, snapshotId } = result;
      return { files, readBytes, storedBytes, snapshotId };
    }
    case 'restore':
      return { files: result.files, readBytes: result.bytes, snapshotId: result.snapshotId };
    default:
      return {};
  }
}

async function jobNameOf({ query }: TenantScope, { jobSessionId }: RunRow): Promise<string | undefined> {
  if (jobSessionId === null) return undefined;
  const row = await query.selectFrom('sessions').select('jobName').where('id', '=', jobSessionId).executeTakeFirst();
  return row?.jobName ?? undefined;
}

/** The last runs of the same work, this one the last. */
async function historyOf({ query }: TenantScope, row: RunRow): Promise<RunPoint[]> {
  let runs = query
    .selectFrom('runs')
    .selectAll()
    .where('agentId', '=', row.agentId)
    .where('repositoryId', '=', row.repositoryId)
    .where('kind', '=', row.kind)
    .where('endedAt', '<=', row.endedAt ?? row.queuedAt)
    .where('superseded', '=', 0);
  if (row.jobId !== null) runs = runs.where('jobId', '=', row.jobId);
  const rows = await runs.orderBy('endedAt', 'desc').limit(maxHistoryRuns).execute();
  return rows.reverse().map(pointOf);
}

function pointOf(row: RunRow): RunPoint {
  const { state, degradations, startedAt, queuedAt, endedAt = queuedAt } = runView(row);
  const durationMs = Math.max(0, Date.parse(endedAt) - Date.parse(startedAt ?? queuedAt));
  return { endedAt, outcome: outcomeOf({ state, degradations }), durationMs };
}

/** What was run since then, and who is not there. */
export async function summaryEvent(
  scope: TenantScope,
  o: Teller & { readonly since: string; readonly offline: readonly string[] },
): Promise<NotificationEvent> {
  const ended = scope.query
    .selectFrom('runs')
    .where('endedAt', '>', o.since)
    .where('endedAt', '<=', o.now.toISOString())
    .where('superseded', '=', 0);
  const counts = { succeeded: 0, warning: 0, failed: 0 };
  const groups = await ended
    .select((row) => [
      'state',
      row.fn.countAll<number>().as('all'),
      row.fn.count<number>('id').filterWhere('degradationsJson', '=', '[]').as('plain'),
    ])
    .groupBy('state')
    .execute();
  for (const { state, all, plain } of groups) {
    const plainly = state === 'succeeded' ? Number(plain) : 0;
    counts.succeeded += plainly;
    counts[state === 'failed' ? 'failed' : 'warning'] += Number(all) - plainly;
  }
  const rows: RunRow[] = [];
  // Those with problems first.
  for (const states of [['failed'], ['warning', 'cancelled'], ['succeeded']] as const) {
    if (rows.length >= maxListedInSummary) break;
    const some = ended.selectAll().where('state', 'in', states).orderBy('endedAt', 'desc');
    rows.push(...(await some.limit(maxListedInSummary - rows.length).execute()));
  }
  const runs = await Promise.all(rows.map((row) => summaryRun(scope, row)));
  const last = await ended.selectAll().orderBy('endedAt', 'desc').limit(maxHistoryRuns).execute();
  return eventAbout(
    {
      ...{ kind: 'daily-summary', since: o.since, counts, runs },
      offline: o.offline.slice(0, maxListedInSummary),
      history: last.reverse().map(pointOf),
    },
    o,
  );
}

async function summaryRun(scope: TenantScope, row: RunRow): Promise<object> {
  const event = await runEvent(scope, row, { from: '', now: new Date(row.endedAt ?? row.queuedAt) });
  switch (event.kind) {
    case 'run-ended': {
      const { what, name, computer, outcome, endedAt, problems } = event.run;
      return { what, name, computer, outcome, endedAt, problem: problems[0]?.message };
    }
    case 'restore-drill': {
      const { computer, outcome, at: endedAt, problems } = event;
      return {
        ...{ what: 'maintenance', name: `restore drill ${event.name}`, computer, outcome, endedAt },
        problem: problems[0]?.message,
      };
    }
    case 'repository-check-failed':
      return {
        ...{ what: 'maintenance', name: `check of ${event.repository}`, outcome: 'failed', endedAt: event.at },
        computer: (await loadComputer(scope, row.agentId)).hostname,
        problem: event.problems[0]?.message,
      };
    default:
      throw new HoldfastError('internal.unexpected');
  }
}
