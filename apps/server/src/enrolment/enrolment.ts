import { isIP } from 'node:net';
import { type Clock, HoldfastError, Semaphore } from '@holdfast/core';
import {
  type EnrolAnswer,
  type EnrollableRole,
  enrolRequest,
  type IdentityKey,
  limits,
  parseMessage,
  renewRequest,
} from '@holdfast/protocol';
import type { PeerIdentity } from '@holdfast/wire';
import type { z } from 'zod';
import type { CertificateAuthority, Leaf } from '../authority/certificate-authority.ts';
import { type RequestedKey, readSigningRequest } from '../authority/signing-request.ts';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import { joinTokenHash, useJoinToken } from './join-tokens.ts';

/** Who came in by enrolment, for the audit and for presence. */
export interface Enrolled {
  readonly tenant: string;
  readonly id: string;
  readonly role: EnrollableRole;
  readonly repeated: boolean;
}

type Request = z.output<typeof enrolRequest>;

/** Gives certificates to computers: against a join token, and later against the certificate that they hold. */
export class Enrolment {
  readonly #catalogue: Catalogue;
  readonly #authority: CertificateAuthority;
  readonly #clock: Clock;
  readonly #serverId: string;
  readonly #identityKeys: readonly IdentityKey[];
  readonly #lifetimeMs: number;
  /** A fleet joins with one token, whose row each changes: at the same time they would only make each other begin again. */
  readonly #turn = new Semaphore(1);

  constructor(o: {
    catalogue: Catalogue;
    authority: CertificateAuthority;
    clock: Clock;
    serverId: string;
    identityKeys: readonly IdentityKey[];
    certificateLifetimeMs: number;
  }) {
    this.#catalogue = o.catalogue;
    this.#authority = o.authority;
    this.#clock = o.clock;
    this.#serverId = o.serverId;
    this.#identityKeys = o.identityKeys;
    this.#lifetimeMs = o.certificateLifetimeMs;
  }

  /**
   * One transaction: the token's use, the computer and its certificate. The same token with the same key gets the same
   * certificate again, so a joiner that lost the answer repeats its request.
   */
  async enrol(message: unknown, remoteAddress: string): Promise<{ answer: EnrolAnswer; enrolled: Enrolled }> {
    const request = parseMessage(enrolRequest, message, 'The enrolment request');
    if (request.protocolVersion !== limits.protocolVersion) throw unsupportedVersion(request.protocolVersion);
    const tokenHash = joinTokenHash(request.token);
    const tenant = await this.#catalogue.tenantOfToken(tokenHash);
    if (tenant === undefined) throw new HoldfastError('auth.token');
    const key = await readSigningRequest(request.signingRequest);
    using _turn = await this.#turn.acquire();
    return await this.#catalogue.tenant(tenant).transaction(async (scope) => {
      const earlier = await this.#earlierUse(scope, tokenHash, key);
      if (earlier) return earlier;
      const { group, preinstalled } = await useJoinToken(scope, { tokenHash, role: request.role, clock: this.#clock });
      return this.#admit(scope, { request, key, group, preinstalled, tokenHash, remoteAddress });
    });
  }

