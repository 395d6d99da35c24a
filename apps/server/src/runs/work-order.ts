import {
  analysisTask,
  backupTask,
  checkTask,
  dataDirection,
  drillTask,
  entityId,
  forgetTask,
  isoTime,
  pruneTask,
  type RepositoryAccess,
  type RestoreTask,
  type Run,
  restoreTask,
  type Task,
} from '@holdfast/protocol';
import { z } from 'zod';
import { readJson } from '../json-column.ts';

const maintenanceOrders = [
  forgetTask.omit({ access: true }),
  pruneTask.omit({ access: true }),
  checkTask.omit({ access: true }),
  drillTask.omit({ access: true }).extend({
    /** Of the backup, for the receipt. */
    agentId: entityId,
    hostname: z.string(),
    takenAt: isoTime,
  }),
  analysisTask.omit({ access: true, comparisons: true }).extend({
    comparisons: z.array(
      analysisTask.shape.comparisons.element.extend({
        /** Whose backups, for the alert. */
        agentId: entityId,
        hostname: z.string(),
        /** When the earlier one was listed: what was told of the computer since then is no news. */
        since: isoTime,
      }),
    ),
  }),
] as const;

/** What the executor of a repository is to do in it. */
export const maintenanceOrder = z.discriminatedUnion('kind', maintenanceOrders);
export type MaintenanceOrder = z.infer<typeof maintenanceOrder>;

const restoreWays = z.enum(['key', 'executor']);
/** Of what a restore is to do. */
const restoreOrderFacts = z.object({
  /** How it gets at the snapshot. */
  way: restoreWays.default('key'),
  snapshotId: restoreTask.shape.snapshotId,
  target: z.string(),
  subfolder: z.string().optional(),
  include: z.array(z.string()),
  dryRun: z.boolean().default(false),
});
/** More parts of a restore than these are counted only: lists show hundreds of runs. */
const toldParts = 10;

/** What a run says of the restore that it is. */
export function restoreFacts(orderJson: string): Required<Pick<Run, 'way' | 'restore'>> {
  const { way, include, ...facts } = readJson(restoreOrderFacts, orderJson, 'runs.orderJson');
  return { way, restore: { ...facts, parts: { count: include.length, first: include.slice(0, toldParts) } } };
}

/** What a run is to do, as it was when the run was queued. Without secrets: those are added when the task is handed over. */
export const workOrder = z.discriminatedUnion('kind', [
  backupTask.omit({ access: true, initialise: true }).extend({ direction: dataDirection }),
  restoreTask.omit({ access: true, view: true }).extend({
    direction: dataDirection,
    /** See `restoreWay`; of runs of earlier versions `key`. */
    way: restoreWays.default('key'),
  }),
  ...maintenanceOrders,
]);
export type WorkOrder = z.infer<typeof workOrder>;

/** The work of a repository's executor, and not of an agent. */
export function isMaintenance(kind: WorkOrder['kind']): boolean {
  return kind !== 'backup' && kind !== 'restore';
}

/** The task: the order with the means to reach the repository. `initialise` is for backups, `view` for restores. */
export function taskOf(
  order: WorkOrder,
  o: { readonly access: RepositoryAccess; readonly initialise: boolean; readonly view: RestoreTask['view'] },
): Task {
  const { access, initialise, view } = o;
  switch (order.kind) {
    case 'backup': {
      const { direction: _, ...work } = order;
      return { ...work, access, initialise };
    }
    case 'restore': {
      const { direction: _, way: __, ...work } = order;
      return { ...work, access, ...(view ? { view } : {}) };
    }
    case 'drill': {
      const { agentId: _, hostname: __, takenAt: ___, ...work } = order;
      return { ...work, access };
    }
    case 'analysis':
      return { ...order, access, comparisons: order.comparisons.map(({ before, after }) => ({ before, after })) };
    default:
      return { ...order, access };
  }
}
