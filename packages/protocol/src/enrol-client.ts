import { createHash, X509Certificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { ChannelId } from '@holdfast/contract';
import { HoldfastError } from '@holdfast/core';
import { httpClient, identityOf, type Wire } from '@holdfast/wire';
import { z } from 'zod';
import { writeFileDurably } from './durable-file.ts';
import { type EnrolAnswer, type EnrollableRole, enrolAnswer, enrolPath, enrolRequest } from './enrolment.ts';
import { parseMessage } from './error-report.ts';
import { enrolTimeoutMs, maxJsonBytes, protocolVersion } from './limits.ts';
import { refusalOf } from './problem.ts';
import { newKeyAndRequest, publicKeyDigest } from './signing-request.ts';
import { loadIdentity, prepareDataDir, readSecretFile, type StoredIdentity, saveIdentity } from './stored-identity.ts';

export interface EnrolOptions {
  readonly dataDir: string;
  readonly wire: Wire;
  /** `enrolment`, or `windows-enrolment` for agents on Windows. */
  readonly channel: ChannelId;
  readonly server: { readonly host: string; readonly port?: number | undefined };
  /** `hfj_…`; used up by this. */
  readonly token: string;
  /** SHA-256 of the installation's root certificate, as `holdfast token create` printed it. */
  readonly caFingerprint: string;
  readonly role: EnrollableRole;
  readonly productVersion: string;
  /** Channel id to port, for ports that are not the contract's defaults. */
  readonly ports?: Readonly<Record<string, number>>;
  /** Where others reach this computer; the server takes the connection's address if it is left out. */
  readonly address?: string | undefined;
  readonly signal?: AbortSignal;
}

const pendingFile = 'enrolment.json';
const pendingEnrolment = z.strictObject({ tokenHash: z.string(), privateKeyPem: z.string(), request: enrolRequest });
type PendingEnrolment = z.infer<typeof pendingEnrolment>;

/**
 * Joins an installation with a join token: the server's root certificate is compared with the fingerprint before the token
 * is sent, the key is made here and never leaves. What was asked is kept until the answer is stored, so after a lost answer
 * or a crash the same call repeats the identical request and gets the same certificate. Throws `auth.fingerprint`, `auth.token`,
 * `request.conflict` when the data directory holds an identity already, and the errors of the channel.
 */
export async function enrolComputer(options: EnrolOptions): Promise<StoredIdentity> {
  const existing = await loadIdentity(options.dataDir);
  if (existing)
    throw new HoldfastError('request.conflict', {
      message: `This computer is enrolled already, as ${existing.role} ${existing.id}.`,
      guidance: 'Use it as it is, or choose another folder with --data.',
    });
  await prepareDataDir(options.dataDir);
  const path = join(options.dataDir, pendingFile);
  const pending = await prepareRequest(path, options);
  const answer = await askServer(pending.request, options);
  const identity = toIdentity(answer, pending, options);
  await saveIdentity(options.dataDir, identity);
  await rm(path, { force: true });
  return identity;
}

async function prepareRequest(path: string, options: EnrolOptions): Promise<PendingEnrolment> {
  const tokenHash = createHash('sha256').update(options.token).digest('base64url');
  const kept = parsePending(await readSecretFile(path));
  if (kept?.tokenHash === tokenHash && kept.request.role === options.role) return kept;
  const { privateKeyPem, signingRequest } = await newKeyAndRequest();
  const request = parseMessage(
    enrolRequest,
    {
      protocolVersion,
      productVersion: options.productVersion,
      token: options.token,
      role: options.role,
      hostname: hostname(),
      platform: process.platform,
      signingRequest,
      ports: { ...options.ports },
      ...(options.address === undefined ? {} : { address: options.address }),
    },
    'The enrolment',
  );
  const pending = { tokenHash, privateKeyPem, request };
  await writeFileDurably(path, JSON.stringify(pending));
  return pending;
}

/** An unreadable leftover is worth nothing: a fresh request takes its place. */
function parsePending(text: string | undefined): PendingEnrolment | undefined {
  if (text === undefined) return undefined;
  try {
    return pendingEnrolment.safeParse(JSON.parse(text)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function askServer(request: PendingEnrolment['request'], options: EnrolOptions): Promise<EnrolAnswer> {
  const http = httpClient({
    connections: 1,
    connect: (signal) =>
      options.wire.dial(options.channel, options.server.host, {
        ...(options.server.port === undefined ? {} : { port: options.server.port }),
        caFingerprint: options.caFingerprint,
        signal,
      }),
  });
  try {
    const response = await http.request({
      method: 'POST',
      path: enrolPath,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
      timeoutMs: enrolTimeoutMs,
      ...(options.signal ? { signal: options.signal } : {}),
    });
    const body = await response.json(maxJsonBytes);
    if (response.status === 200) return parseMessage(enrolAnswer, body, 'The answer to the enrolment');
    throw refusalOf(response, body, 'The enrolment');
  } finally {
    await http.close();
  }
}

function toIdentity(answer: EnrolAnswer, pending: PendingEnrolment, options: EnrolOptions): StoredIdentity {
  const identity: StoredIdentity = {
    version: 1,
    role: options.role,
    id: answer.id,
    installation: answer.installation,
    server: {
      id: answer.serverId,
      host: options.server.host,
      ...(options.server.port === undefined ? {} : { port: options.server.port }),
    },
    certificatePem: answer.certificatePem,
    privateKeyPem: pending.privateKeyPem,
    caPem: answer.caPem,
    identityKeys: answer.identityKeys,
  };
  checkCertificate(identity);
  return identity;
}

/** The certificate must be for our key and name us: a mix-up is found here and not at the first refused connection. */
export function checkCertificate(identity: StoredIdentity): void {
  const named = identityOf(identity.certificatePem);
  const fits =
    publicKeyDigest(identity.certificatePem) === publicKeyDigest(identity.privateKeyPem) &&
    named.role === identity.role &&
    named.id === identity.id &&
    named.installation === identity.installation &&
    new X509Certificate(identity.caPem).ca;
  if (!fits)
    throw new HoldfastError('channel.identity', {
      message: 'The server answered with a certificate that is not for this computer.',
    });
}
