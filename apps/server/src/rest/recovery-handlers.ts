import type { Clock } from '@holdfast/core';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import { readPage } from '../catalogue/page.ts';
import { loadUsableComputer } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import type { RepositoryQueries } from '../maintenance/repository-queries.ts';
import { requireOwnTenant } from '../people/caller.ts';
import { type ConfigurationBackups, configurationBackupView } from '../recovery/configuration-backups.ts';
import { importRepository, storedRepositories } from '../recovery/import-repository.ts';
import type { KitKeeper } from '../recovery/kit-keeper.ts';
import { confirmKit, kitView, replaceKit } from '../recovery/recovery-kits.ts';
import type { Vault } from '../vault.ts';
import type { RestHandlers } from './rest-app.ts';

export function recoveryHandlers(o: {
  backups: ConfigurationBackups;
  keeper: KitKeeper;
  catalogue: Catalogue;
  movers: Movers;
  queries: RepositoryQueries;
  vault: Vault;
  clock: Clock;
}): Pick<
  RestHandlers,
  | 'recoveryKit'
  | 'replaceRecoveryKit'
  | 'confirmRecoveryKit'
  | 'configurationBackups'
  | 'backUpConfiguration'
  | 'storedRepositories'
  | 'importRepository'
> {
  const { vault, clock } = o;
  const problems = (tenant: string) => o.keeper.problems(tenant);
  return {
    recoveryKit: ({ scope }) => kitView(scope, problems),
    replaceRecoveryKit: async ({ scope, body, caller }) => {
      await replaceKit(scope, { ...body, createdBy: caller.actor, vault, clock });
      o.keeper.look();
      return kitView(scope, problems);
    },
    confirmRecoveryKit: async ({ scope, body }) => {
      await confirmKit(scope, { ...body, vault, clock });
      return kitView(scope, problems);
    },
    configurationBackups: async ({ scope, query }) => {
      const { items, ...rest } = await readPage(scope.query.selectFrom('configurationBackups').selectAll(), {
        ...query,
        order: { dueAt: 'text' },
        newestFirst: true,
        view: configurationBackupView,
      });
      return { backups: items, ...rest };
    },
    backUpConfiguration: async ({ scope, signal }) => {
      // It is that of all tenants.
      requireOwnTenant(scope.tenant);
      return o.backups.make(signal);
    },
    storedRepositories: async ({ scope, params, query, signal }) => {
      const mover = await loadUsableComputer(scope, params.id, 'mover');
      const { repositories, ...rest } = await storedRepositories(o.movers, {
        ...{ tenant: scope.tenant, mover, after: query.after, signal },
      });
      const known = await knownByName(
        scope,
        repositories.map(({ name }) => name),
      );
      return { repositories: repositories.map((found) => ({ ...found, ...known.get(found.name) })), ...rest };
    },
    importRepository: async ({ scope, params, body, note, signal }) => {
      const mover = await loadUsableComputer(scope, params.id, 'mover');
      const { name, password, group } = body;
      const imported = await importRepository(scope, { ...o, mover, name, password, group, signal });
      note({ subject: imported.repository.id, details: { moverId: mover.id, snapshots: imported.snapshots } });
      o.keeper.look();
      return imported;
    },
  };
}

async function knownByName(
  { query }: TenantScope,
  names: readonly string[],
): Promise<Map<string, { repositoryId: string; moverId: string }>> {
  if (names.length === 0) return new Map();
  const rows = await query
    .selectFrom('repositories')
    .select(['id', 'name', 'moverId'])
    .where('name', 'in', names)
    .execute();
  return new Map(rows.map(({ id, name, moverId }) => [name, { repositoryId: id, moverId }]));
}
