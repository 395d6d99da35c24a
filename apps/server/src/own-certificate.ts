import 'reflect-metadata';
import { X509Certificate } from 'node:crypto';
import { hostname, networkInterfaces } from 'node:os';
import { type Clock, toHoldfastError } from '@holdfast/core';
import { newKeyAndRequest } from '@holdfast/protocol';
import type { Identity } from '@holdfast/wire';
import type { Logger } from 'pino';
import type { CertificateAuthority } from './authority/certificate-authority.ts';
import { readSigningRequest } from './authority/signing-request.ts';
import type { DataDirectory } from './data-directory.ts';
import { ownCertificateCheckMs, renewalFraction } from './limits.ts';

const file = 'server-certificate.pem';

/** The server's own certificate: kept, renewed in time, and made anew when its names change. */
export class OwnCertificate {
  readonly #data: DataDirectory;
  readonly #authority: CertificateAuthority;
  readonly #clock: Clock;
  readonly #o: { serverId: string; names: readonly string[]; lifetimeMs: number };
  #identity: Identity | undefined;

  private constructor(
    data: DataDirectory,
    authority: CertificateAuthority,
    clock: Clock,
    o: { serverId: string; names: readonly string[]; lifetimeMs: number },
  ) {
    this.#data = data;
    this.#authority = authority;
    this.#clock = clock;
    this.#o = o;
  }

  static async open(
    data: DataDirectory,
    authority: CertificateAuthority,
    o: { serverId: string; names: readonly string[]; lifetimeMs: number; clock: Clock },
  ): Promise<OwnCertificate> {
    const own = new OwnCertificate(data, authority, o.clock, o);
    const pem = await data.readSecret(file);
    if (pem !== undefined) own.#identity = split(pem, authority.caPem);
    await own.renewIfDue();
    return own;
  }

  get identity(): Identity | undefined {
    return this.#identity;
  }

  /** It and what it is issued by, PEM, by what they are called: who looks after them is told when one is about to end. */
  get chain(): ReadonlyMap<string, string> {
    const { caPem, issuerPem } = this.#authority;
    const chain = new Map([
      ['the root CA', caPem],
      ['the issuing CA', issuerPem],
    ]);
    if (this.#identity) chain.set('the server', this.#identity.certificatePem);
    return chain;
  }

  async renewIfDue(): Promise<void> {
    if (this.#identity && !this.#isDue(this.#identity)) return;
    const { privateKeyPem, signingRequest } = await newKeyAndRequest();
    const { spki } = await readSigningRequest(signingRequest);
    const { serverId, names, lifetimeMs } = this.#o;
    const leaf = await this.#authority.issue({ spki, role: 'server', id: serverId, names, lifetimeMs });
    const pem = `${privateKeyPem}${leaf.certificatePem}`;
    await this.#data.write(file, pem);
    this.#identity = split(pem, this.#authority.caPem);
  }

  #isDue(identity: Identity): boolean {
    const leaf = new X509Certificate(identity.certificatePem);
    const from = leaf.validFromDate.getTime();
    const renewAt = from + (leaf.validToDate.getTime() - from) * renewalFraction;
    const hasAllNames = this.#o.names.every((name) => leaf.checkHost(name) ?? leaf.checkIP(name));
    const isIssuedByUs = leaf.verify(new X509Certificate(this.#authority.issuerPem).publicKey);
    return this.#clock.now().getTime() >= renewAt || !hasAllNames || !isIssuedByUs;
  }
}

function split(pem: string, caPem: string): Identity {
  const at = pem.indexOf('-----BEGIN CERTIFICATE-----');
  return { privateKeyPem: pem.slice(0, at), certificatePem: pem.slice(at), caPem };
}

/** Where other computers find this one: configured names first. */
export function publishedNames(o: { bind: string; names: readonly string[] }): string[] {
  const others = serverNames(o).filter((name) => !/^(localhost|127\..*|::1)$/.test(name) || name === o.bind);
  return [...new Set([...o.names, ...others])];
}

/** By what address people know the server: the one that it was told, or its first name with its port. */
export function publicOrigin(
  o: { bind: string; names: readonly string[]; publicUrl?: string | undefined },
  port: number,
): string {
  const [name = 'localhost'] = publishedNames(o);
  return o.publicUrl === undefined ? new URL(`https://${name}:${port}`).origin : new URL(o.publicUrl).origin;
}

/** Names and addresses at which browsers and other clients may reach this server. Our own processes go by the id instead. */
export function serverNames(o: { bind: string; names: readonly string[] }): string[] {
  const isWildcard = o.bind === '0.0.0.0' || o.bind === '::';
  const addresses = isWildcard
    ? Object.values(networkInterfaces())
        .flatMap((entries) => entries ?? [])
        .filter(({ scopeid, internal }) => !internal && !scopeid)
        .map(({ address }) => address)
    : [o.bind];
  return [...new Set([hostname(), 'localhost', '127.0.0.1', '::1', ...addresses, ...o.names])];
}

/** Watches the certificate's lifetime until the signal aborts. */
export async function keepRenewed(
  own: OwnCertificate,
  clock: Clock,
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(ownCertificateCheckMs, signal);
    try {
      await own.renewIfDue();
    } catch (error) {
      logger.error({ error: toHoldfastError(error) }, 'the own certificate could not be renewed');
    }
  }
}
