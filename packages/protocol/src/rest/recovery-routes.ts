import { z } from 'zod';
import { errorReport } from '../error-report.ts';
import { kitSeal } from '../maintenance-tasks.ts';
import { foundRepositories } from '../mover-api.ts';
import { entityId, isoTime, slug } from '../names.ts';
import { route } from '../route.ts';
import { byId, pageOf, pageQuery } from './parts.ts';
import { repository } from './repository-routes.ts';

/** `unconfirmed`: nobody has shown yet that its words are on paper. */
export const recoveryKitState = z.enum(['none', 'unconfirmed', 'confirmed']);

const keyText = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

const recoveryKit = z.object({
  /** The kit in force; none before the first. */
  kit: kitSeal.extend({ createdAt: isoTime, createdBy: z.string(), confirmedAt: isoTime.optional() }).optional(),
  /** Replaced ones: what was sealed to them before still opens with them. */
  former: z.array(z.object({ id: kitSeal.shape.id, createdAt: isoTime, replacedAt: isoTime })),
  repositories: z.object({
    /** Those in which there is anything and whose key the server has. */
    total: z.number().int(),
    /** Of those, how many open with the kit. */
    sealed: z.number().int(),
    /** Of those, how many still have a key of a former kit, which their storage does not let go before a date. */
    openToFormer: z.number().int(),
    /** Besides, of the zero-knowledge mode: no kit opens them. */
    zeroKnowledge: z.number().int(),
  }),
  /** Why repositories do not have their key yet. They are tried again. */
  problems: z.array(z.object({ repositoryId: entityId, name: z.string(), error: errorReport })),
});
export type RecoveryKit = z.infer<typeof recoveryKit>;

/** Where a configuration backup is: a folder of the server's computer, or beside the repositories of a mover. */
export const configurationPlace = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('folder'), location: z.string() }),
  z.object({
    kind: z.literal('mover'),
    moverId: entityId,
    location: z.string().optional(),
    /** Why it is not there. */
    error: errorReport.optional(),
  }),
]);

const configurationBackup = z.object({
  id: entityId,
  startedAt: isoTime,
  /** Without it the server was stopped in the middle, or is at it. */
  endedAt: isoTime.optional(),
  /** The recovery kit that opens it. */
  kitId: kitSeal.shape.id.optional(),
  name: z.string().optional(),
  bytes: z.number().int().optional(),
  places: z.array(configurationPlace),
  error: errorReport.optional(),
});
export type ConfigurationBackup = z.infer<typeof configurationBackup>;

/** How to start again when nothing is left but the storage. The words of a kit never come to the server. */
export const recoveryRoutes = {
  recoveryKit: route('recoveryKit', 'GET', '/api/v1/recovery-kit', {
    access: 'server.manage',
    summary: 'The recovery kit in force, and what opens with it',
    tag: 'recovery',
    response: recoveryKit,
  }),
  replaceRecoveryKit: route('replaceRecoveryKit', 'PUT', '/api/v1/recovery-kit', {
    access: 'server.manage',
    stepUp: true,
    audited: ['publicKey'],
    summary: 'Put a new recovery kit in force; repositories get a key for it, and lose that of the former one',
    tag: 'recovery',
    body: z.strictObject({
      publicKey: keyText,
      /** With it the server shows who opens a configuration backup that it was the server who made it. */
      authKey: keyText,
    }),
    response: recoveryKit,
  }),
  confirmRecoveryKit: route('confirmRecoveryKit', 'POST', '/api/v1/recovery-kit/confirm', {
    access: 'server.manage',
    summary: 'Show that one has the words of the kit: they are on paper',
    tag: 'recovery',
    body: z.strictObject({ proof: keyText }),
    response: recoveryKit,
  }),
  configurationBackups: route('configurationBackups', 'GET', '/api/v1/configuration-backups', {
    access: 'server.manage',
    summary: "Backups of the server's own configuration, newest first",
    tag: 'recovery',
    query: pageQuery,
    response: pageOf('backups', configurationBackup),
  }),
  backUpConfiguration: route('backUpConfiguration', 'POST', '/api/v1/configuration-backups', {
    access: 'server.manage',
    summary: "Back up the server's own configuration now, sealed to the recovery kit",
    tag: 'recovery',
    response: configurationBackup,
  }),
  storedRepositories: route('storedRepositories', 'GET', '/api/v1/movers/{id}/repositories', {
    access: 'server.manage',
    summary: 'Repositories in the storage of a mover, whoever put them there',
    tag: 'recovery',
    params: byId,
    query: z.strictObject({ after: slug.optional() }),
    response: z.object({
      repositories: z.array(
        foundRepositories.shape.repositories.element.extend({
          /** The one in the catalogue that has the name; it may be at another mover. */
          repositoryId: entityId.optional(),
          moverId: entityId.optional(),
        }),
      ),
      next: slug.optional(),
    }),
  }),
  importRepository: route('importRepository', 'POST', '/api/v1/movers/{id}/repositories', {
    access: 'server.manage',
    stepUp: true,
    audited: ['name', 'group'],
    summary: 'Enter a repository in the storage of a mover, with what is in it; one that is known is there from now on',
    tag: 'recovery',
    params: byId,
    body: z.strictObject({
      name: slug,
      /** Needed for one that is not known. It goes into the vault. */
      password: z.string().min(1).max(4_096).optional(),
      /** Default: the mover's. */
      group: slug.optional(),
    }),
    response: z.object({
      repository,
      /** It was not known. */
      entered: z.boolean(),
      snapshots: z.number().int(),
      unreadable: z.number().int(),
      /** Names of the computers that its snapshots are of; the first thousand. */
      hostnames: z.array(z.string()),
    }),
  }),
} as const;
