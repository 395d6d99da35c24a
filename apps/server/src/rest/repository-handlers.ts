import { type Clock, HoldfastError } from '@holdfast/core';
import type { CatalogueSnapshot } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import { z } from 'zod';
import { isUniqueViolation } from '../catalogue/database-errors.ts';
import { readPage } from '../catalogue/page.ts';
import type { SnapshotsTable } from '../catalogue/schema.ts';
import { loadUsableComputer } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import { readJson } from '../json-column.ts';
import {
  loadRepository,
  pageOfRepositories,
  placeRepository,
  refuseZeroKnowledge,
  repositoryView,
} from '../repositories.ts';
import { newRepositoryPassword, type Vault } from '../vault.ts';
import type { RestHandlers } from './rest-app.ts';

export function repositoryHandlers(o: {
  vault: Vault;
  movers: Movers;
  clock: Clock;
}): Pick<
  RestHandlers,
  'createRepository' | 'repositories' | 'setRepositoryExecutor' | 'repositoryPassword' | 'repositoryUsage' | 'snapshots'
> {
  return {
    createRepository: async ({ scope, body, signal }) => {
      const mover = await loadUsableComputer(scope, body.moverId, 'mover');
      const taken = await scope.query
        .selectFrom('repositories')
        .select('id')
        .where('name', '=', body.name)
        .executeTakeFirst();
      if (taken) throw exists(body.name);
      const { executorId, zeroKnowledge } = body;
      const executor = executorId === undefined ? undefined : await loadUsableComputer(scope, executorId, 'agent');
      if (zeroKnowledge && !executor)
        throw new HoldfastError('request.invalid', {
          message: 'A repository of the zero-knowledge mode needs an agent that has its key.',
          guidance: 'Name the computer whose backups will be in it.',
        });
      const location = await placeRepository(o.movers, { tenant: scope.tenant, name: body.name, mover, signal });
      const id = crypto.randomUUID();
      const place = { tenant: scope.tenant, repositoryId: id };
      const row = await scope.query
        .insertInto('repositories')
        .values({
          id,
          name: body.name,
          groupName: body.group ?? (zeroKnowledge && executor ? executor : mover).groupName,
          moverId: mover.id,
          location,
          sealedPassword: zeroKnowledge ? '' : o.vault.seal(newRepositoryPassword(), place),
          executorId: executor?.id ?? null,
          zeroKnowledge: Number(zeroKnowledge),
          createdAt: o.clock.now().toISOString(),
        })
        .returningAll()
        .executeTakeFirstOrThrow()
        // One that was made at the same time, or that the caller does not see.
        .catch((error: unknown) => {
          throw isUniqueViolation(error) ? exists(body.name) : error;
        });
      return repositoryView(row);
    },
    repositories: ({ scope, query }) => pageOfRepositories(scope, query),
    setRepositoryExecutor: async ({ scope, params, body }) => {
      const row = await loadRepository(scope, params.id);
      const { executorId } = body;
      if (executorId === null) refuseZeroKnowledge(row, 'have its mover work in it');
      else await loadUsableComputer(scope, executorId, 'agent');
      await scope.query.updateTable('repositories').set({ executorId }).where('id', '=', row.id).execute();
      return repositoryView({ ...row, executorId });
    },
    repositoryPassword: async ({ scope, params }) => {
      const row = await loadRepository(scope, params.id);
      refuseZeroKnowledge(row, 'show its password');
      const place = { tenant: scope.tenant, repositoryId: row.id };
      return { password: o.vault.open(row.sealedPassword, place) };
    },
    repositoryUsage: async ({ scope, params, query }) => {
      await loadRepository(scope, params.id);
      const since = new Date(o.clock.now().getTime() - query.days * 86_400_000).toISOString().slice(0, 10);
      const days = await scope.query
        .selectFrom('repositoryUsage')
        .select(['day', 'usedBytes'])
        .where('repositoryId', '=', params.id)
        .where('day', '>', since)
        .orderBy('day')
        .execute();
      return { days };
    },
    snapshots: async ({ scope, query }) => {
      let rows = scope.query.selectFrom('snapshots').selectAll();
      if (query.repositoryId !== undefined) rows = rows.where('repositoryId', '=', query.repositoryId);
      if (query.agentId !== undefined) rows = rows.where('agentId', '=', query.agentId);
      if (query.snapshotId !== undefined) rows = rows.where('id', '=', query.snapshotId);
      if (query.takenFrom !== undefined) rows = rows.where('takenAt', '>=', query.takenFrom);
      if (query.takenTo !== undefined) rows = rows.where('takenAt', '<=', query.takenTo);
      const { items, ...rest } = await readPage(rows, {
        ...query,
        order: { takenAt: 'text', id: 'text' },
        newestFirst: true,
        view: snapshotView,
      });
      return { snapshots: items, ...rest };
    },
  };
}

function exists(name: string): HoldfastError {
  return new HoldfastError('repository.exists', { message: `There is a repository ${name} already.` });
}

function snapshotView(row: Selectable<SnapshotsTable>): CatalogueSnapshot {
  const { tenant: _, sourcesJson, tagsJson, runId, ...rest } = row;
  const texts = z.array(z.string());
  return {
    ...rest,
    ...(runId === null ? {} : { runId }),
    sources: readJson(texts, sourcesJson, 'snapshots.sourcesJson'),
    tags: readJson(texts, tagsJson, 'snapshots.tagsJson'),
  };
}
