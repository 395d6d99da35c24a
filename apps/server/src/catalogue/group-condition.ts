import { HoldfastError } from '@holdfast/core';
import {
  ColumnNode,
  ExpressionWrapper,
  expressionBuilder,
  type InsertQueryNode,
  type OperationNode,
  type SqlBool,
  type UpdateQueryNode,
  ValueNode,
  ValuesNode,
} from 'kysely';
import type { Database } from './schema.ts';

/**
 * How a row belongs to a group of computers. `groupName`: it names its group. Another column: it belongs to the computer that
 * this column names, and so to that one's group; with `repositoryId` to the repository's; with `agentId` to the repository's where
 * it names no agent: maintenance, and backups of which nobody knows who made them, belong to the repository, wherever its mover is.
 * `runId`: to the run's. `nobody`: no query that is confined to groups may touch the table.
 */
const belonging = {
  computers: 'groupName',
  joinTokens: 'groupName',
  repositories: 'groupName',
  groups: 'groupName',
  expectedComputers: 'groupName',
  certificates: 'computerId',
  tokenUses: 'computerId',
  jobs: 'groupName',
  jobFirings: 'nobody',
  jobMembers: 'groupName',
  policyHandouts: 'agentId',
  sessions: 'groupName',
  runs: 'agentId',
  runLog: 'runId',
  runStatistics: 'runId',
  snapshots: 'agentId',
  grants: 'repositoryId',
  // They name backups of several groups, and give keys that open all of a repository.
  recoveryTokens: 'nobody',
  recoveryAccesses: 'nobody',
  maintenanceStates: 'repositoryId',
  ransomwareAlerts: 'agentId',
  repositoryUsage: 'repositoryId',
  groupUsage: 'groupName',
  receipts: 'agentId',
  receiptHeads: 'nobody',
  audit: 'nobody',
  auditHeads: 'nobody',
  auditIntents: 'nobody',
  accounts: 'nobody',
  credentials: 'nobody',
  secondFactors: 'nobody',
  recoveryCodes: 'nobody',
  approvals: 'nobody',
  idempotentRequests: 'nobody',
  recoveryKits: 'nobody',
  configurationBackups: 'nobody',
  notificationSettings: 'nobody',
  notificationSecrets: 'nobody',
  notificationCauses: 'nobody',
  notificationConditions: 'nobody',
  notifications: 'nobody',
  auditExports: 'nobody',
  identityProviders: 'nobody',
  outsideIdentities: 'nobody',
  bandwidthRules: 'nobody',
  oauthClients: 'nobody',
  serviceAccounts: 'nobody',
  oauthKeys: 'nobody',
  oauthArtifacts: 'nobody',
} as const satisfies Record<keyof Database, Column | 'nobody'>;

/** What keeps the rows of other groups out. Throws `internal.unexpected` for a table that has no groups. */
export function groupCondition(o: {
  table: string;
  alias: string;
  tenant: string;
  groups: ReadonlySet<string>;
}): OperationNode {
  const column = columnOf(o.table);
  // Not the table's own type: what is checked above is the name in the statement.
  const build = expressionBuilder<
    Record<string, Record<string, string>> & Pick<Database, 'computers' | 'repositories' | 'runs'>,
    string
  >();
  const groups = [...o.groups];
  if (column === 'runId')
    return build(
      `${o.alias}.${column}`,
      'in',
      build
        .selectFrom('runs as groupRuns')
        .select('groupRuns.id')
        .where('groupRuns.tenant', '=', o.tenant)
        .where(
          new ExpressionWrapper<never, never, SqlBool>(groupCondition({ ...o, table: 'runs', alias: 'groupRuns' })),
        ),
    ).toOperationNode();
  if (column === 'groupName') return build(`${o.alias}.groupName`, 'in', groups).toOperationNode();
  const ofRepositories = build(
    `${o.alias}.repositoryId`,
    'in',
    build
      .selectFrom('repositories as groupRepositories')
      .select('groupRepositories.id')
      .where('groupRepositories.tenant', '=', o.tenant)
      .where('groupRepositories.groupName', 'in', groups),
  );
  if (column === 'repositoryId') return ofRepositories.toOperationNode();
  const computers = build
    .selectFrom('computers as groupComputers')
    .select('groupComputers.id')
    .where('groupComputers.tenant', '=', o.tenant);
  const ofGroups = computers.where('groupComputers.groupName', 'in', groups);
  if (column === 'computerId') return build(`${o.alias}.${column}`, 'in', ofGroups).toOperationNode();
  return build
    .or([
      build(`${o.alias}.${column}`, 'in', ofGroups.where('groupComputers.role', '=', 'agent')),
      build.and([
        ofRepositories,
        // Looked up for the rows in question; a list of all agents would be made anew for every query.
        build.not(
          build.exists(
            computers
              .where('groupComputers.role', '=', 'agent')
              .whereRef('groupComputers.id', '=', `${o.alias}.${column}`),
          ),
        ),
      ]),
    ])
    .toOperationNode();
}

/**
 * Refuses to insert a row that names another group. Which computer a row names is not looked up here: handlers load what a
 * request names by the same confined scope, and a test goes through all of them.
 */
export function refuseForeignRows(node: InsertQueryNode, groups: ReadonlySet<string>): void {
  if (columnOf(node.into?.table.identifier.name ?? '') !== 'groupName') return;
  const at = node.columns?.findIndex(({ column }) => column.name === 'groupName') ?? -1;
  const rows = node.values && ValuesNode.is(node.values) ? node.values.values : [];
  for (const row of rows) refuseForeign(row.values[at], groups);
}

/** Refuses to move a row to another group. */
export function refuseForeignMove({ updates = [] }: UpdateQueryNode, groups: ReadonlySet<string>): void {
  for (const { column, value } of updates)
    if (ColumnNode.is(column) && column.column.name === 'groupName') refuseForeign(value, groups);
}

function refuseForeign(given: unknown, groups: ReadonlySet<string>): void {
  const value: unknown = isNode(given) ? (ValueNode.is(given) ? given.value : undefined) : given;
  if (typeof value === 'string' && groups.has(value)) return;
  throw new HoldfastError('auth.forbidden', {
    message: `That would be of group ${typeof value === 'string' ? value : 'default'}, which the account does not have.`,
  });
}

function isNode(value: unknown): value is OperationNode {
  return typeof value === 'object' && value !== null && 'kind' in value;
}

type Column = 'groupName' | 'computerId' | 'agentId' | 'repositoryId' | 'runId';

function columnOf(table: string): Column {
  const column = Object.hasOwn(belonging, table) ? belonging[table as keyof typeof belonging] : 'nobody';
  if (column !== 'nobody') return column;
  throw new HoldfastError('internal.unexpected', {
    message: `A query that is confined to groups touches ${table}, which has none.`,
  });
}
