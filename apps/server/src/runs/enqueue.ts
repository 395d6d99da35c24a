import { HoldfastError } from '@holdfast/core';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { chunks } from '../jobs/chunks.ts';
import { maxInsertedRows, maxQueuedRuns } from '../limits.ts';
import { presentRequest } from '../present-request.ts';
import type { RunRow } from './run-store.ts';
import type { WorkOrder } from './work-order.ts';

interface NewRun {
  readonly session: string;
  readonly jobId?: string | undefined;
  readonly agentId: string;
  readonly repositoryId: string;
  readonly orderJson: string;
  readonly kind: WorkOrder['kind'];
  readonly now: Date;
  readonly attempt?: number;
  readonly notBefore?: Date | undefined;
  /** Of who asked for it, if somebody did. */
  readonly requestId: string | undefined;
}

function newRow(o: NewRun) {
  return {
    id: crypto.randomUUID(),
    kind: o.kind,
    jobId: o.jobId ?? null,
    agentId: o.agentId,
    repositoryId: o.repositoryId,
    orderJson: o.orderJson,
    state: 'queued' as const,
    sessionId: crypto.randomUUID(),
    jobSessionId: o.session,
    attempt: o.attempt ?? 1,
    notBefore: o.notBefore?.toISOString() ?? null,
    handedOver: 0,
    cancelRequested: 0,
    queuedAt: o.now.toISOString(),
    problemsJson: '[]',
    problemCount: 0,
    degradationsJson: '[]',
    requestId: o.requestId ?? null,
  };
}

/** Adds the tasks of a session to the queue, in order; gives their ids. Throws `internal.limit` when too many wait. */
export async function enqueueRuns(
  { query, wholeTenant }: TenantScope,
  o: {
    readonly session: string;
    readonly jobId?: string | undefined;
    readonly order: WorkOrder;
    readonly tasks: readonly { readonly agentId: string; readonly repositoryId: string }[];
    readonly now: Date;
  },
): Promise<string[]> {
  const { waiting } = await wholeTenant.query
    .selectFrom('runs')
    .select(query.fn.countAll<number>().as('waiting'))
    .where('state', '=', 'queued')
    .executeTakeFirstOrThrow();
  if (Number(waiting) + o.tasks.length > maxQueuedRuns) {
    throw new HoldfastError('internal.limit', { message: `More than ${maxQueuedRuns} runs would wait.` });
  }
  const { tasks, order, ...given } = o;
  const common = { ...given, requestId: presentRequest() };
  const orderJson = JSON.stringify(order);
  const rows = tasks.map((one) => newRow({ ...common, ...one, orderJson, kind: order.kind }));
  for (const some of chunks(rows, maxInsertedRows)) await query.insertInto('runs').values(some).execute();
  return rows.map(({ id }) => id);
}

/** Queues another run in the place of one that has ended. */
export async function repeatRun(
  { query }: TenantScope,
  row: RunRow,
  o: { readonly now: Date; readonly notBefore?: Date | undefined; readonly attempt: number },
): Promise<void> {
  if (row.jobSessionId === null) return;
  const { agentId, repositoryId, orderJson, kind, jobId } = row;
  const session = row.jobSessionId;
  const requestId = presentRequest() ?? row.requestId ?? undefined;
  await query.updateTable('runs').set({ superseded: 1 }).where('id', '=', row.id).execute();
  await query
    .insertInto('runs')
    .values(newRow({ ...o, agentId, repositoryId, orderJson, kind, jobId: jobId ?? undefined, session, requestId }))
    .execute();
}
