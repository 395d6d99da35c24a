import { HoldfastError } from '@holdfast/core';
import { type RepositoryMaintenance, type RetentionRule, repositoryMaintenance } from '@holdfast/protocol';
import { readJson } from '../json-column.ts';
import type { RepositoryRow } from '../repositories.ts';
import type { MaintenanceOrder } from '../runs/work-order.ts';

export function maintenanceOf(row: Pick<RepositoryRow, 'maintenanceJson'>): RepositoryMaintenance {
  return readJson(repositoryMaintenance, row.maintenanceJson, 'repositories.maintenanceJson');
}

/** How long the backups of a repository are kept; none: nobody has said so. */
function retentionRules(row: Pick<RepositoryRow, 'maintenanceJson'>): readonly RetentionRule[] {
  const { retention } = maintenanceOf(row);
  return retention ? [{ retention }] : [];
}

/** What forgets by the rules of a repository; undefined when it has none. */
export function retentionOrder(row: Pick<RepositoryRow, 'maintenanceJson'>): MaintenanceOrder | undefined {
  const rules = [...retentionRules(row)];
  return rules.length === 0 ? undefined : { kind: 'forget', choose: { by: 'retention', rules } };
}

export function requireRetention(row: RepositoryRow): MaintenanceOrder {
  const order = retentionOrder(row);
  if (order) return order;
  throw new HoldfastError('request.conflict', {
    message: `Nobody has said how long backups in repository ${row.name} are kept: nothing is forgotten.`,
    guidance: 'Set its retention first.',
  });
}
