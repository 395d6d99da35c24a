import type { EnrollableRole, GroupType, PersonRole, Run } from '@holdfast/protocol';
import type { ColumnType, Generated } from 'kysely';
import type {
  AuditHeadsTable,
  AuditIntentsTable,
  AuditTable,
  ReceiptHeadsTable,
  ReceiptsTable,
} from './chain-tables.ts';
import type { IdentityTables } from './identity-tables.ts';
import type { MaintenanceStatesTable, RansomwareAlertsTable } from './maintenance-tables.ts';
import type { NotificationTables } from './notification-tables.ts';
import type { OauthTables } from './oauth-tables.ts';
import type { ConfigurationBackupsTable, RecoveryKitsTable } from './recovery-tables.ts';
import type { RunRecordTables } from './run-record-tables.ts';
import type { BandwidthRulesTable, UsageTables } from './usage-tables.ts';

/**
 * The tables. Times are ISO 8601 in UTC, so that text order is time order. Columns that end in `Json` hold JSON, checked by
 * the schemas of `packages/protocol` when it is read.
 */

/** Written by the tenant scope alone; no query may give or change it. */
export type Tenant = ColumnType<string, never, never>;

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
  /** The instance of the server that has the connection which the agent holds. */
  heldBy: string | null;
  /** Kept up by the database itself; empty: never. Of its newest backup, and of the last good drill. */
  lastBackupAt: Generated<string>;
  lastDrillAt: Generated<string>;
  /** How its last backup ended, and when. */
  lastResult: Generated<'' | Exclude<RunState, 'queued' | 'running'>>;
  lastResultAt: Generated<string>;
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
  /** Who is confined to some groups sees and uses the repositories of these. */
  groupName: Generated<string>;
  moverId: string;
  /** Where the mover keeps it; empty until it has made the place. */
  location: string;
  /** Empty in the zero-knowledge mode. */
  sealedPassword: string;
  createdAt: string;
  initialisedAt: string | null;
  /** `RepositoryMaintenance`, as far as it was set. */
  maintenanceJson: Generated<string>;
  /** The computer whose own repository it is. */
  ownerId: string | null;
  /** The agent that works in it; null: the mover in front of it. */
  executorId: string | null;
  /** 1: only the executor has the key. */
  zeroKnowledge: Generated<number>;
  /** The recovery kit that it has a key for. */
  kitId: string | null;
  /** Keys of former kits that its storage did not let go yet. */
  formerKitKeys: Generated<number>;
  /** What it took when it was last measured. */
  usedBytes: number | null;
  measuredAt: string | null;
}

/** The server runs a job; agents run a policy by themselves. */
export type JobKind = 'job' | 'policy';

export interface JobsTable {
  tenant: Tenant;
  id: string;
  kind: Generated<JobKind>;
  /** That of all its computers, or `manyGroups`: who is confined to some groups does not see those of several. */
  groupName: string;
  /** That of the settings, for lists. */
  name: string;
  enabled: number;
  settingsJson: string;
  /** Of a schedule `after`: the job whose sessions it follows. */
  afterJobId: string | null;
  createdAt: string;
  changedAt: string;
  /** Up to here the schedule has been looked at. */
  scheduledUntil: string;
  /** When the schedule is due next, so that only jobs that are due are looked at. None of a policy: that is for agents to know. */
  nextDueAt: string | null;
  /** The declaration (`holdfast apply`) that it is of; empty: nobody's. */
  managedBy: Generated<string>;
}

/** What a job is about: single computers, and groups. */
export interface JobMembersTable {
  tenant: Tenant;
  jobId: string;
  kind: Generated<JobKind>;
  /** Empty: the whole group, whoever is in it. */
  agentId: string;
  groupName: string;
}

/** Which agent got which policy, with a standing grant for which repository: what it may report runs of. */
export interface PolicyHandoutsTable {
  tenant: Tenant;
  agentId: string;
  policyId: string;
  repositoryId: string;
  handedOutAt: string;
  grantExpiresAt: string;
  /** By which its grant can be revoked, which every contact renews; null: it is revoked, or of a time when it had none. */
  grantId: string | null;
}

/** What was due and has been started: the key lets no two servers start it, and no clock that is set back start it again. */
export interface JobFiringsTable {
  tenant: Tenant;
  jobId: string;
  dueAt: string;
  firedAt: string;
}

