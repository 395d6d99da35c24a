import { type Clock, HoldfastError } from '@holdfast/core';
import { localTenant } from '@holdfast/protocol';
import { readPage } from '../catalogue/page.ts';
import { type ConfigurationBackups, configurationBackupView } from '../recovery/configuration-backups.ts';
import type { KitKeeper } from '../recovery/kit-keeper.ts';
import { confirmKit, kitView, replaceKit } from '../recovery/recovery-kits.ts';
import type { Vault } from '../vault.ts';
import type { RestHandlers } from './rest-app.ts';

export function recoveryHandlers(o: {
  backups: ConfigurationBackups;
  keeper: KitKeeper;
  vault: Vault;
  clock: Clock;
}): Pick<
  RestHandlers,
  'recoveryKit' | 'replaceRecoveryKit' | 'confirmRecoveryKit' | 'configurationBackups' | 'backUpConfiguration'
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
      requireOwnTenant(scope.tenant);
      return o.backups.make(signal);
    },
  };
}

/** The configuration is that of all tenants: who owns the installation has a copy of it made, and nobody else. */
function requireOwnTenant(tenant: string): void {
  if (tenant !== localTenant)
    throw new HoldfastError('auth.forbidden', { message: 'The configuration of the server is not that of a tenant.' });
}
