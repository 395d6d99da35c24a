import { HoldfastError } from '@holdfast/core';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { SessionsTable } from '../catalogue/schema.ts';
import { loadComputer } from '../computers/computers.ts';
import { loadRepository } from '../repositories.ts';
import { plainPlan } from '../sessions/session-plan.ts';
import { createSession } from '../sessions/session-store.ts';
import { enqueueRuns } from './enqueue.ts';
import { loadRun, type RunRow } from './run-store.ts';
import { isMaintenance, type WorkOrder } from './work-order.ts';

/** What one computer is to do in one repository. */
export interface SingleTask {
  readonly agentId: string;
  readonly repositoryId: string;
  readonly order: WorkOrder;
}

/**
 * Enters a session of tasks of one kind in one repository, one at least, within the caller's transaction; `RunQueue.announce` tells of
 * each afterwards.
 */
export async function enterRuns(
  scope: TenantScope,
  o: { readonly tasks: readonly SingleTask[]; readonly trigger: SessionsTable['trigger']; readonly now: Date },
): Promise<RunRow[]> {
  const { tasks, trigger, now } = o;
  const [first] = tasks;
  if (!first) throw new HoldfastError('internal.unexpected', { message: 'A session without tasks.' });
  const { kind } = first.order;
  // Maintenance is of the repository, whoever does it.
  const { groupName } = isMaintenance(kind)
    ? await loadRepository(scope, first.repositoryId)
    : await loadComputer(scope, first.agentId);
  const session = await createSession(scope, { kind, groupName, trigger, plan: plainPlan, now });
  const rows: RunRow[] = [];
  for (const { order, ...task } of tasks) {
    const [id = ''] = await enqueueRuns(scope, { session, order, tasks: [task], now });
    rows.push(await loadRun(scope, id));
  }
  return rows;
}
