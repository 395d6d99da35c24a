import { z } from 'zod';
import { certificateAnswer } from './enrolment.ts';
import { entityId, host, isoTime, port, slug, snapshotId, tenantId } from './names.ts';
import { archiveFormat } from './reading.ts';
import { recoveryCodeProof, totpProof } from './rest/account-routes.ts';
import { pageQuery } from './rest/parts.ts';

/**
 * Recovery without an enrolled computer: a recovery token on 10005, or an account on 10001, gives a certificate for some backups
 * and some hours; with that the identity service on 443 tells which backups they are and gives grants for them.
 */
export const recoveryTokenPath = '/v1/recovery/token';
export const recoveryCredentialsPath = '/v1/recovery/credentials';
export const recoveryBackupsPath = '/identity/v1/backups';
export const recoveryGrantsPath = '/identity/v1/grants';
export const recoveryContentsPath = '/identity/v1/contents';

/** 64 random bits as people type them: `7e8e-72a6-3eb2-ebe0`. Letters of either size, groups apart or not; as 16 hexadecimal digits here. */
const recoveryTokenText = z
  .string()
  .max(100)
  .transform((text) => text.toLowerCase().replaceAll(/[\s-]/g, ''))
  .pipe(z.string().regex(/^[0-9a-f]{16}$/, 'a recovery token has 16 digits of 0-9 and a-f'));

const signInParts = {
  protocolVersion: z.number().int(),
  productVersion: z.string().max(40),
  /** Of the computer that asks, for the list of what was handed out. */
  hostname: z.string().min(1).max(253),
  /** PKCS #10, PEM: of a key that is made for this recovery. */
  signingRequest: z.string().startsWith('-----BEGIN CERTIFICATE REQUEST-----').max(16_384),
};

export const recoveryTokenRequest = z.strictObject({ ...signInParts, token: recoveryTokenText });

export const recoveryCredentialsRequest = z.strictObject({
  ...signInParts,
  proof: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('password'),
      name: z.string().min(1).max(200),
      password: z.string().min(1).max(1024),
    }),
    z.strictObject({
      kind: z.literal('second-factor'),
      pending: z.string().min(1).max(100),
      proof: z.discriminatedUnion('kind', [totpProof, recoveryCodeProof]),
    }),
  ]),
  /** Host names or ids of the computers whose backups are wanted. */
  computers: z.array(z.string().min(1).max(253)).min(1).max(100),
});
export type RecoveryCredentialsRequest = z.input<typeof recoveryCredentialsRequest>;

export const recoveryCertificate = certificateAnswer.extend({
  state: z.literal('signed-in'),
  id: entityId,
  installation: entityId,
  serverId: entityId,
  /** Of the identity service. */
  identityPort: port,
});
export type RecoveryCertificate = z.infer<typeof recoveryCertificate>;

export const recoveryCredentialsAnswer = z.discriminatedUnion('state', [
  recoveryCertificate,
  z.object({ state: z.literal('second-factor'), pending: z.string(), factors: z.array(z.string()) }),
]);

/** `GET recoveryBackupsPath?limit=&after=`: a page of what may be restored, newest first. */
const recoverableSnapshot = z.object({
  id: snapshotId,
  repositoryId: entityId,
  repository: slug,
  hostname: z.string(),
  sources: z.array(z.string()),
  takenAt: isoTime,
  totalFiles: z.number(),
  totalBytes: z.number(),
});
export type RecoverableSnapshot = z.infer<typeof recoverableSnapshot>;
export const recoveryBackupsQuery = pageQuery;
export const recoveryBackups = z.object({ snapshots: z.array(recoverableSnapshot), next: z.string().optional() });

/** `POST recoveryGrantsPath`: a grant to read one of these repositories, bound to the certificate, and what opens it. */
export const recoveryGrantRequest = z.strictObject({ repositoryId: entityId });
export const recoveryGrant = z.object({
  grant: z.string(),
  tenant: tenantId,
  repository: slug,
  mover: z.object({ id: entityId, host, port }),
  /** Left out in the zero-knowledge mode: the person has it. */
  password: z.string().optional(),
  expiresAt: isoTime,
});
export type RecoveryGrant = z.infer<typeof recoveryGrant>;

/**
 * `GET recoveryContentsPath?…`: a file of one of these backups as it is, or a folder as an archive, also from a repository whose key
 * would open more than the recovery may have: its executor reads.
 */
export const recoveryContentsQuery = z.strictObject({
  repositoryId: entityId,
  snapshotId,
  /** The folder where paths begin. */
  root: z.string().min(1).max(4096).default('/'),
  path: z.string().min(1).max(4096).default('/'),
  archive: archiveFormat.default('tar'),
});
