import { HoldfastError, toHoldfastError } from '@holdfast/core';
import type { Run } from '@holdfast/protocol';
import type { Logger } from 'pino';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { readPage, totalOf } from '../catalogue/page.ts';
import { loadUsableComputer } from '../computers/computers.ts';
import type { EventHub } from '../event-hub.ts';
import { loadRepository, refuseZeroKnowledge } from '../repositories.ts';
import { restoreWay } from '../runs/restore-way.ts';
import type { RunQueue } from '../runs/run-queue.ts';
import type { RestHandlers } from './rest-app.ts';

/** Columns that each order has; the last one makes it a total one. */
const orders = {
  queued: { sequence: 'number' },
  state: { state: 'text', sequence: 'number' },
  ended: { endedAt: 'text', sequence: 'number' },
  processedBytes: { processedBytes: 'number', sequence: 'number' },
  storedBytes: { storedBytes: 'number', sequence: 'number' },
} as const;

export function runHandlers(o: {
  queue: RunQueue;
  events: EventHub;
  logger: Logger;
}): Pick<RestHandlers, 'createRestore' | 'runs' | 'run' | 'runEvents' | 'cancelRun'> {
  return {
    createRestore: async ({ scope, body }) => {
      const { agentId, repositoryId, ...order } = body;
      if (order.deletes && (order.overwrite === 'refuse' || order.overwrite === false)) {
        throw new HoldfastError('request.invalid', {
          message: 'Only in an empty folder nothing may be overwritten, and there nothing can be deleted.',
          guidance: 'Say as well what becomes of what exists (`--overwrite`), or leave out `--delete`.',
        });
      }
      await loadUsableComputer(scope, agentId, 'agent');
      const repository = await loadRepository(scope, repositoryId);
      // Others may use the repository as well: who is confined to some groups restores what came from these alone.
      if (scope.groups) await requireSnapshot(scope, { repositoryId, id: order.snapshotId });
      if (repository.initialisedAt === null) {
        throw new HoldfastError('repository.missing', {
          message: `No backup has been made to repository ${repository.name} yet: there is nothing to restore.`,
        });
      }
      if (agentId !== repository.executorId) refuseZeroKnowledge(repository, 'have it restored by another computer');
      const way = await restoreWay(scope, repository, agentId);
      return o.queue.enqueue(scope, { agentId, repositoryId, order: { kind: 'restore', ...order, way } });
    },
    runs: async ({ scope, query }) => {
      let rows = scope.query.selectFrom('runs').selectAll();
      if (query.jobId !== undefined) rows = rows.where('jobId', '=', query.jobId);
      if (query.sessionId !== undefined) rows = rows.where('jobSessionId', '=', query.sessionId);
      for (const name of ['kind', 'state', 'agentId', 'repositoryId', 'errorCode'] as const) {
        const wanted = query[name];
        if (wanted !== undefined) rows = rows.where(name, '=', wanted);
      }
      if (query.endedFrom !== undefined) rows = rows.where('endedAt', '>=', query.endedFrom);
      if (query.endedTo !== undefined) rows = rows.where('endedAt', '<=', query.endedTo);
      if (query.superseded !== undefined) rows = rows.where('superseded', '=', Number(query.superseded));
      // What goes on has no end, and sizes that change under whoever reads page by page.
      if (query.sort !== 'queued' && query.sort !== 'state') rows = rows.where('endedAt', 'is not', null);
      const { items, ...rest } = await readPage(rows, {
        ...query,
        order: orders[query.sort],
        newestFirst: query.order === 'desc',
        view: (row) => o.queue.viewOf(scope, row),
      });
      return { runs: items, ...rest, ...(await totalOf(rows, query.total)) };
    },
    run: async ({ scope, params }) => o.queue.view(scope, params.id),
    runEvents: async ({ scope, params }, open) => {
      // Subscribed before the present state is read, so that no change falls between.
      const early: Run[] = [];
      let deliver = (run: Run): void => void early.push(run);
      using _subscription = o.events.subscribe(scope.tenant, {
        onEvent: (event) => {
          if (event.kind === 'run' && event.run.id === params.id) deliver(event.run);
        },
        onGap: () => {
          o.queue.view(scope, params.id).then(deliver, (error: unknown) => {
            o.logger.warn({ run: params.id, error: toHoldfastError(error) }, 'a run that is watched could not be read');
          });
        },
      });
      const present = await o.queue.view(scope, params.id);
      const stream = open();
      deliver = (run) => {
        stream.send(run);
        if (run.endedAt !== undefined) stream.end();
      };
      for (const run of [present, ...early]) deliver(run);
      await stream.closed;
    },
    cancelRun: async ({ scope, params }) => o.queue.cancel(scope, params.id),
  };
}

/** Throws `request.missing`. */
async function requireSnapshot(
  { query }: TenantScope,
  { repositoryId, id }: { repositoryId: string; id: string },
): Promise<void> {
  const row = await query
    .selectFrom('snapshots')
    .select('id')
    .where('repositoryId', '=', repositoryId)
    .where('id', '=', id)
    .executeTakeFirst();
  if (!row) throw new HoldfastError('request.missing', { message: `There is no snapshot ${id}.` });
}
