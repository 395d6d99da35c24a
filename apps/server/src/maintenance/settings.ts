import { HoldfastError } from '@holdfast/core';
import { limits, type RepositoryMaintenance, type RetentionRule, repositoryMaintenance } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { RepositoryJobs } from '../jobs/repository-jobs.ts';
import { readJson } from '../json-column.ts';
import type { RepositoryRow } from '../repositories.ts';
import type { MaintenanceOrder } from '../runs/work-order.ts';

export function maintenanceOf(row: Pick<RepositoryRow, 'maintenanceJson'>): RepositoryMaintenance {
  return readJson(repositoryMaintenance, row.maintenanceJson, 'repositories.maintenanceJson');
}

/**
 * How long the backups of a repository are kept: those of a job's computers as the job says, or else the repository; all others as the
 * repository says. Empty when nobody has said anything.
 */
async function retentionRules(scope: TenantScope, row: RepositoryRow): Promise<readonly RetentionRule[]> {
  const { retention: general } = maintenanceOf(row);
  const jobs = await RepositoryJobs.load(scope, row.id);
  const rules: RetentionRule[] = [];
  for (const settings of jobs.of(row)) {
    const hosts = await jobs.hostsOf(settings, row);
    const retention = settings.retention ?? general;
    // A whole computer is one source, the root. On Windows, where drives come and go, the rules of the computer hold.
    const paths = settings.scope.kind === 'folders' ? settings.scope.paths : ['/'];
    rules.push({ hosts, paths, ...(retention && { retention }) });
  }
  if (general) rules.push({ retention: general });
  return rules.some(({ retention }) => retention !== undefined) ? rules : [];
}

/**
 * What forgets by the rules of a repository and its jobs; undefined when there are none.
 * Throws `internal.limit` when the rules name more computers than a task can.
 */
export async function retentionOrder(scope: TenantScope, row: RepositoryRow): Promise<MaintenanceOrder | undefined> {
  const rules = await retentionRules(scope, row);
  if (rules.length === 0) return undefined;
  const hosts = rules.reduce((count, rule) => count + (rule.hosts?.length ?? 0), 0);
  if (hosts > limits.maxRetentionHosts)
    throw new HoldfastError('internal.limit', {
      message: `The jobs of repository ${row.name} have ${hosts} computers; ${limits.maxRetentionHosts} can share one where backups are forgotten.`,
      guidance: 'Give the computers repositories of their own, or several shared ones.',
    });
  return { kind: 'forget', choose: { by: 'retention', rules: [...rules] } };
}

export async function requireRetention(scope: TenantScope, row: RepositoryRow): Promise<MaintenanceOrder> {
  const order = await retentionOrder(scope, row);
  if (order) return order;
  throw new HoldfastError('request.conflict', {
    message: `Nobody has said how long backups in repository ${row.name} are kept: nothing is forgotten.`,
    guidance: 'Set its retention first, or that of a job.',
  });
}
