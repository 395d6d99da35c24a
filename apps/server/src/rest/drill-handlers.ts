import { type Clock, HoldfastError } from '@holdfast/core';
import type { DrilledComputer, ListedReceipt } from '@holdfast/protocol';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import { readPage } from '../catalogue/page.ts';
import { drillOrders } from '../maintenance/drills.ts';
import { maintenanceOf } from '../maintenance/settings.ts';
import { receiptView } from '../receipts/receipt-log.ts';
import { executorIdOf, loadRepository } from '../repositories.ts';
import { enterRuns } from '../runs/enter-runs.ts';
import type { RunQueue } from '../runs/run-queue.ts';
import { sessionView } from '../sessions/session-store.ts';
import type { RestHandlers } from './rest-app.ts';

export function drillHandlers(o: {
  catalogue: Catalogue;
  queue: RunQueue;
  clock: Clock;
}): Pick<RestHandlers, 'startDrills' | 'drilledComputers' | 'receipts'> {
  return {
    startDrills: async ({ scope, params, body }) => {
      const repository = await loadRepository(scope, params.id);
      const orders = await drillOrders(scope, repository.id, {
        ...maintenanceOf(repository).drillOptions,
        ...given(body),
      });
      if (orders.length === 0 || (body.snapshotIds && orders.length < new Set(body.snapshotIds).size))
        throw new HoldfastError('snapshot.missing', {
          message: body.snapshotIds
            ? `Not all of these snapshots are listed in repository ${repository.name}.`
            : `No backup of these computers is listed in repository ${repository.name}.`,
          guidance: 'Refresh the list of the repository when another program may have made it.',
        });
      const tasks = orders.map((order) => ({ agentId: executorIdOf(repository), repositoryId: repository.id, order }));
      const rows = await scope.transaction((inner) =>
        enterRuns(inner, { tasks, trigger: 'person', now: o.clock.now() }),
      );
      for (const row of rows) o.queue.announce(scope, row);
      return sessionView(scope, rows[0]?.jobSessionId ?? '');
    },
    drilledComputers: async ({ scope, query }) => {
      const withBackups = scope.query.selectFrom('snapshots').select('agentId');
      const rows = scope.query
        .selectFrom('computers')
        .selectAll()
        .where('role', '=', 'agent')
        .where('id', 'in', withBackups);
      const { items, ...rest } = await readPage(rows, {
        ...query,
        order: { enrolledAt: 'text', id: 'text' },
        view: ({ id, hostname }) => ({ agentId: id, hostname }),
      });
      return { computers: await withDrills(scope, items), ...rest };
    },
    receipts: async ({ scope, query }) => {
      let rows = scope.query.selectFrom('receipts').selectAll();
      for (const field of ['repositoryId', 'agentId', 'outcome'] as const)
        if (query[field] !== undefined) rows = rows.where(field, '=', query[field]);
      const { items, ...rest } = await readPage(rows, {
        ...query,
        order: { number: 'number' },
        newestFirst: query.order === 'newest',
        view: receiptView,
      });
      return { receipts: items, ...rest };
    },
  };
}

/** Without what was left out. */
function given<Body extends object>(body: Body): { [Key in keyof Body]: Exclude<Body[Key], undefined> } {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Body]: Exclude<Body[Key], undefined>;
  };
}

async function withDrills(
  scope: TenantScope,
  computers: readonly Pick<DrilledComputer, 'agentId' | 'hostname'>[],
): Promise<DrilledComputer[]> {
  const ids = computers.map(({ agentId }) => agentId);
  const [good, last] = [await lastReceipts(scope, ids, 'good'), await lastReceipts(scope, ids)];
  return computers.map((computer) => {
    const [lastGood, lastOfAll] = [good.get(computer.agentId), last.get(computer.agentId)];
    return { ...computer, ...(lastGood && { lastGood }), ...(lastOfAll && { last: lastOfAll }) };
  });
}

/** By computer. */
async function lastReceipts(
  { query }: TenantScope,
  ids: readonly string[],
  outcome?: 'good',
): Promise<Map<string, ListedReceipt>> {
  if (ids.length === 0) return new Map();
  let numbers = query
    .selectFrom('receipts')
    .where('agentId', 'in', [...ids])
    .groupBy('agentId');
  if (outcome !== undefined) numbers = numbers.where('outcome', '=', outcome);
  const rows = await query
    .selectFrom('receipts')
    .selectAll()
    .where('number', 'in', numbers.select(query.fn.max('number').as('number')))
    .execute();
  return new Map(rows.map((row) => [row.agentId, receiptView(row)]));
}
