import { topologyDocument } from '@holdfast/contract/topology/schema';
import { z } from 'zod';
import { auditOutcome, auditRecord } from '../audit-chain.ts';
import { errorReport } from '../error-report.ts';
import { identityKey } from '../grants.ts';
import { useAnswer } from '../mover-api.ts';
import { entityId, isoTime } from '../names.ts';
import { proofDigest, proofSignature } from '../proof-signature.ts';
import { route } from '../route.ts';
import { computer } from './computer-routes.ts';
import { pageOf, pageQuery } from './parts.ts';
import { recoveryKitState } from './recovery-routes.ts';
import { run } from './run-routes.ts';
import { session } from './session-routes.ts';

const serverStatus = z.object({
  productVersion: z.string(),
  installation: entityId,
  startedAt: isoTime,
  caFingerprint: z.string(),
  recoveryKit: recoveryKitState,
  /** Where other computers find it, as far as it knows: configured names first, then its own name and addresses. */
  names: z.array(z.string()),
  /** What grants and proofs are signed with. */
  identityKeys: z.array(identityKey),
  /** Channel id, and the port it really listens on, with the reason where that is not the contract's. */
  listening: z.array(
    z.object({ channel: z.string(), address: z.string(), port: z.number().int(), reason: z.string().optional() }),
  ),
});

/** A certificate that the computers know the server by. */
const ownCertificate = z.object({
  /** `issuer` is what the root's key signed, and signs all others. */
  kind: z.enum(['root', 'issuer', 'server']),
  subject: z.string(),
  /** DNS names and addresses that it is good for. */
  names: z.array(z.string()),
  serial: z.string(),
  /** As people compare it. */
  fingerprint: z.string(),
  validFrom: isoTime,
  expiresAt: isoTime,
  pem: z.string(),
});

/** What happens, as it happens. */
export const serverEvent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('run'), at: isoTime, run }),
  z.object({ kind: z.literal('computer'), at: isoTime, computer }),
  /** It has begun, or has ended. */
  z.object({ kind: z.literal('session'), at: isoTime, session }),
]);
export type ServerEvent = z.infer<typeof serverEvent>;

const auditText = z.string().min(1).max(200);

export const serverRoutes = {
  openapi: route('openapi', 'GET', '/api/openapi.json', {
    access: 'status.read',
    summary: 'This document',
    tag: 'server',
    response: z.record(z.string(), z.unknown()),
  }),
  status: route('status', 'GET', '/api/v1/status', {
    access: 'status.read',
    summary: 'Version, installation and listening ports of the server',
    tag: 'server',
    response: serverStatus,
  }),
  certificates: route('certificates', 'GET', '/api/v1/certificates', {
    access: 'network.read',
    summary: "The CA's certificates and the server's own, with their ends",
    tag: 'server',
    response: z.object({ certificates: z.array(ownCertificate) }),
  }),
  channelUse: route('channelUse', 'GET', '/api/v1/channel-use', {
    access: 'network.read',
    summary: 'How much each channel of the contract was used, by process, since it started, and in all',
    tag: 'server',
    response: z.object({
      processes: z.array(useAnswer.extend({ role: z.string(), id: entityId, error: errorReport.optional() })),
    }),
  }),
  topology: route('topology', 'GET', '/api/v1/topology', {
    access: 'network.read',
    summary: 'The server and the computers that have joined it, as a topology for `holdfast ports plan`',
    tag: 'server',
    response: topologyDocument,
  }),
  events: route('events', 'GET', '/api/v1/events', {
    access: 'fleet.read',
    summary: 'All events from now on',
    tag: 'server',
    response: serverEvent,
    stream: true,
  }),
  audit: route('audit', 'GET', '/api/v1/audit', {
    access: 'audit.read',
    summary: 'Who did what, in a chain that `holdfast audit verify` checks',
    tag: 'server',
    query: z.strictObject({
      ...pageQuery.shape,
      order: z.enum(['newest', 'oldest']).default('newest'),
      actor: auditText.optional(),
      action: auditText.optional(),
      subject: auditText.optional(),
      outcome: auditOutcome.optional(),
      since: isoTime.optional(),
      until: isoTime.optional(),
    }),
    response: pageOf('records', auditRecord),
  }),
  signProof: route('signProof', 'POST', '/api/v1/proofs/sign', {
    access: 'network.manage',
    summary: 'Sign that an administrator has submitted a proof with this SHA-256 digest. Audited',
    tag: 'server',
    body: z.strictObject({ sha256: proofDigest }),
    response: proofSignature,
  }),
} as const;
