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

/** Limits of what passes between addresses. */
export interface BandwidthRulesTable {
  tenant: Tenant;
  id: string;
  name: string;
  /** `BandwidthRuleSettings` */
  settingsJson: string;
  createdAt: string;
  changedAt: string;
}

export interface UsageTables {
  repositoryUsage: RepositoryUsageTable;
  groupUsage: GroupUsageTable;
}
