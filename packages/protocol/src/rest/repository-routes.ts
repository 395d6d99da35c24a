import { z } from 'zod';
import { grantMode } from '../grants.ts';
import { entityId, isoTime, slug, snapshotId } from '../names.ts';
import { route } from '../route.ts';
import { byId, pageOf, pageQuery, paths, text } from './parts.ts';

export const repository = z.object({
  id: entityId,
  name: slug,
  /** Who is confined to some groups sees and uses the repositories of these. */
  group: slug,
  moverId: entityId,
  /** Where the mover keeps it, for people. */
  location: z.string(),
  createdAt: isoTime,
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

export const repositoryRoutes = {
  createRepository: route('createRepository', 'POST', '/api/v1/repositories', {
    access: 'repositories.manage',
    summary: 'Make the place for a repository at a mover, and a password in the vault',
    tag: 'repositories',
    audited: ['name', 'group', 'moverId'],
    body: z.strictObject({
      name: slug,
      moverId: entityId,
      /** Default: the mover's. */
      group: slug.optional(),
    }),
    response: repository,
  }),
  repositories: route('repositories', 'GET', '/api/v1/repositories', {
    access: 'fleet.read',
    summary: 'Repositories',
    tag: 'repositories',
    query: pageQuery,
    response: pageOf('repositories', repository),
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
    response: handedGrant.extend({
      grant: z.string(),
      username: z.string(),
      url: z.string(),
      caPem: z.string(),
    }),
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
  snapshots: route('snapshots', 'GET', '/api/v1/snapshots', {
    access: 'fleet.read',
    summary: 'Snapshots that runs have reported complete or a repository was found to have, newest first',
    tag: 'repositories',
    query: pageQuery.extend({ repositoryId: entityId.optional(), agentId: entityId.optional() }),
    response: pageOf('snapshots', catalogueSnapshot),
  }),
} as const;
