import { type JobSettings, keepsLess, type Retention } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { maintenanceOf } from '../maintenance/settings.ts';

/** Whether backups that are kept now might go when a job is made, changed or deleted. */
export async function mayKeepLess(
  scope: TenantScope,
  { before, after }: { readonly before?: JobSettings; readonly after?: JobSettings },
): Promise<boolean> {
  const isAboutTheSame = before && after && coverageOf(before) === coverageOf(after);
  for (const settings of isAboutTheSame ? [after] : [before, after]) {
    for (const general of settings ? await generalRetentions(scope, settings) : []) {
      const [old, next] = [before?.retention ?? general, after?.retention ?? general];
      const pairs = isAboutTheSame
        ? [[old, next]]
        : [
            [old, next],
            [general, next],
            [old, general],
          ];
      if (pairs.some(([was, is]) => keepsLess({ before: was, after: is }))) return true;
    }
  }
  return false;
}

function coverageOf({ computers, groups, scope, target }: JobSettings): string {
  return JSON.stringify([computers.toSorted(), groups.toSorted(), scope, target]);
}

/** What the repositories of a job say by themselves, as far as there is anything in them. */
async function generalRetentions(
  { query }: TenantScope,
  { target }: JobSettings,
): Promise<readonly (Retention | undefined)[]> {
  const filled = query.selectFrom('repositories').where('initialisedAt', 'is not', null);
  const rows = await (target.kind === 'shared'
    ? filled.where('id', '=', target.repositoryId)
    : filled
        .where('moverId', '=', target.moverId)
        .where('ownerId', 'is not', null)
        .where('zeroKnowledge', '=', Number(target.zeroKnowledge))
  )
    .select('maintenanceJson')
    .distinct()
    .execute();
  return rows.map((row) => maintenanceOf(row).retention);
}
