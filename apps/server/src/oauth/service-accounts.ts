import { type KeyObject, X509Certificate } from 'node:crypto';
import { type Clock, HoldfastError } from '@holdfast/core';
import {
  type GrantMode,
  type MachineGrants,
  machineGrants,
  type PersonRole,
  type ServiceAccount,
} from '@holdfast/protocol';
import { certificateFingerprint, type PeerIdentity, type PresentedCertificate, peerIdentity } from '@holdfast/wire';
import type { Selectable } from 'kysely';
import type { AllClientMetadata } from 'oidc-provider';
import { z } from 'zod';
import type { CertificateAuthority } from '../authority/certificate-authority.ts';
import { readSigningRequest } from '../authority/signing-request.ts';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { isUniqueViolation } from '../catalogue/database-errors.ts';
import type { ServiceAccountsTable } from '../catalogue/oauth-tables.ts';
import { type PageRequest, readPage } from '../catalogue/page.ts';
import { loadComputer } from '../computers/computers.ts';
import { readJson } from '../json-column.ts';
import { machineCertificateMs, maxMachineCertificates, maxServiceAccounts } from '../limits.ts';
import { groupsJson, groupsOf } from '../people/accounts.ts';
import { loadRepository } from '../repositories.ts';

/** NIST SP 800-131A. */
const minRsaBits = 2_048;

export type ServiceAccountRow = Selectable<ServiceAccountsTable>;

/** Certificates to register, or a request for one of ours. Neither: that of a computer. */
export interface CertificateSource {
  readonly certificates?: readonly string[] | undefined;
  readonly signingRequest?: string | undefined;
}

/**
 * Accounts of machines: a role and groups, as people have, and a certificate in the place of a password. It is a computer's own, which
 * renews by itself; or one that our CA has issued for the account, or that was registered, whoever issued it.
 */

