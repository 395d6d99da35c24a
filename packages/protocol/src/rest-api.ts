import { topologyDocument } from '@holdfast/contract/topology/schema';
import { z } from 'zod';
import { enrollableRole } from './enrolment.ts';
import { errorReport } from './error-report.ts';
import { grantMode, identityKey } from './grants.ts';
import { maxListEntries } from './limits.ts';
import { useAnswer } from './mover-api.ts';
import { certificateSerial, entityId, isoTime, platform, slug, snapshotId } from './names.ts';
import { portRoutes } from './port-routes.ts';
import { proofDigest, proofSignature } from './proof-signature.ts';
import { route } from './route.ts';
import { backupResult, dataDirection, degradation, progress, restoreResult } from './tasks.ts';

/** The server's REST API, on 443. Every route needs the administrator token (`Authorization: Bearer …`), the OpenAPI document too. */

const byId = z.strictObject({ id: entityId });
const text = z.string().min(1).max(200);
const paths = z.array(z.string().min(1).max(65_536)).max(maxListEntries);

const serverStatus = z.object({
  productVersion: z.string(),
  installation: entityId,
  startedAt: isoTime,
  caFingerprint: z.string(),
  /** What grants and proofs are signed with. */
  identityKeys: z.array(identityKey),
  /** Channel id, and the port it really listens on, with the reason where that is not the contract's. */
  listening: z.array(
    z.object({ channel: z.string(), address: z.string(), port: z.number().int(), reason: z.string().optional() }),
  ),
});

const joinToken = z.object({
  id: entityId,
  role: enrollableRole,
  group: slug,
  usesLeft: z.number().int(),
  expiresAt: isoTime,
  createdAt: isoTime,
  /** The server does not dial the computers that join with it. */
  preinstalled: z.boolean(),
});

export const computer = z.object({
  id: entityId,
  role: enrollableRole,
  group: slug,
  hostname: z.string(),
  address: z.string(),
  platform,
  productVersion: z.string(),
  certificateSerial,
  certificateExpiresAt: isoTime,
  enrolledAt: isoTime,
  state: z.enum(['online', 'offline', 'revoked']),
  lastSeenAt: isoTime.optional(),
  /** The server does not dial it: its agent calls in. */
  preinstalled: z.boolean(),
});
export type Computer = z.infer<typeof computer>;

export const repository = z.object({
  id: entityId,
  name: slug,
  moverId: entityId,
  /** Where the mover keeps it, for people. */
  location: z.string(),
  createdAt: isoTime,
  /** When a first backup has made the repository. */
  initialisedAt: isoTime.optional(),
});
export type Repository = z.infer<typeof repository>;

export const job = z.object({
  id: entityId,
  name: text,
  agentId: entityId,
  repositoryId: entityId,
  sources: paths,
  excludes: paths,
  oneFileSystem: z.boolean(),
  tags: z.array(text).max(100),
  /** Who dials the data channels. */
  direction: dataDirection,
  createdAt: isoTime,
});
export type Job = z.infer<typeof job>;

const runState = z.enum(['queued', 'running', 'succeeded', 'warning', 'failed', 'cancelled']);

export const run = z.object({
  id: entityId,
  kind: z.enum(['backup', 'restore']),
  jobId: entityId.optional(),
  agentId: entityId,
  repositoryId: entityId,
  state: runState,
  queuedAt: isoTime,
  startedAt: isoTime.optional(),
  endedAt: isoTime.optional(),
  /** The last progress that was reported. */
  progress: progress.optional(),
  result: z.discriminatedUnion('kind', [backupResult, restoreResult]).optional(),
  error: errorReport.optional(),
  /** The first thousand; `problemCount` has them all. */
  problems: z.array(errorReport),
  problemCount: z.number().int(),
  /** Contracted connections that something else stood in for: the run is degraded. */
  degradations: z.array(degradation),
  /** How the server reached the agent: the channel's id. */
  carrier: z.string().optional(),
});
export type Run = z.infer<typeof run>;

