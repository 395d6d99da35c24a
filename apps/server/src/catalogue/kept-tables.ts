import type { Database } from './schema.ts';

/**
 * What a configuration backup has of the catalogue, each table after those that its rows refer to. `left`: of use for a moment
 * only, and to nobody after a restore; or large, and of no use to start again.
 */
const tables = {
  groups: 'kept',
  expectedComputers: 'kept',
  computers: 'kept',
  certificates: 'kept',
  joinTokens: 'kept',
  tokenUses: 'kept',
  recoveryKits: 'kept',
  repositories: 'kept',
  jobs: 'kept',
  jobMembers: 'kept',
  jobFirings: 'kept',
  policyHandouts: 'kept',
  sessions: 'kept',
  runs: 'kept',
  snapshots: 'kept',
  maintenanceStates: 'kept',
  ransomwareAlerts: 'kept',
  grants: 'kept',
  recoveryTokens: 'kept',
  recoveryAccesses: 'kept',
  accounts: 'kept',
  credentials: 'kept',
  secondFactors: 'kept',
  recoveryCodes: 'kept',
  approvals: 'kept',
  receipts: 'kept',
  receiptHeads: 'kept',
  audit: 'kept',
  auditHeads: 'kept',
  configurationBackups: 'kept',
  notificationSettings: 'kept',
  notificationSecrets: 'kept',
  auditExports: 'kept',
  identityProviders: 'kept',
  outsideIdentities: 'kept',
  bandwidthRules: 'kept',
  oauthClients: 'kept',
  serviceAccounts: 'kept',
  oauthKeys: 'kept',
  notificationCauses: 'left',
  notificationConditions: 'left',
  notifications: 'left',
  auditIntents: 'left',
  repositoryUsage: 'kept',
  groupUsage: 'kept',
  runLog: 'left',
  runStatistics: 'left',
  idempotentRequests: 'left',
  // Codes and short tokens: what people signed in to is begun anew.
  oauthArtifacts: 'left',
} as const satisfies Record<keyof Database, 'kept' | 'left'>;

/** All that there are. */
export const catalogueTables: readonly string[] = Object.keys(tables);

export const keptTables: readonly string[] = Object.entries(tables)
  .filter(([, fate]) => fate === 'kept')
  .map(([table]) => table);