/** Throws `internal.limit`, `request.missing`, `request.invalid` and `request.conflict`. */
export async function createServiceAccount(
  scope: TenantScope,
  o: {
    name: string;
    role: PersonRole | undefined;
    groups: readonly string[] | undefined;
    grants: MachineGrants | undefined;
    computerId: string | undefined;
    source: CertificateSource;
    actor: string;
    authority: Pick<CertificateAuthority, 'issue'>;
    clock: Clock;
  },
): Promise<ServiceAccount & { certificatePem?: string }> {
  const id = crypto.randomUUID();
  const { pems, certificatePem } = await newCertificates(id, o);
  return scope.transaction(async (inside) => {
    const { count } = await inside.query
      .selectFrom('serviceAccounts')
      .select((row) => row.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow();
    if (count >= maxServiceAccounts)
      throw new HoldfastError('internal.limit', {
        message: `There are ${maxServiceAccounts} service accounts, as many as may be.`,
      });
    if (o.computerId !== undefined) await loadComputer(inside, o.computerId);
    for (const id of o.grants?.repositoryIds ?? []) await loadRepository(inside, id);
    const row = await inside.query
      .insertInto('serviceAccounts')
      .values({
        ...{ id, name: o.name, role: o.role ?? null, groupsJson: groupsJson(o.groups) },
        grantsJson: o.grants === undefined ? null : JSON.stringify(o.grants),
        ...{ computerId: o.computerId ?? null, certificatesJson: JSON.stringify(pems) },
        ...{ actor: o.actor, createdAt: o.clock.now().toISOString() },
      })
      .returningAll()
      .executeTakeFirstOrThrow()
      .catch((error: unknown) => {
        if (!isUniqueViolation(error)) throw error;
        throw new HoldfastError('request.conflict', { message: `There is a service account ${o.name} already.` });
      });
    return { ...view(row), ...(certificatePem === undefined ? {} : { certificatePem }) };
  });
}

export async function pageOfServiceAccounts(
  { query }: TenantScope,
  o: PageRequest,
): Promise<{ serviceAccounts: ServiceAccount[]; next?: string }> {
  const rows = query.selectFrom('serviceAccounts').selectAll();
  const order = { createdAt: 'text', id: 'text' } as const;
  const { items, ...rest } = await readPage(rows, { ...o, order, newestFirst: true, view });
  return { serviceAccounts: items, ...rest };
}

/**
 * Registered ones take the place of those that it has; an issued one comes besides those that have not expired. Where one goes, which may
 * be one whose key was lost, the account's grants are revoked, and movers have to be told. Throws `request.invalid`, and
 * `request.conflict` for an account of a computer.
 */
export async function setCertificates(
  scope: TenantScope,
  o: {
    row: ServiceAccountRow;
    source: CertificateSource;
    authority: Pick<CertificateAuthority, 'issue'>;
    clock: Clock;
  },
): Promise<{ readonly account: ServiceAccount & { certificatePem?: string }; readonly areGrantsRevoked: boolean }> {
  if (o.row.computerId !== null)
    throw new HoldfastError('request.conflict', {
      message: `The service account ${o.row.name} proves itself with the certificate of a computer, which renews by itself.`,
      guidance: 'Make another service account for another certificate.',
    });
  const { pems, certificatePem } = await newCertificates(o.row.id, o);
  const isAlive = (pem: string): boolean => new X509Certificate(pem).validToDate > o.clock.now();
  const before = certificatesOf(o.row).filter(isAlive);
  const kept = certificatePem === undefined ? [] : before;
  // The newest ones: who had that many lost keys has other troubles than one that ends.
  const certificates = [...pems, ...kept].slice(0, maxMachineCertificates);
  const certificatesJson = JSON.stringify(certificates);
  const goes = before.some((pem) => !certificates.includes(pem));
  await scope.transaction(async (inside) => {
    if (goes) await revokeGrantsOf(inside, o);
    await inside.query.updateTable('serviceAccounts').set({ certificatesJson }).where('id', '=', o.row.id).execute();
  });
  return {
    account: {
      ...view({ ...o.row, certificatesJson }),
      ...(certificatePem === undefined ? {} : { certificatePem }),
    },
    areGrantsRevoked: goes,
  };
}

/** Its grants are revoked: movers have to be told. */
export async function deleteServiceAccount(
  scope: TenantScope,
  o: { row: ServiceAccountRow; clock: Clock },
): Promise<void> {
  const { id } = o.row;
  await scope.transaction(async (inside) => {
    await revokeGrantsOf(inside, o);
    await inside.deleteFrom('oauthArtifacts').where('credentialId', '=', id).execute();
    await inside.deleteFrom('serviceAccounts').where('id', '=', id).execute();
  });
}

/** Each is bound to a certificate that the account had. */
async function revokeGrantsOf(
  { query }: TenantScope,
  { row, clock }: { row: ServiceAccountRow; clock: Clock },
): Promise<void> {
  await query
    .updateTable('grants')
    .set({ revokedAt: clock.now().toISOString() })
    .where('actor', '=', machineActor(row))
    .where('revokedAt', 'is', null)
    .execute();
}

/** As the audit names it. */
export function machineActor({ name }: Pick<ServiceAccountRow, 'name'>): string {
  return `service-account/${name}`;
}

export async function findServiceAccount({ query }: TenantScope, id: string): Promise<ServiceAccountRow | undefined> {
  return query.selectFrom('serviceAccounts').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Throws `request.missing`. */
export async function loadServiceAccount(scope: TenantScope, id: string): Promise<ServiceAccountRow> {
  const row = await findServiceAccount(scope, id);
  if (!row) throw new HoldfastError('request.missing', { message: `There is no service account ${id}.` });
  return row;
}

export async function noteToken(
  { query }: TenantScope,
  o: { id: string; remoteAddress: string; clock: Clock },
): Promise<void> {
  await query
    .updateTable('serviceAccounts')
    .set({ lastTokenAt: o.clock.now().toISOString(), lastTokenFrom: o.remoteAddress })
    .where('id', '=', o.id)
    .execute();
}

/** Whether it may prove itself with that certificate now. */
export function admits(row: ServiceAccountRow, { fingerprint, peer }: PresentedCertificate): boolean {
  if (row.computerId !== null) return peer?.id === row.computerId;
  return certificatesOf(row).some((pem) => certificateFingerprint(pem) === fingerprint);
}

/** Throws `auth.forbidden` where it may not have a grant for that repository in that mode. */
export function checkGrant(
  row: ServiceAccountRow,
  o: { repositoryId: string; mode: GrantMode; presented: PresentedCertificate },
): void {
  // Its certificate may have been taken away since it has signed in with it.
  if (!admits(row, o.presented)) throw new HoldfastError('auth.forbidden');
  if (!o.presented.peer)
    throw new HoldfastError('auth.forbidden', {
      message: 'A grant is bound to a certificate that movers know: one of the CA of this installation.',
      guidance: 'Have one issued with `holdfast service-account certificate`.',
    });
  const may = grantsOf(row);
  if (may?.repositoryIds.includes(o.repositoryId) && (o.mode === may.mode || may.mode === 'append')) return;
  throw new HoldfastError('auth.forbidden', {
    message: `The service account ${row.name} may have no grant to ${o.mode} for that repository.`,
  });
}

/** As the provider knows it (RFC 8705, section 2); undefined for an unknown one. */
export async function machineMetadata(
  scope: TenantScope,
  { id, installation }: { id: string; installation: string },
): Promise<AllClientMetadata | undefined> {
  const row = await findServiceAccount(scope, id);
  if (!row) return undefined;
  const keys = certificatesOf(row).map((pem) => {
    const certificate = new X509Certificate(pem);
    const kid = certificateFingerprint(certificate);
    return { ...certificate.publicKey.export({ format: 'jwk' }), kid, x5c: [certificate.raw.toString('base64')] };
  });
  const computer = row.computerId === null ? undefined : await loadComputer(scope, row.computerId);
  return {
    ...{ client_id: row.id, client_name: row.name, redirect_uris: [], response_types: [] },
    ...{ grant_types: ['client_credentials'], scope: 'api' },
    tls_client_certificate_bound_access_tokens: true,
    ...(computer
      ? { token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_san_uri: uriOf({ installation, ...computer }) }
      : { token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys } }),
  };
}

/** The name in a certificate of the installation's CA. */
export function uriOf({ installation, role, id }: Pick<PeerIdentity, 'installation' | 'role' | 'id'>): string {
  return `holdfast://${installation}/${role}/${id}`;
}

/** What is kept of the source, and what is told of it. */
async function newCertificates(
  id: string,
  o: { source: CertificateSource; authority: Pick<CertificateAuthority, 'issue'>; clock: Clock },
): Promise<{ pems: string[]; certificatePem?: string }> {
  const { certificates = [], signingRequest } = o.source;
  if (signingRequest === undefined) return { pems: certificates.map((pem) => registrable(pem, o.clock)) };
  const { spki } = await readSigningRequest(signingRequest);
  const lifetimeMs = machineCertificateMs;
  const { certificatePem } = await o.authority.issue({ spki, role: 'machine', id, names: [], lifetimeMs });
  return { pems: [new X509Certificate(certificatePem).toString()], certificatePem };
}

/** Throws `request.invalid` for what nobody should prove himself with. */
function registrable(pem: string, clock: Clock): string {
  let certificate: X509Certificate;
  let key: KeyObject;
  try {
    certificate = new X509Certificate(pem);
    // Read only now: its kind may be unknown.
    key = certificate.publicKey;
  } catch (cause) {
    throw invalid('it is not a certificate as PEM text', cause);
  }
  if (/PRIVATE KEY/.test(pem)) throw invalid('a private key came along: it stays on the machine');
  if (peerIdentity(certificate)) throw invalid('it is one of the CA of an installation: name the computer instead');
  if (certificate.validToDate <= clock.now()) throw invalid('it has expired');
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const isStrong =
    (type === 'rsa' && (details?.modulusLength ?? 0) >= minRsaBits) ||
    (type === 'ec' && ['prime256v1', 'secp384r1', 'secp521r1'].includes(details?.namedCurve ?? '')) ||
    type === 'ed25519';
  if (!isStrong) throw invalid(`its key is none of P-256, P-384, P-521, Ed25519 and RSA of ${minRsaBits} bits or more`);
  return certificate.toString();
}

function invalid(why: string, cause?: unknown): HoldfastError {
  return new HoldfastError('request.invalid', {
    message: `The certificate can't be registered: ${why}.`,
    guidance: 'Make one as docs/identity.md shows, and send the certificate alone.',
    ...(cause === undefined ? {} : { cause }),
  });
}

function certificatesOf({ certificatesJson }: ServiceAccountRow): string[] {
  return readJson(z.array(z.string()), certificatesJson, 'serviceAccounts.certificatesJson');
}

function grantsOf({ grantsJson }: ServiceAccountRow): MachineGrants | undefined {
  return grantsJson === null ? undefined : readJson(machineGrants, grantsJson, 'serviceAccounts.grantsJson');
}

function view(row: ServiceAccountRow): ServiceAccount {
  const grants = grantsOf(row);
  const groups = groupsOf(row.groupsJson);
  return {
    ...{ id: row.id, name: row.name, actor: row.actor, createdAt: row.createdAt },
    ...(row.role === null ? {} : { role: row.role }),
    ...(grants ? { grants } : {}),
    ...(groups ? { groups: [...groups] } : {}),
    ...(row.computerId === null ? {} : { computerId: row.computerId }),
    certificates: certificatesOf(row).map((pem) => {
      const certificate = new X509Certificate(pem);
      return {
        fingerprint: certificateFingerprint(certificate),
        subject: certificate.subject.replaceAll('\n', ', ').slice(0, 200),
        expiresAt: certificate.validToDate.toISOString(),
      };
    }),
    ...(row.lastTokenAt === null ? {} : { lastTokenAt: row.lastTokenAt }),
    ...(row.lastTokenFrom === null ? {} : { lastTokenFrom: row.lastTokenFrom }),
  };
}