export const catalogueSnapshot = z.object({
  id: snapshotId,
  repositoryId: entityId,
  agentId: entityId,
  runId: entityId,
  hostname: z.string(),
  sources: paths,
  tags: z.array(text),
  takenAt: isoTime,
  totalFiles: z.number(),
  totalBytes: z.number(),
  storedBytes: z.number(),
});
export type CatalogueSnapshot = z.infer<typeof catalogueSnapshot>;

/** What happens, as it happens. */
export const serverEvent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('run'), at: isoTime, run }),
  z.object({ kind: z.literal('computer'), at: isoTime, computer }),
]);
export type ServerEvent = z.infer<typeof serverEvent>;

const auditRecord = z.object({
  at: isoTime,
  actor: z.string(),
  action: z.string(),
  subject: z.string(),
  remoteAddress: z.string(),
});

const pageQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(1000).default(100) });

export const routes = {
  openapi: route('openapi', 'GET', '/api/openapi.json', {
    summary: 'This document',
    tag: 'server',
    response: z.record(z.string(), z.unknown()),
  }),
  status: route('status', 'GET', '/api/v1/status', {
    summary: 'Version, installation and listening ports of the server',
    tag: 'server',
    response: serverStatus,
  }),
  channelUse: route('channelUse', 'GET', '/api/v1/channel-use', {
    summary: 'How much each channel of the contract was used, by process, since it started, and in all',
    tag: 'server',
    response: z.object({
      processes: z.array(useAnswer.extend({ role: z.string(), id: entityId, error: errorReport.optional() })),
    }),
  }),
  topology: route('topology', 'GET', '/api/v1/topology', {
    summary: 'The server and the computers that have joined it, as a topology for `holdfast ports plan`',
    tag: 'server',
    response: topologyDocument,
  }),
  events: route('events', 'GET', '/api/v1/events', {
    summary: 'All events from now on',
    tag: 'server',
    response: serverEvent,
    stream: true,
  }),
  audit: route('audit', 'GET', '/api/v1/audit', {
    summary: 'Who did what, newest first',
    tag: 'server',
    query: pageQuery,
    response: z.object({ records: z.array(auditRecord) }),
  }),
  signProof: route('signProof', 'POST', '/api/v1/proofs/sign', {
    summary: 'Sign that an administrator has submitted a proof with this SHA-256 digest. Audited',
    tag: 'server',
    body: z.strictObject({ sha256: proofDigest }),
    response: proofSignature,
  }),
  createToken: route('createToken', 'POST', '/api/v1/join-tokens', {
    summary: 'Make a join token; its text is shown this once',
    tag: 'computers',
    body: z.strictObject({
      role: enrollableRole,
      group: slug.default('default'),
      uses: z.number().int().min(1).max(10_000).default(1),
      preinstalled: z.boolean().default(false),
      lifetimeSeconds: z
        .number()
        .int()
        .min(10)
        .max(30 * 86_400)
        .default(3600),
    }),
    response: joinToken.extend({ token: z.string(), caFingerprint: z.string() }),
  }),
  tokens: route('tokens', 'GET', '/api/v1/join-tokens', {
    summary: 'Join tokens that can still be used',
    tag: 'computers',
    response: z.object({ tokens: z.array(joinToken) }),
  }),
  deleteToken: route('deleteToken', 'DELETE', '/api/v1/join-tokens/{id}', {
    summary: 'Withdraw a join token',
    tag: 'computers',
    params: byId,
    response: z.object({}),
  }),
  computers: route('computers', 'GET', '/api/v1/computers', {
    summary: 'Enrolled agents and movers',
    tag: 'computers',
    query: z.strictObject({ role: enrollableRole.optional() }),
    response: z.object({ computers: z.array(computer) }),
  }),
  revokeComputer: route('revokeComputer', 'POST', '/api/v1/computers/{id}/revoke', {
    summary: "Revoke a computer's certificate, at once and for good",
    tag: 'computers',
    params: byId,
    response: computer,
  }),
  createRepository: route('createRepository', 'POST', '/api/v1/repositories', {
    summary: 'Make the place for a repository at a mover, and a password in the vault',
    tag: 'repositories',
    body: z.strictObject({ name: slug, moverId: entityId }),
    response: repository,
  }),
  repositories: route('repositories', 'GET', '/api/v1/repositories', {
    summary: 'Repositories',
    tag: 'repositories',
    response: z.object({ repositories: z.array(repository) }),
  }),
  repositoryPassword: route('repositoryPassword', 'POST', '/api/v1/repositories/{id}/reveal-password', {
    summary: 'The password of a repository, for use with restic. Audited',
    tag: 'repositories',
    params: byId,
    response: z.object({ password: z.string() }),
  }),
  repositoryGrant: route('repositoryGrant', 'POST', '/api/v1/repositories/{id}/grants', {
    summary: 'A grant that is bound to no certificate, as a password for restic over REST. Audited',
    tag: 'repositories',
    params: byId,
    body: z.strictObject({
      mode: grantMode,
      lifetimeSeconds: z
        .number()
        .int()
        .min(60)
        .max(30 * 86_400)
        .default(86_400),
      note: text.default('restic'),
    }),
    response: z.object({
      grant: z.string(),
      username: z.string(),
      url: z.string(),
      caPem: z.string(),
      expiresAt: isoTime,
    }),
  }),
  snapshots: route('snapshots', 'GET', '/api/v1/snapshots', {
    summary: 'Snapshots that runs have reported complete, newest first',
    tag: 'repositories',
    query: z.strictObject({ ...pageQuery.shape, repositoryId: entityId.optional(), agentId: entityId.optional() }),
    response: z.object({ snapshots: z.array(catalogueSnapshot) }),
  }),
  createJob: route('createJob', 'POST', '/api/v1/jobs', {
    summary: 'Define a backup job',
    tag: 'jobs',
    body: z.strictObject({
      name: text,
      agentId: entityId,
      repositoryId: entityId,
      sources: paths.min(1),
      excludes: paths.default([]),
      oneFileSystem: z.boolean().default(false),
      tags: z.array(text).max(100).default([]),
      direction: dataDirection.default('agent-dials'),
    }),
    response: job,
  }),
  jobs: route('jobs', 'GET', '/api/v1/jobs', {
    summary: 'Backup jobs',
    tag: 'jobs',
    response: z.object({ jobs: z.array(job) }),
  }),
  deleteJob: route('deleteJob', 'DELETE', '/api/v1/jobs/{id}', {
    summary: 'Delete a job; its runs and snapshots stay',
    tag: 'jobs',
    params: byId,
    response: z.object({}),
  }),
  runJob: route('runJob', 'POST', '/api/v1/jobs/{id}/run', {
    summary: 'Run a job now',
    tag: 'jobs',
    params: byId,
    response: run,
  }),
  createRestore: route('createRestore', 'POST', '/api/v1/restores', {
    summary: 'Restore a snapshot, or parts of it, to a folder of an agent',
    tag: 'runs',
    body: z.strictObject({
      repositoryId: entityId,
      snapshotId,
      agentId: entityId,
      target: z.string().min(1).max(65_536),
      /** A folder of the snapshot, whose content is restored into the target. */
      subfolder: z.string().min(1).max(65_536).optional(),
      include: paths.default([]),
      overwrite: z.boolean().default(false),
      /** Who dials the data channels. */
      direction: dataDirection.default('agent-dials'),
    }),
    response: run,
  }),
  runs: route('runs', 'GET', '/api/v1/runs', {
    summary: 'Runs, newest first',
    tag: 'runs',
    query: z.strictObject({ ...pageQuery.shape, jobId: entityId.optional() }),
    response: z.object({ runs: z.array(run) }),
  }),
  run: route('run', 'GET', '/api/v1/runs/{id}', { summary: 'One run', tag: 'runs', params: byId, response: run }),
  runEvents: route('runEvents', 'GET', '/api/v1/runs/{id}/events', {
    summary: 'The run as it is now, then each change of it; ends with the run',
    tag: 'runs',
    params: byId,
    response: run,
    stream: true,
  }),
  cancelRun: route('cancelRun', 'POST', '/api/v1/runs/{id}/cancel', {
    summary: 'Cancel a run',
    tag: 'runs',
    params: byId,
    response: run,
  }),
  ...portRoutes,
} as const;
export type Routes = typeof routes;
