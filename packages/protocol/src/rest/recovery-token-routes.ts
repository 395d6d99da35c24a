import { z } from 'zod';
import { entityId, isoTime, snapshotId } from '../names.ts';
import { route } from '../route.ts';
import { byId, pageOf, pageQuery, text } from './parts.ts';

/** Which backups: all of some repositories, those of some computers, and single ones. */
const named = {
  repositories: z.array(entityId).max(100).default([]),
  computers: z.array(entityId).max(100).default([]),
  snapshots: z
    .array(z.strictObject({ repositoryId: entityId, id: snapshotId }))
    .max(100)
    .default([]),
};
export const recoveryScope = z.strictObject(named);
export type RecoveryScope = z.output<typeof recoveryScope>;

const recoveryToken = z.object({
  id: entityId,
  note: z.string(),
  scope: recoveryScope,
  /** Who made it, as the audit names it. */
  actor: z.string(),
  /** How many times it can still be presented with another key. */
  usesLeft: z.number().int(),
  createdAt: isoTime,
  expiresAt: isoTime,
  lastUsedAt: isoTime.optional(),
  lastUsedFrom: z.string().optional(),
});
export type RecoveryToken = z.infer<typeof recoveryToken>;

/** A certificate that was given for a recovery. */
const recoveryAccess = z.object({
  id: entityId,
  /** The token that was presented; none where somebody signed in. */
  tokenId: entityId.optional(),
  /** `recovery-token`, or the account as the audit names it. */
  actor: z.string(),
  scope: recoveryScope,
  hostname: z.string(),
  remoteAddress: z.string(),
  createdAt: isoTime,
  expiresAt: isoTime,
  lastUsedAt: isoTime.optional(),
});
export type RecoveryAccess = z.infer<typeof recoveryAccess>;

/** Told after a revocation. */
const revoked = z.object({ certificates: z.number().int() });

export const recoveryTokenRoutes = {
  createRecoveryToken: route('createRecoveryToken', 'POST', '/api/v1/recovery-tokens', {
    access: 'secrets.reveal',
    stepUp: true,
    summary:
      'Make a recovery token, with which named backups can be restored without an enrolled computer; its text is told this once',
    tag: 'recovery',
    audited: ['note', 'lifetimeSeconds', 'uses', 'repositories', 'computers', 'snapshots'],
    body: z
      .strictObject({
        ...named,
        note: text.default('recovery'),
        lifetimeSeconds: z
          .number()
          .int()
          .min(60)
          .max(30 * 86_400)
          .default(86_400),
        /** Computers, or starts of recovery media, that can present it. */
        uses: z.number().int().min(1).max(10).default(1),
      })
      .refine(
        ({ repositories, computers, snapshots }) => repositories.length + computers.length + snapshots.length > 0,
        'name at least one repository, computer or snapshot',
      ),
    response: recoveryToken.extend({ token: z.string(), caFingerprint: z.string() }),
  }),
  recoveryTokens: route('recoveryTokens', 'GET', '/api/v1/recovery-tokens', {
    access: 'secrets.reveal',
    summary: 'Recovery tokens that have not expired',
    tag: 'recovery',
    query: pageQuery,
    response: pageOf('tokens', recoveryToken),
  }),
  revokeRecoveryToken: route('revokeRecoveryToken', 'DELETE', '/api/v1/recovery-tokens/{id}', {
    access: 'secrets.reveal',
    summary: 'Revoke a recovery token and every certificate that was given for it',
    tag: 'recovery',
    params: byId,
    response: revoked,
  }),
  recoveryAccesses: route('recoveryAccesses', 'GET', '/api/v1/recovery-certificates', {
    access: 'secrets.reveal',
    summary: 'Certificates that were given for recoveries and are still good',
    tag: 'recovery',
    query: pageQuery,
    response: pageOf('certificates', recoveryAccess),
  }),
  revokeRecoveryAccess: route('revokeRecoveryAccess', 'DELETE', '/api/v1/recovery-certificates/{id}', {
    access: 'secrets.reveal',
    summary: 'Revoke one of them; movers are told at once, or at the next contact',
    tag: 'recovery',
    params: byId,
    response: revoked,
  }),
} as const;
