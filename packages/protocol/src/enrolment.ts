import { z } from 'zod';
import { identityKey } from './grants.ts';
import { entityId, fingerprint, platform } from './names.ts';

/** Enrolment and renewal, on 10005 and 10006. Paths are below the HTTPS root of those listeners. */

export const enrolPath = '/v1/enrol';
export const renewPath = '/v1/renew';
/** A `hello` from a mover that has begun to listen; answered with `{}`. */
export const reportPath = '/v1/report';
/** Upgraded to the task protocol: the connection that the agent holds open. */
export const controlPath = '/v1/control';
export const taskProtocol = 'holdfast-task';

export const enrollableRole = z.enum(['agent', 'mover']);
export type EnrollableRole = z.infer<typeof enrollableRole>;

/** A certificate signing request, PEM. */
const signingRequest = z.string().startsWith('-----BEGIN CERTIFICATE REQUEST-----').max(16_384);

export const enrolRequest = z.strictObject({
  protocolVersion: z.number().int(),
  productVersion: z.string().max(40),
  /** `hfj_` and 256 random bits; never logged. */
  token: z.string().regex(/^hfj_[A-Za-z0-9_-]{43}$/),
  role: enrollableRole,
  hostname: z.string().min(1).max(253),
  platform,
  signingRequest,
  /** Channel id to port, for ports that are not the contract's defaults. */
  ports: z.record(z.string(), z.number().int()).default({}),
  /** Where others reach this computer; the server takes the connection's address if it is left out. */
  address: z.string().max(253).optional(),
});
export type EnrolRequest = z.input<typeof enrolRequest>;

export const certificateAnswer = z.object({
  /** The leaf, then the intermediate. */
  certificatePem: z.string(),
  caPem: z.string(),
  expiresAt: z.iso.datetime(),
});

export const enrolAnswer = certificateAnswer.extend({
  id: entityId,
  installation: entityId,
  serverId: entityId,
  identityKeys: z.array(identityKey),
});
export type EnrolAnswer = z.infer<typeof enrolAnswer>;

export const renewRequest = z.strictObject({ signingRequest });

/** `sha256:` and the base64url SHA-256 of the CA certificate's DER: what a person compares. */
export const caFingerprint = z
  .string()
  .regex(/^sha256:[A-Za-z0-9_-]{43}$/)
  .or(fingerprint.transform((text) => `sha256:${text}`));