  /** A new certificate for a computer that shows one which is neither expired nor revoked. */
  async renew(
    peer: PeerIdentity,
    message: unknown,
  ): Promise<Pick<EnrolAnswer, 'certificatePem' | 'caPem' | 'expiresAt'>> {
    const key = await readSigningRequest(parseMessage(renewRequest, message, 'The renewal request').signingRequest);
    const tenant = await this.#catalogue.tenantOfCertificate(peer.serial);
    if (tenant === undefined) throw new HoldfastError('channel.identity');
    return this.#catalogue.tenant(tenant).transaction(async (scope) => {
      const computer = await scope.query
        .selectFrom('computers')
        .selectAll()
        .where('id', '=', peer.id)
        .executeTakeFirst();
      if (!computer) throw new HoldfastError('channel.identity');
      if (computer.revokedAt !== null) throw new HoldfastError('channel.revoked');
      await refuseRevokedKey(scope, key);
      const leaf = await this.#issue({ ...computer, key });
      await recordCertificate(scope, computer.id, leaf, key);
      await scope.query.updateTable('computers').set(currentCertificate(leaf)).where('id', '=', computer.id).execute();
      return this.#certificateAnswer(leaf.certificatePem, leaf.expiresAt);
    });
  }

  async #earlierUse(scope: TenantScope, tokenHash: string, key: RequestedKey) {
    const use = await scope.query
      .selectFrom('tokenUses')
      .innerJoin('certificates', 'certificates.serial', 'tokenUses.serial')
      .innerJoin('computers', 'computers.id', 'tokenUses.computerId')
      .select(['computers.id', 'computers.role', 'computers.revokedAt', 'certificatePem', 'expiresAt'])
      .where('tokenUses.tokenHash', '=', tokenHash)
      .where('tokenUses.keyHash', '=', key.keyHash)
      .executeTakeFirst();
    if (!use) return undefined;
    if (use.revokedAt !== null) throw new HoldfastError('channel.revoked');
    if (use.expiresAt <= this.#clock.now().toISOString()) throw new HoldfastError('auth.token');
    return {
      answer: this.#enrolAnswer(use.id, use.certificatePem, new Date(use.expiresAt)),
      enrolled: { tenant: scope.tenant, id: use.id, role: use.role, repeated: true },
    };
  }

  async #admit(
    scope: TenantScope,
    o: {
      request: Request;
      key: RequestedKey;
      group: string;
      preinstalled: number;
      tokenHash: string;
      remoteAddress: string;
    },
  ) {
    const { request, key } = o;
    await refuseRevokedKey(scope, key);
    const id = crypto.randomUUID();
    const address = request.address ?? o.remoteAddress;
    const now = this.#clock.now().toISOString();
    const leaf = await this.#issue({ id, role: request.role, hostname: request.hostname, address, key });
    await scope.query
      .insertInto('computers')
      .values({
        id,
        role: request.role,
        groupName: o.group,
        preinstalled: o.preinstalled,
        hostname: request.hostname,
        address,
        platform: request.platform,
        productVersion: request.productVersion,
        portsJson: JSON.stringify(request.ports),
        enrolledAt: now,
        ...currentCertificate(leaf),
      })
      .execute();
    await recordCertificate(scope, id, leaf, key);
    await scope.query
      .insertInto('tokenUses')
      .values({ tokenHash: o.tokenHash, keyHash: key.keyHash, computerId: id, serial: leaf.serial, usedAt: now })
      .execute();
    return {
      answer: this.#enrolAnswer(id, leaf.certificatePem, leaf.expiresAt),
      enrolled: { tenant: scope.tenant, id, role: request.role, repeated: false },
    };
  }

  async #issue(o: {
    id: string;
    role: EnrollableRole;
    hostname: string;
    address: string;
    key: RequestedKey;
  }): Promise<Leaf> {
    return this.#authority.issue({
      spki: o.key.spki,
      role: o.role,
      id: o.id,
      names: o.role === 'mover' ? moverNames(o.hostname, o.address) : [],
      lifetimeMs: this.#lifetimeMs,
    });
  }

  #certificateAnswer(certificatePem: string, expiresAt: Date) {
    return { certificatePem, caPem: this.#authority.caPem, expiresAt: expiresAt.toISOString() };
  }

  #enrolAnswer(id: string, certificatePem: string, expiresAt: Date): EnrolAnswer {
    return {
      ...this.#certificateAnswer(certificatePem, expiresAt),
      id,
      installation: this.#authority.installation,
      serverId: this.#serverId,
      identityKeys: [...this.#identityKeys],
    };
  }
}

function currentCertificate(leaf: Leaf) {
  return {
    certificateSerial: leaf.serial,
    certificateFingerprint: leaf.fingerprint,
    certificateExpiresAt: leaf.expiresAt.toISOString(),
  };
}

async function recordCertificate(scope: TenantScope, computerId: string, leaf: Leaf, key: RequestedKey): Promise<void> {
  await scope.query
    .insertInto('certificates')
    .values({
      serial: leaf.serial,
      computerId,
      fingerprint: leaf.fingerprint,
      keyHash: key.keyHash,
      certificatePem: leaf.certificatePem,
      issuedAt: leaf.issuedAt.toISOString(),
      expiresAt: leaf.expiresAt.toISOString(),
    })
    .execute();
}

/**
 * Names by which an unmodified restic may judge a mover's certificate. Our own processes never do: they check role and id,
 * so that a mover which claims another's name gains nothing among them.
 */
function moverNames(hostname: string, address: string): string[] {
  return [...new Set([hostname, address, 'localhost', '127.0.0.1', '::1'])].filter(
    (name) =>
      isIP(name) !== 0 ||
      /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*$/.test(name),
  );
}

async function refuseRevokedKey(scope: TenantScope, key: RequestedKey): Promise<void> {
  const revoked = await scope.query
    .selectFrom('certificates')
    .select('serial')
    .where('keyHash', '=', key.keyHash)
    .where('revokedAt', 'is not', null)
    .executeTakeFirst();
  if (revoked) {
    throw new HoldfastError('channel.revoked', {
      message: 'The key of this computer belongs to a certificate that has been revoked.',
      guidance: 'Remove the old identity from its data directory and enrol it again with a new join token.',
    });
  }
}

function unsupportedVersion(version: number): HoldfastError {
  return new HoldfastError('version.unsupported', {
    message: `The joiner speaks version ${version} of the protocol, this server version ${limits.protocolVersion}.`,
  });
}
