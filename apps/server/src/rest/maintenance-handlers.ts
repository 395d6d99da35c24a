import { type Clock, HoldfastError } from '@holdfast/core';
import { keepsLess } from '@holdfast/protocol';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import { requireSnapshot } from '../catalogue/require-snapshot.ts';
import { maintenanceTimes } from '../maintenance/maintenance-times.ts';
import { refreshSnapshots } from '../maintenance/refresh-snapshots.ts';
import type { RepositoryQueries } from '../maintenance/repository-queries.ts';
import { maintenanceOf, requireRetention } from '../maintenance/settings.ts';
import { executorIdOf, loadRepository } from '../repositories.ts';
import type { RunQueue } from '../runs/run-queue.ts';
import type { MaintenanceOrder } from '../runs/work-order.ts';
import { readingHandlers } from './reading-handlers.ts';
import type { RestHandlers } from './rest-app.ts';

export function maintenanceHandlers(o: {
  catalogue: Catalogue;
  queue: RunQueue;
  queries: RepositoryQueries;
  clock: Clock;
}): Pick<
  RestHandlers,
  | 'repositoryMaintenance'
  | 'setRepositoryMaintenance'
  | 'maintenanceTimes'
  | 'maintain'
  | 'forgetSnapshots'
  | 'refreshSnapshots'
  | 'snapshotEntries'
  | 'findEntries'
  | 'repositoryStats'
  | keyof ReturnType<typeof readingHandlers>
> {
  const { queries } = o;
  const enqueue = async (scope: TenantScope, repositoryId: string, order: MaintenanceOrder) => {
    const repository = await loadRepository(scope, repositoryId);
    if (repository.initialisedAt === null)
      throw new HoldfastError('repository.missing', {
        message: `No backup has been made to repository ${repository.name} yet.`,
      });
    return o.queue.enqueue(scope, { agentId: executorIdOf(repository), repositoryId, order });
  };
  return {
    ...readingHandlers({ queries }),
    repositoryMaintenance: async ({ scope, params }) => maintenanceOf(await loadRepository(scope, params.id)),
    setRepositoryMaintenance: async ({ scope, params, body, requireApproval, requireUnchanged }) => {
      const before = maintenanceOf(await loadRepository(scope, params.id));
      requireUnchanged(before);
      if (keepsLess({ before: before.retention, after: body.retention })) await requireApproval();
      await scope.transaction(async (inner) => {
        requireUnchanged(maintenanceOf(await loadRepository(inner, params.id)));
        await inner.query
          .updateTable('repositories')
          .set({ maintenanceJson: JSON.stringify(body) })
          .where('id', '=', params.id)
          .execute();
      });
      return body;
    },
    maintenanceTimes: ({ scope, params }) =>
      maintenanceTimes(scope, { repositoryId: params.id, queue: o.queue, now: o.clock.now() }),
    maintain: async ({ scope, params, body }) =>
      enqueue(
        scope,
        params.id,
        body.kind === 'forget'
          ? await requireRetention(o.catalogue.tenant(scope.tenant), await loadRepository(scope, params.id))
          : body,
      ),
    forgetSnapshots: async ({ scope, params, body, requireApproval }) => {
      for (const snapshotId of body.snapshotIds) await requireSnapshot(scope, { id: params.id, snapshotId });
      await requireApproval();
      return enqueue(scope, params.id, { kind: 'forget', choose: { by: 'ids', ...body } });
    },
    refreshSnapshots: async ({ scope, params, signal }) => {
      await loadRepository(scope, params.id);
      return refreshSnapshots(o.catalogue.tenant(scope.tenant), queries, { repositoryId: params.id, signal });
    },
    snapshotEntries: async ({ scope, params, query, signal }) => {
      await requireSnapshot(scope, params);
      const asked = { kind: 'browse', snapshotId: params.snapshotId, ...query } as const;
      const { answer } = await queries.ask<'browse'>(scope, { repositoryId: params.id, query: asked, signal });
      return answer;
    },
    findEntries: async ({ scope, params, body, signal }) => {
      await requireSnapshot(scope, params);
      const asked = { kind: 'find', snapshotId: params.snapshotId, ...body } as const;
      const { answer } = await queries.ask<'find'>(scope, { repositoryId: params.id, query: asked, signal });
      return answer;
    },
    repositoryStats: async ({ scope, params, body, signal }) => {
      await loadRepository(scope, params.id);
      // None named means all of the repository, which others may use as well.
      if (scope.groups && body.snapshotIds.length === 0)
        throw new HoldfastError('request.invalid', { message: 'Who is confined to some groups names the snapshots.' });
      for (const snapshotId of body.snapshotIds) await requireSnapshot(scope, { id: params.id, snapshotId });
      const { answer } = await queries.ask<'stats'>(scope, {
        repositoryId: params.id,
        query: { kind: 'stats', ...body },
        signal,
      });
      return answer;
    },
  };
}
