import { isIPv6 } from 'node:net';
import { type Clock, HoldfastError } from '@holdfast/core';
import type { CatalogueSnapshot, GrantIssuer } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import { z } from 'zod';
import { isUniqueViolation } from '../catalogue/database-errors.ts';
import { readPage } from '../catalogue/page.ts';
import type { SnapshotsTable } from '../catalogue/schema.ts';
import { loadUsableComputer, portOf } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import { pageOfGrants, recordGrant, revokeGrant } from '../identity/handed-grants.ts';
import { readJson } from '../json-column.ts';
import { revocationPushMs } from '../limits.ts';
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
  grants: GrantIssuer;
  /** Whether a second administrator has to agree where backups are deleted. */
  needsApproval: (tenant: string) => Promise<boolean>;
  caPem: string;
  clock: Clock;
}): Pick<
  RestHandlers,
  | 'createRepository'
  | 'repositories'
  | 'setRepositoryExecutor'
  | 'repositoryPassword'
  | 'repositoryGrant'
  | 'grants'
  | 'revokeGrant'
  | 'snapshots'
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
    repositoryGrant: async ({ scope, caller, params, body, note }) => {
      const row = await loadRepository(scope, params.id);
      // It deletes whatever restic is told to, and a grant that waits for somebody can't be handed out.
      if (body.mode === 'maintain' && (await o.needsApproval(scope.tenant)))
        throw new HoldfastError('auth.forbidden', {
          message: 'A grant to maintain deletes backups, to which a second administrator has to agree here.',
          guidance: 'Delete backups through the server, or take a grant to read or to append.',
        });
      const mover = await loadUsableComputer(scope, row.moverId, 'mover');
      const lifetimeMs = body.lifetimeSeconds * 1000;
      const handed = await recordGrant(scope, {
        ...{ repositoryId: row.id, mode: body.mode, note: body.note, actor: caller.actor },
        ...{ lifetimeMs, clock: o.clock },
      });
      note({ details: { grant: handed.id } });
      const grant = await o.grants.issue({
        id: handed.id,
        subject: `administrator/${body.note}`,
        tenant: scope.tenant,
        repository: row.name,
        mode: body.mode,
        sessionId: undefined,
        fingerprint: undefined,
        lifetimeMs,
      });
      const host = isIPv6(mover.address) ? `[${mover.address}]` : mover.address;
      return {
        ...handed,
        grant,
        username: 'grant',
        url: `https://${host}:${portOf(mover, 'client-to-mover')}/${scope.tenant}/${row.name}/`,
        caPem: o.caPem,
      };
    },
    grants: ({ scope, query }) => pageOfGrants(scope, { ...query, clock: o.clock }),
    revokeGrant: async ({ scope, params }) => {
      const repositoryId = await revokeGrant(scope, { id: params.id, clock: o.clock });
      const { moverId } = await loadRepository(scope, repositoryId);
      const told = loadUsableComputer(scope, moverId, 'mover')
        .then((mover) => o.movers.trust(scope.tenant, mover))
        .then(
          () => true,
          () => false,
        );
      // One that can't be reached now is told at the next contact; nobody has to wait for its time-out.
      const moverTold = await Promise.race([told, o.clock.sleep(revocationPushMs).then(() => false)]);
      return { moverTold };
    },
    snapshots: async ({ scope, query }) => {
      let rows = scope.query.selectFrom('snapshots').selectAll();
      if (query.repositoryId !== undefined) rows = rows.where('repositoryId', '=', query.repositoryId);
      if (query.agentId !== undefined) rows = rows.where('agentId', '=', query.agentId);
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
