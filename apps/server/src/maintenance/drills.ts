import { randomBytes } from 'node:crypto';
import type { DrillOptions } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { maxQueryValues } from '../limits.ts';
import type { MaintenanceOrder } from '../runs/work-order.ts';

/**
 * The drills that are due next in a repository: of the computers whose last good drill there is the longest ago, the newest backup
 * each. With `snapshotIds` of these backups instead.
 */
export async function drillOrders(
  { query }: TenantScope,
  repositoryId: string,
  o: DrillOptions & { readonly snapshotIds?: readonly string[] | undefined },
): Promise<MaintenanceOrder[]> {
  const listed = query.selectFrom('snapshots').where('repositoryId', '=', repositoryId);
  const newest = listed
    .select(['agentId as ofAgent', query.fn.max('takenAt').as('newestAt')])
    .groupBy('agentId')
    .as('newest');
  const rows = await (o.snapshotIds
    ? listed.where('id', 'in', [...o.snapshotIds])
    : listed.innerJoin(newest, (join) =>
        join.onRef('newest.ofAgent', '=', 'snapshots.agentId').onRef('newest.newestAt', '=', 'snapshots.takenAt'),
      )
  )
    .select(['snapshots.id', 'snapshots.agentId', 'snapshots.hostname', 'snapshots.takenAt'])
    .orderBy('snapshots.id')
    .execute();
  const good = await query
    .selectFrom('receipts')
    .where('repositoryId', '=', repositoryId)
    .where('outcome', '=', 'good')
    .groupBy('agentId')
    .select(['agentId', query.fn.max('number').as('number')])
    .execute();
  const lastGood = new Map(good.map(({ agentId, number }) => [agentId, Number(number)]));
  const wanted = new Set(o.computers);
  const chosen = new Map<string, (typeof rows)[number]>();
  for (const row of rows)
    if (wanted.size === 0 || wanted.has(row.agentId)) chosen.set(o.snapshotIds ? row.id : row.agentId, row);
  return [...chosen.values()]
    .sort((a, b) => (lastGood.get(a.agentId) ?? 0) - (lastGood.get(b.agentId) ?? 0))
    .slice(0, o.snapshotIds ? maxQueryValues : o.count)
    .map(({ id: snapshotId, agentId, hostname, takenAt }) => ({
      kind: 'drill',
      ...{ snapshotId, agentId, hostname, takenAt, amount: o.amount, maxBytes: o.maxBytes, maxMinutes: o.maxMinutes },
      seed: randomBytes(16).toString('hex'),
    }));
}
