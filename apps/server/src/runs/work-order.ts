import { backupTask, dataDirection, type RepositoryAccess, restoreTask, type Task } from '@holdfast/protocol';
import { z } from 'zod';

/** What a run is to do, as it was when the run was queued. Without secrets: those are added when the agent gets the task. */
export const workOrder = z.discriminatedUnion('kind', [
  backupTask.omit({ access: true, initialise: true }).extend({ direction: dataDirection }),
  restoreTask.omit({ access: true }).extend({ direction: dataDirection }),
]);
export type WorkOrder = z.infer<typeof workOrder>;

/** The agent's task: the order with the means to reach the repository. `initialise` is for backups. */
export function taskOf(order: WorkOrder, access: RepositoryAccess, initialise: boolean): Task {
  const { direction: _, ...work } = order;
  return work.kind === 'backup' ? { ...work, access, initialise } : { ...work, access };
}
