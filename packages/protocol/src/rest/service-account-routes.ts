import { z } from 'zod';
import { entityId, fingerprint, isoTime, slug } from '../names.ts';
import { personRole } from '../permissions.ts';
import { route } from '../route.ts';
import { groups } from './account-routes.ts';
import { byId, pageOf, pageQuery } from './parts.ts';

/** One certificate, PEM: a few KiB at most. */
const certificatePem = z.string().min(1).max(16_384);
/** More than one while the next is brought to the machine. */
const certificates = z.array(certificatePem).min(1).max(5);

/** What is registered, whoever issued it; or a request (PKCS #10) for a certificate of the installation's CA. */
const certificateSource = { certificates: certificates.optional(), signingRequest: certificatePem.optional() };

function hasOneSource(body: Readonly<Record<string, unknown>>): boolean {
  return ['computerId', 'certificates', 'signingRequest'].filter((name) => body[name] !== undefined).length === 1;
}

/** Repositories for which it gets grants by itself, bound to its certificate: to restore from them, or to back up to them as well. */
export const machineGrants = z.strictObject({
  mode: z.enum(['append', 'read']),
  repositoryIds: z.array(entityId).min(1).max(100),
});
export type MachineGrants = z.infer<typeof machineGrants>;

/** A new certificate of the installation's CA, with its chain: for who sent a signing request. */
const issued = z.object({ certificatePem: z.string().optional() });

const serviceAccount = z.object({
  /** The `client_id` with which it asks for tokens. */
  id: entityId,
  name: slug,
  /** What it may do with the REST API; absent: nothing but to get its grants. */
  role: personRole.optional(),
  groups: groups.optional(),
  grants: machineGrants.optional(),
  /** The agent or mover whose certificate it proves itself with. */
  computerId: entityId.optional(),
  /** Else the certificates that were issued or registered for it. */
  certificates: z.array(z.object({ fingerprint, subject: z.string(), expiresAt: isoTime })),
  /** Who made it, as the audit names it. */
  actor: z.string(),
  createdAt: isoTime,
  /** When it got its last token, and from where. */
  lastTokenAt: isoTime.optional(),
  lastTokenFrom: z.string().optional(),
});
export type ServiceAccount = z.infer<typeof serviceAccount>;

export const serviceAccountRoutes = {
  createServiceAccount: route('createServiceAccount', 'POST', '/api/v1/service-accounts', {
    access: 'people.manage',
    stepUp: true,
    approval: 'conditional',
    summary: 'Make an account for a machine, which proves itself with a certificate (RFC 8705)',
    tag: 'people',
    audited: ['name', 'role', 'groups', 'grants', 'computerId'],
    body: z
      .strictObject({
        name: slug,
        role: personRole.optional(),
        groups: groups.optional(),
        grants: machineGrants.optional(),
        computerId: entityId.optional(),
        ...certificateSource,
      })
      .refine(hasOneSource, 'one of computerId, certificates and signingRequest')
      .refine(({ role, grants }) => role !== undefined || grants !== undefined, 'a role, or grants, or both'),
    response: serviceAccount.extend(issued.shape),
  }),
  serviceAccounts: route('serviceAccounts', 'GET', '/api/v1/service-accounts', {
    access: 'people.manage',
    summary: 'Accounts of machines',
    tag: 'people',
    query: pageQuery,
    response: pageOf('serviceAccounts', serviceAccount),
  }),
  setServiceAccountCertificates: route(
    'setServiceAccountCertificates',
    'PUT',
    '/api/v1/service-accounts/{id}/certificates',
    {
      access: 'people.manage',
      stepUp: true,
      approval: 'conditional',
      summary:
        'Register certificates in the place of those it has, or have one issued besides them; tokens of those that go end at once',
      tag: 'people',
      params: byId,
      body: z.strictObject(certificateSource).refine(hasOneSource, 'one of certificates and signingRequest'),
      response: serviceAccount.extend(issued.shape),
    },
  ),
  deleteServiceAccount: route('deleteServiceAccount', 'DELETE', '/api/v1/service-accounts/{id}', {
    access: 'people.manage',
    summary: 'Remove it; its tokens end at once',
    tag: 'people',
    params: byId,
    response: z.object({}),
  }),
} as const;