/** One execution of a job, or of what a person asked for; its tasks are runs. */
export interface SessionsTable {
  tenant: Tenant;
  id: string;
  kind: RunsTable['kind'];
  /** That of its job, or of its one computer. */
  groupName: string;
  /** The job may be deleted since. */
  jobId: string | null;
  jobName: string | null;
  trigger: 'schedule' | 'after' | 'person' | 'policy';
  /** How it ended; null until then. */
  state: Exclude<RunState, 'queued' | 'running'> | null;
  createdAt: string;
  startedAt: string | null;
  endedAt: string | null;
  /** When a task of it began last: sessions take turns. */
  lastBegunAt: string | null;
  /** What of the job is in force for it (`SessionPlan`). */
  planJson: string;
  notesJson: string;
  /** Sums over its tasks, of one that has ended: thousands of them are not counted again for each look. */
  totalsJson: string | null;
}

export type RunState = 'queued' | 'running' | 'succeeded' | 'warning' | 'failed' | 'cancelled';

export interface RunsTable {
  tenant: Tenant;
  /** The order of queueing. */
  sequence: Generated<number>;
  id: string;
  kind: Run['kind'];
  /** The job may be deleted since. */
  jobId: string | null;
  agentId: string;
  repositoryId: string;
  /** What to do (`WorkOrder`): as it was when the run was queued, without secrets. */
  orderJson: string;
  state: RunState;
  /** The session at the mover. What the run is a task of is `jobSessionId`. */
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
  /** That of `errorJson`. */
  errorCode: string | null;
  problemsJson: string;
  problemCount: number;
  degradationsJson: string;
  /** The instance of the server that has it in its hands while it is running; of one that waits, who had begun it before. */
  heldBy: string | null;
  /** What has one run at a time; the database admits no second running one. Set when it begins. */
  turn: string | null;
  /** The session that it is a task of; null in runs of the first versions. */
  jobSessionId: string | null;
  /** A queued run waits until then at least. */
  notBefore: string | null;
  attempt: Generated<number>;
  /** 1: another run of the session was queued in its place. */
  superseded: Generated<number>;
  processedBytes: Generated<number>;
  storedBytes: Generated<number>;
  /** The request that asked for it; null where nobody did. */
  requestId: string | null;
}

export interface SnapshotsTable {
  tenant: Tenant;
  id: string;
  repositoryId: string;
  agentId: string;
  /** The run that made it; none for one that was found in the repository. The run may be forgotten since. */
  runId: string | null;
  hostname: string;
  sourcesJson: string;
  tagsJson: string;
  takenAt: string;
  totalFiles: number;
  totalBytes: number;
  storedBytes: number;
  /** When it was listed here, whatever the clock of the computer says; empty: found in the repository, or of before. */
  listedAt: Generated<string>;
  /** What it was to be a backup of: those of one computer with the same are compared. Empty as `listedAt` is. */
  backupSet: Generated<string>;
  /** Files that were not in the backup before it, as the computer says. */
  newFiles: Generated<number>;
  /** 1: it is to be compared with an earlier one. */
  analysisDue: Generated<number>;
}

export interface AccountsTable {
  tenant: Tenant;
  id: string;
  name: string;
  displayName: string;
  role: PersonRole;
  /** Names of groups that it is confined to; null: all. */
  groupsJson: string | null;
  /** In PHC's form, with the parameters. */
  passwordHash: string;
  /** 1: somebody else chose the password, and nothing else is possible before it is changed. */
  passwordChangeDue: number;
  createdAt: string;
  lastSignInAt: string | null;
  disabledAt: string | null;
}

/** What people and programs present: sessions, sign-ins that wait for a second factor, and API tokens. */
export interface CredentialsTable {
  tenant: Tenant;
  id: string;
  kind: 'pending' | 'session' | 'api-token';
  /** Hexadecimal SHA-256 of the token. */
  tokenHash: string;
  accountId: string;
  name: string;
  /** Of an API token, or of a client, that may do less than its owner. */
  role: PersonRole | null;
  groupsJson: string | null;
  createdAt: string;
  lastUsedAt: string;
  /** Moved on by each use. */
  idleExpiresAt: string;
  expiresAt: string;
  /** When a second factor was last given. */
  secondFactorAt: string | null;
  /** The WebAuthn challenge that is to be answered. Used once. */
  challenge: string | null;
  remoteAddress: string;
  /** The OAuth client that the person signed in to. */
  clientId: string | null;
}

