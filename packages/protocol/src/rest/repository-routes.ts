import { z } from 'zod';
import { grantMode } from '../grants.ts';
import { entityId, isoTime, slug, snapshotId } from '../names.ts';
import { route } from '../route.ts';
import { byId, countedPageOf, pageOf, pageQuery, paths, sortOrder, text, totalQuery } from './parts.ts';
import { runKind } from './run-routes.ts';

export const repository = z.object({
  id: entityId,
  name: slug,
  /** Who is confined to some groups sees and uses the repositories of these. */
  group: slug,
  moverId: entityId,
  /** Where the mover keeps it, for people. */
  location: z.string(),
  createdAt: isoTime,
  /** The server has no key for it: only the computer `executorId` has. */
  zeroKnowledge: z.boolean(),
  /** The agent that works in it; left out: the mover. */
  executorId: entityId.optional(),
  /** The computer whose own it is; left out: several may share it. */
  ownerId: entityId.optional(),
  /** What is due in it and waits for its executor, which is not there. */
  delayed: z.array(z.object({ kind: runKind, since: isoTime })).optional(),
  /** What it took when the mover measured it last, which is once a day, and when that was. */
  usedBytes: z.number().optional(),
  measuredAt: isoTime.optional(),
  /** When a first backup has made the repository. */
  initialisedAt: isoTime.optional(),
});
export type Repository = z.infer<typeof repository>;

export const catalogueSnapshot = z.object({
  id: snapshotId,
  repositoryId: entityId,
  /** Of one that was found in the repository: the computer that has its host name, or else the mover. */
  agentId: entityId,
  /** The run that made it; none for one that was found in the repository. */
  runId: entityId.optional(),
  hostname: z.string(),
  sources: paths,
  tags: z.array(text),
  takenAt: isoTime,
  totalFiles: z.number(),
  totalBytes: z.number(),
  storedBytes: z.number(),
});
export type CatalogueSnapshot = z.infer<typeof catalogueSnapshot>;

/** A grant that was handed out, as the list of them has it: its text is not kept. */
export const handedGrant = z.object({
  id: entityId,
  repositoryId: entityId,
  mode: grantMode,
  note: z.string(),
  /** Who asked for it, as the audit names it. */
  actor: z.string(),
  createdAt: isoTime,
  expiresAt: isoTime,
});
export type HandedGrant = z.infer<typeof handedGrant>;

/** With all that restic needs to use it. */
const grantAnswer = handedGrant.extend({
  grant: z.string(),
  username: z.string(),
  url: z.string(),
  caPem: z.string(),
});

export const repositoryRoutes = {
  createRepository: route('createRepository', 'POST', '/api/v1/repositories', {
    access: 'repositories.manage',
    summary: 'Make the place for a repository at a mover, and a password in the vault',
    tag: 'repositories',
    audited: ['name', 'group', 'moverId', 'executorId', 'zeroKnowledge'],
    body: z.strictObject({
      name: slug,
      moverId: entityId,
      /** Default: the mover's, and in the zero-knowledge mode the executor's. */
      group: slug.optional(),
      /** An agent that works in it in the mover's place. */
      executorId: entityId.optional(),
      /** No password goes to the vault: the executor has the only key, and makes the repository with its first backup. */
      zeroKnowledge: z.boolean().default(false),
    }),
    response: repository,
  }),
  repositories: route('repositories', 'GET', '/api/v1/repositories', {
    access: 'fleet.read',
    summary: 'Repositories',
    tag: 'repositories',
    query: pageQuery.extend({
      id: entityId.optional(),
      /** A part of the name. */
      text: z.string().min(1).max(100).optional(),
      group: slug.optional(),
      moverId: entityId.optional(),
      measured: z.stringbool().optional(),
      sort: z.enum(['created', 'name', 'usedBytes']).default('created'),
      order: sortOrder.default('asc'),
      ...totalQuery,
    }),
    response: countedPageOf('repositories', repository),
  }),
  setRepositoryExecutor: route('setRepositoryExecutor', 'PUT', '/api/v1/repositories/{id}/executor', {
    access: 'repositories.manage',
    summary: 'Who works in a repository: an agent, or the mover. In the zero-knowledge mode an agent that has the key',
    tag: 'repositories',
    params: byId,
    audited: ['executorId'],
    body: z.strictObject({
      /** Null: the mover. */
      executorId: entityId.nullable(),
    }),
    response: repository,
  }),
  repositoryPassword: route('repositoryPassword', 'POST', '/api/v1/repositories/{id}/reveal-password', {
    access: 'secrets.reveal',
    stepUp: true,
    summary: 'The password of a repository, for use with restic. Audited',
    tag: 'repositories',
    params: byId,
    response: z.object({ password: z.string() }),
  }),
  repositoryGrant: route('repositoryGrant', 'POST', '/api/v1/repositories/{id}/grants', {
    access: 'secrets.reveal',
    stepUp: true,
    summary: 'A grant that is bound to no certificate, as a password for restic over REST. Audited',
    tag: 'repositories',
    params: byId,
    audited: ['mode', 'lifetimeSeconds', 'note'],
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
    response: grantAnswer,
  }),
  machineGrant: route('machineGrant', 'POST', '/api/v1/repositories/{id}/machine-grants', {
    access: 'status.read',
    summary:
      'A grant for the service account that asks, bound to the certificate that it asks with (RFC 8705). Audited',
    tag: 'repositories',
    params: byId,
    audited: ['mode', 'lifetimeSeconds', 'note'],
    body: z.strictObject({
      mode: z.enum(['append', 'read']),
      lifetimeSeconds: z.number().int().min(60).max(86_400).default(3_600),
      note: text.default('restic'),
    }),
    response: grantAnswer,
  }),
  grants: route('grants', 'GET', '/api/v1/grants', {
    access: 'secrets.reveal',
    summary: 'Grants that were handed out, can still be used and are not revoked',
    tag: 'repositories',
    query: pageQuery.extend({ repositoryId: entityId.optional() }),
    response: pageOf('grants', handedGrant),
  }),
  revokeGrant: route('revokeGrant', 'DELETE', '/api/v1/grants/{id}', {
    access: 'secrets.reveal',
    summary: 'Revoke a grant. Its mover is told at once, or at the next contact',
    tag: 'repositories',
    params: byId,
    response: z.object({
      /** False: the mover could not be reached, and still takes the grant until it can. */
      moverTold: z.boolean(),
    }),
  }),
  repositoryUsage: route('repositoryUsage', 'GET', '/api/v1/repositories/{id}/usage', {
    access: 'fleet.read',
    summary: 'What a repository took, by day',
    tag: 'repositories',
    params: byId,
    query: z.strictObject({ days: z.coerce.number().int().min(1).max(400).default(90) }),
    response: z.object({ days: z.array(z.object({ day: z.iso.date(), usedBytes: z.number() })) }),
  }),
  snapshots: route('snapshots', 'GET', '/api/v1/snapshots', {
    access: 'fleet.read',
    summary: 'Snapshots that runs have reported complete or a repository was found to have, newest first',
    tag: 'repositories',
    query: pageQuery.extend({
      repositoryId: entityId.optional(),
      agentId: entityId.optional(),
      /** The one that has this id, in each repository that has it. */
      snapshotId: snapshotId.optional(),
      takenFrom: isoTime.optional(),
      takenTo: isoTime.optional(),
    }),
    response: pageOf('snapshots', catalogueSnapshot),
  }),
} as const;
