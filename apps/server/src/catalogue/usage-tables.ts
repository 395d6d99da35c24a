import type { Tenant } from './schema.ts';

/** How much each repository took, by day (UTC). */
export interface RepositoryUsageTable {
  tenant: Tenant;
  repositoryId: string;
  day: string;
  usedBytes: number;
}

/** The sum over the repositories of a group, by day, with what was known of each then. */
export interface GroupUsageTable {
  tenant: Tenant;
  groupName: string;
  day: string;
  usedBytes: number;
}

export interface UsageTables {
  repositoryUsage: RepositoryUsageTable;
  groupUsage: GroupUsageTable;
}
