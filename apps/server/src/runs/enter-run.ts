import type { TenantScope } from '../catalogue/catalogue.ts';
import type { SessionsTable } from '../catalogue/schema.ts';
import { loadComputer } from '../computers/computers.ts';
import { loadRepository } from '../repositories.ts';
import { plainPlan } from '../sessions/session-plan.ts';
import { createSession } from '../sessions/session-store.ts';
import { enqueueRuns } from './enqueue.ts';
import { loadRun, type RunRow } from './run-store.ts';
import { isMaintenance, type WorkOrder } from './work-order.ts';

/** What one computer is to do in one repository, by itself. */
export interface SingleTask {
  readonly agentId: string;
  readonly repositoryId: string;
  readonly order: WorkOrder;
}

/** Enters a session of one task, within the caller's transaction; `RunQueue.announce` tells of it afterwards. */
export async function enterRun(
  scope: TenantScope,
  o: SingleTask & { readonly trigger: SessionsTable['trigger']; readonly now: Date },
): Promise<RunRow> {
  const { agentId, repositoryId, order, trigger, now } = o;
  const { kind } = order;
  // Maintenance is of the repository, whoever does it.
  const { groupName } = isMaintenance(kind)
    ? await loadRepository(scope, repositoryId)
    : await loadComputer(scope, agentId);
  const session = await createSession(scope, { kind, groupName, trigger, plan: plainPlan, now });
  const [id = ''] = await enqueueRuns(scope, { session, order, tasks: [{ agentId, repositoryId }], now });
  return loadRun(scope, id);
}
