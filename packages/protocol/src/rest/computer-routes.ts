import { z } from 'zod';
import { enrollableRole } from '../enrolment.ts';
import { maxNamedComputers } from '../limits.ts';
import { certificateSerial, entityId, isoTime, platform, slug } from '../names.ts';
import { route } from '../route.ts';
import { byId, countedPageOf, pageOf, pageQuery, sortOrder, totalQuery } from './parts.ts';

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

/**
 * Apart from being there or not. `out-of-date`: an older version than the server's. `untrusted`: revoked, or the certificate has
 * expired. `unprotected`: an agent without a job, or without a backup for as many days as the server is set to.
 */
const backupResult = z.enum(['succeeded', 'warning', 'failed', 'cancelled']);

const computerCondition = z.enum(['out-of-date', 'untrusted', 'unprotected']);
const computerDetail = computer.extend({
  conditions: z.array(computerCondition),
  lastBackupAt: isoTime.optional(),
  /** Of the last good restore drill. */
  lastDrillAt: isoTime.optional(),
  /** How its last backup ended, and when. */
  lastResult: backupResult.optional(),
  lastResultAt: isoTime.optional(),
});
export type ComputerDetail = z.infer<typeof computerDetail>;

/**
 * The built-in groups that hold computers. `manually-added`: in a group of type `individual`. `trusted`: not revoked. `protected`: a
 * trusted agent that is not `unprotected`.
 */
export const computerFilters = [
  'online',
  'offline',
  'manually-added',
  'trusted',
  'protected',
  ...computerCondition.options,
] as const;
export type ComputerFilter = (typeof computerFilters)[number];

export const computerRoutes = {
  createToken: route('createToken', 'POST', '/api/v1/join-tokens', {
    access: 'computers.manage',
    summary: 'Make a join token; its text is shown this once',
    tag: 'computers',
    audited: ['role', 'group', 'uses', 'preinstalled', 'lifetimeSeconds'],
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
    access: 'computers.manage',
    summary: 'Join tokens that can still be used',
    tag: 'computers',
    query: pageQuery,
    response: pageOf('tokens', joinToken),
  }),
  deleteToken: route('deleteToken', 'DELETE', '/api/v1/join-tokens/{id}', {
    access: 'computers.manage',
    summary: 'Withdraw a join token',
    tag: 'computers',
    params: byId,
    response: z.object({}),
  }),
  computers: route('computers', 'GET', '/api/v1/computers', {
    access: 'fleet.read',
    summary: 'Enrolled agents and movers',
    tag: 'computers',
    query: pageQuery.extend({
      /** These alone, parted by commas: for the names of those of which others know the ids. */
      ids: z
        .string()
        .max(maxNamedComputers * 37)
        .transform((ids) => ids.split(','))
        .pipe(z.array(entityId).max(maxNamedComputers))
        .optional(),
      role: enrollableRole.optional(),
      group: slug.optional(),
      state: z.enum(computerFilters).optional(),
      /** A part of the host name or address. */
      text: z.string().min(1).max(253).optional(),
      platform: platform.optional(),
      /** `never`: without any; `any`: with one. */
      backup: z.enum(['never', 'any']).optional(),
      /** The newest backup is older, or there is none; and: it is as new, or newer. */
      lastBackupBefore: isoTime.optional(),
      lastBackupAfter: isoTime.optional(),
      drill: z.enum(['never', 'any']).optional(),
      /** As above, of the last good drill. */
      lastDrillBefore: isoTime.optional(),
      lastDrillAfter: isoTime.optional(),
      lastResult: backupResult.optional(),
      sort: z.enum(['joined', 'name', 'lastBackup', 'certificate']).default('joined'),
      order: sortOrder.default('asc'),
      ...totalQuery,
    }),
    response: countedPageOf('computers', computerDetail),
  }),
  computer: route('computer', 'GET', '/api/v1/computers/{id}', {
    access: 'fleet.read',
    summary: 'An enrolled agent or mover',
    tag: 'computers',
    params: byId,
    response: computerDetail,
  }),
  moveComputer: route('moveComputer', 'POST', '/api/v1/computers/{id}/move', {
    access: 'computers.manage',
    summary: 'Move a computer to another protection group',
    tag: 'computers',
    params: byId,
    audited: ['group'],
    body: z.strictObject({ group: slug }),
    response: computerDetail,
  }),
  rescanComputer: route('rescanComputer', 'POST', '/api/v1/computers/{id}/rescan', {
    access: 'computers.manage',
    summary: 'Look whether a computer is there, and at its version and certificate, now. Deploys nothing',
    tag: 'computers',
    params: byId,
    response: computerDetail,
  }),
  revokeComputer: route('revokeComputer', 'POST', '/api/v1/computers/{id}/revoke', {
    access: 'computers.manage',
    summary: "Revoke a computer's certificate, at once and for good",
    tag: 'computers',
    params: byId,
    response: computer,
  }),
} as const;