export interface SecondFactorsTable {
  tenant: Tenant;
  id: string;
  accountId: string;
  kind: 'totp' | 'passkey';
  name: string;
  /** Of a one-time password: sealed by the vault. */
  sealedSecret: string | null;
  /** The time step of the last code that was taken; none at or before it is taken again. */
  lastStep: Generated<number>;
  /** Of a passkey, base64url. */
  credentialId: string | null;
  publicKey: string | null;
  signCount: Generated<number>;
  createdAt: string;
  /** Null: never proved; counts for nothing. */
  confirmedAt: string | null;
}

export interface RecoveryCodesTable {
  tenant: Tenant;
  accountId: string;
  codeHash: string;
}

export type ApprovalState = 'waiting' | 'running' | 'approved' | 'failed' | 'rejected' | 'withdrawn';

/** Requests that wait for a second administrator. */
export interface ApprovalsTable {
  tenant: Tenant;
  id: string;
  /** The route's id. */
  route: string;
  subject: string;
  /** What the second administrator is shown: path, query, and those fields of the body that the audit may have. */
  shownJson: string;
  /** Path, query, body and `If-Match`, sealed by the vault: a body may hold a secret. Empty once it is decided. */
  sealedRequest: string;
  actor: string;
  /** Null: the local administrator. */
  accountId: string | null;
  /** The API token that it came with. */
  tokenId: string | null;
  state: ApprovalState;
  createdAt: string;
  expiresAt: string;
  decidedBy: string | null;
  decidedAt: string | null;
  errorJson: string | null;
}

/** A request that came with an `Idempotency-Key`. */
export interface IdempotentRequestsTable {
  tenant: Tenant;
  /** Hash of the key and of whose it is. */
  id: string;
  requestHash: string;
  at: string;
  /** null: not answered. */
  sealedAnswer: string | null;
}

/** Protection groups. Computers, join tokens and repositories name theirs. */
export interface GroupsTable {
  tenant: Tenant;
  groupName: string;
  type: GroupType;
  exclusionsJson: string;
  csvFile: string | null;
  /** `HH:MM` in the server's time zone. */
  rescanAt: string | null;
  enabled: number;
  createdAt: string;
  /** When the schedule is due. Whoever moves it on rescans. */
  nextRescanAt: string | null;
  lastRescanJson: string | null;
  /** The declaration (`holdfast apply`) that it is of; empty: nobody's. */
  managedBy: Generated<string>;
}

/** What a group expects, whether it has joined or not. */
export interface ExpectedComputersTable {
  tenant: Tenant;
  groupName: string;
  /** In lower case: host names have no case. */
  name: string;
  address: string | null;
  platform: string | null;
  comment: string | null;
  addedAt: string;
  noLongerListedAt: string | null;
}

export interface Database extends IdentityTables, NotificationTables, OauthTables, RunRecordTables, UsageTables {
  groups: GroupsTable;
  expectedComputers: ExpectedComputersTable;
  computers: ComputersTable;
  certificates: CertificatesTable;
  joinTokens: JoinTokensTable;
  tokenUses: TokenUsesTable;
  repositories: RepositoriesTable;
  jobs: JobsTable;
  jobFirings: JobFiringsTable;
  bandwidthRules: BandwidthRulesTable;
  jobMembers: JobMembersTable;
  policyHandouts: PolicyHandoutsTable;
  sessions: SessionsTable;
  runs: RunsTable;
  snapshots: SnapshotsTable;
  maintenanceStates: MaintenanceStatesTable;
  ransomwareAlerts: RansomwareAlertsTable;
  receipts: ReceiptsTable;
  receiptHeads: ReceiptHeadsTable;
  audit: AuditTable;
  auditHeads: AuditHeadsTable;
  auditIntents: AuditIntentsTable;
  accounts: AccountsTable;
  credentials: CredentialsTable;
  secondFactors: SecondFactorsTable;
  recoveryCodes: RecoveryCodesTable;
  approvals: ApprovalsTable;
  idempotentRequests: IdempotentRequestsTable;
  recoveryKits: RecoveryKitsTable;
  configurationBackups: ConfigurationBackupsTable;
}
