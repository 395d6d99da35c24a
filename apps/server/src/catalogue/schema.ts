import type { DataDirection, EnrollableRole } from '@holdfast/protocol';
import type { ColumnType, Generated } from 'kysely';

/**
 * The tables. Times are ISO 8601 in UTC, so that text order is time order. Columns that end in `Json` hold JSON, checked by
 * the schemas of `packages/protocol` when it is read.
 */

/** Written by the tenant scope alone; no query may give or change it. */
type Tenant = ColumnType<string, never, never>;

export interface ComputersTable {
  tenant: Tenant;
  id: string;
  role: EnrollableRole;
  groupName: string;
  hostname: string;
  /** Where others reach it. */
  address: string;
  platform: string;
  productVersion: string;
  /** Channel id to port, for ports that are not the contract's. */
  portsJson: string;
  certificateSerial: string;
  certificateFingerprint: string;
  certificateExpiresAt: string;
  enrolledAt: string;
  lastSeenAt: string | null;
  revokedAt: string | null;
  /** 1: the server does not dial it; it calls in. */
  preinstalled: Generated<number>;
}

export interface CertificatesTable {
  tenant: Tenant;
  serial: string;
  computerId: string;
  fingerprint: string;
  keyHash: string;
  certificatePem: string;
  issuedAt: string;
  expiresAt: string;
  revokedAt: string | null;
}

export interface JoinTokensTable {
  tenant: Tenant;
  id: string;
  /** Hexadecimal SHA-256 of the token. */
  tokenHash: string;
  role: EnrollableRole;
  groupName: string;
  usesLeft: number;
  createdAt: string;
  expiresAt: string;
  /** 1: the server does not dial the computers that join with it. */
  preinstalled: Generated<number>;
}

/** Which key a token was used for: repeating the request finds it and gets the same certificate. */
export interface TokenUsesTable {
  tenant: Tenant;
  tokenHash: string;
  keyHash: string;
  computerId: string;
  serial: string;
  usedAt: string;
}

export interface RepositoriesTable {
  tenant: Tenant;
  id: string;
  name: string;
  moverId: string;
  location: string;
  sealedPassword: string;
  createdAt: string;
  initialisedAt: string | null;
}

export interface JobsTable {
  tenant: Tenant;
  id: string;
  name: string;
  agentId: string;
  repositoryId: string;
  sourcesJson: string;
  excludesJson: string;
  oneFileSystem: number;
  tagsJson: string;
  direction: DataDirection;
  createdAt: string;
}

export type RunState = 'queued' | 'running' | 'succeeded' | 'warning' | 'failed' | 'cancelled';

export interface RunsTable {
  tenant: Tenant;
  /** The order of queueing. */
  sequence: Generated<number>;
  id: string;
  kind: 'backup' | 'restore';
  /** The job may be deleted since. */
  jobId: string | null;
  agentId: string;
  repositoryId: string;
  /** What to do (`WorkOrder`): as it was when the run was queued, without secrets. */
  orderJson: string;
  state: RunState;
  /** The mover session, and the id of the agent's task. */
  sessionId: string;
  /** 1 from the moment at which the agent may have got the task: from then on it is attached to, never given up unasked. */
  handedOver: number;
  cancelRequested: number;
  queuedAt: string;
  startedAt: string | null;
  endedAt: string | null;
  carrier: string | null;
  progressJson: string | null;
  resultJson: string | null;
  errorJson: string | null;
  problemsJson: string;
  problemCount: number;
  degradationsJson: string;
}

export interface SnapshotsTable {
  tenant: Tenant;
  id: string;
  repositoryId: string;
  agentId: string;
  runId: string;
  hostname: string;
  sourcesJson: string;
  tagsJson: string;
  takenAt: string;
  totalFiles: number;
  totalBytes: number;
  storedBytes: number;
}

export interface AuditTable {
  tenant: Tenant;
  sequence: Generated<number>;
  at: string;
  actor: string;
  action: string;
  subject: string;
  remoteAddress: string;
}

export interface Database {
  computers: ComputersTable;
  certificates: CertificatesTable;
  joinTokens: JoinTokensTable;
  tokenUses: TokenUsesTable;
  repositories: RepositoriesTable;
  jobs: JobsTable;
  runs: RunsTable;
  snapshots: SnapshotsTable;
  audit: AuditTable;
}
