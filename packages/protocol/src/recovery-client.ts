import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { ChannelId } from '@holdfast/contract';
import { HoldfastError, productVersion } from '@holdfast/core';
import { httpClient, type Identity, type Wire } from '@holdfast/wire';
import { z } from 'zod';
import { writeFileDurably } from './durable-file.ts';
import { parseMessage } from './error-report.ts';
import { answerTimeoutMs, enrolTimeoutMs, maxJsonBytes, outputSilenceMs, protocolVersion } from './limits.ts';
import { host, port } from './names.ts';
import { refusalOf } from './problem.ts';
import {
  type RecoverableSnapshot,
  type RecoveryCertificate,
  type RecoveryCredentialsRequest,
  type RecoveryGrant,
  recoveryBackups,
  recoveryBackupsPath,
  recoveryCertificate,
  recoveryContentsPath,
  type recoveryContentsQuery,
  recoveryCredentialsAnswer,
  recoveryCredentialsPath,
  recoveryGrant,
  recoveryGrantsPath,
  recoveryTokenPath,
} from './recovery.ts';
import { newKeyAndRequest, publicKeyDigest } from './signing-request.ts';
import { prepareDataDir, readSecretFile } from './stored-identity.ts';
import { wholeBody } from './whole-body.ts';

const fileName = 'recovery.json';
/** The most that a page of the list may have. */
const pageSize = 1_000;

const storedRecovery = z.strictObject({
  version: z.literal(1),
  server: z.strictObject({ host, port: port.optional() }),
  /** Hash of what it was begun with: a repeated command goes on with it, and one with another token begins anew. */
  proofHash: z.string(),
  privateKeyPem: z.string(),
  signingRequest: z.string(),
  /** None until the server has answered. */
  certificate: recoveryCertificate.optional(),
});
export type StoredRecovery = z.infer<typeof storedRecovery>;
type Server = StoredRecovery['server'];

/** How somebody proves to be allowed to recover. */
export type RecoveryProof =
  | { readonly kind: 'token'; readonly token: string }
  | {
      readonly kind: 'account';
      readonly name: string;
      readonly password: () => Promise<string>;
      /** Host names or ids of the computers whose backups are wanted. */
      readonly computers: readonly string[];
      /** Asked for where the account has a second factor. */
      readonly secondFactor: () => Promise<
        Extract<RecoveryCredentialsRequest['proof'], { kind: 'second-factor' }>['proof']
      >;
    };

/** Tells whether two proofs are the same, for who may read the key of the recovery beside it. */
export function recoveryProofHash(proof: RecoveryProof): string {
  const facts = proof.kind === 'token' ? [proof.token] : [proof.name, ...proof.computers];
  return createHash('sha256')
    .update(JSON.stringify([proof.kind, ...facts]))
    .digest('base64url');
}

/** The recovery that a folder keeps, if its certificate is still good; undefined if there is none. */
export async function loadRecovery(folder: string, now: Date): Promise<StoredRecovery | undefined> {
  const text = await readSecretFile(join(folder, fileName));
  if (text === undefined) return undefined;
  const parsed = parseStored(text);
  if (!parsed)
    throw new HoldfastError('usage.configuration', {
      message: `${join(folder, fileName)} does not hold a recovery.`,
      guidance: 'Remove the file, and sign in with a recovery token or an account again.',
    });
  const isOver = parsed.certificate !== undefined && new Date(parsed.certificate.expiresAt) <= now;
  return isOver ? undefined : parsed;
}

/**
 * Gets a certificate for a recovery. The server's root is compared with the fingerprint before anything secret is sent; the key is
 * made here and kept first, so that after a lost answer the same call gets the same certificate. Throws `auth.fingerprint`,
 * `auth.recovery`, `auth.sign-in`, `auth.rate` and the errors of the channel.
 */
export async function signInForRecovery(o: {
  readonly folder: string;
  readonly wire: Wire;
  readonly server: Server;
  readonly caFingerprint: string;
  readonly proof: RecoveryProof;
  readonly signal: AbortSignal;
}): Promise<StoredRecovery & { readonly certificate: RecoveryCertificate }> {
  await prepareDataDir(o.folder);
  const path = join(o.folder, fileName);
  const kept = parseStored((await readSecretFile(path)) ?? '');
  const proofHash = recoveryProofHash(o.proof);
  const isUnanswered = kept?.proofHash === proofHash && !kept.certificate;
  const keys = isUnanswered ? kept : await newKeyAndRequest();
  const { privateKeyPem, signingRequest } = keys;
  const pending: StoredRecovery = { version: 1, server: o.server, proofHash, privateKeyPem, signingRequest };
  await writeFileDurably(path, JSON.stringify(pending));
  const asking = { protocolVersion, productVersion, hostname: hostname(), signingRequest };
  const certificate =
    o.proof.kind === 'token'
      ? recoveryCertificate.parse(
          await ask(o, 'recovery-media-token-sign-in', recoveryTokenPath, { ...asking, token: o.proof.token }),
        )
      : await asPerson(o, o.proof, asking);
  if (publicKeyDigest(certificate.certificatePem) !== publicKeyDigest(privateKeyPem))
    throw new HoldfastError('channel.identity', {
      message: 'The server answered with a certificate that is not for this recovery.',
    });
  const stored = { ...pending, certificate };
  await writeFileDurably(path, JSON.stringify(stored));
  return stored;
}

/** What a connection for the recovery proves itself with. */
export function identityForRecovery(stored: StoredRecovery): Identity | undefined {
  const { certificate, privateKeyPem } = stored;
  return certificate && { certificatePem: certificate.certificatePem, privateKeyPem, caPem: certificate.caPem };
}

type SignIn = Parameters<typeof signInForRecovery>[0];

async function asPerson(
  o: SignIn,
  proof: Extract<RecoveryProof, { kind: 'account' }>,
  asking: Omit<RecoveryCredentialsRequest, 'proof' | 'computers'>,
): Promise<RecoveryCertificate> {
  const send = async (given: RecoveryCredentialsRequest['proof']) => {
    const body: RecoveryCredentialsRequest = { ...asking, proof: given, computers: [...proof.computers] };
    const answer = await ask(o, 'recovery-media-credential-sign-in', recoveryCredentialsPath, body);
    return parseMessage(recoveryCredentialsAnswer, answer, 'The answer to the sign-in');
  };
  const { name } = proof;
  const first = await send({ kind: 'password', name, password: await proof.password() });
  if (first.state === 'signed-in') return first;
  const second = await send({ kind: 'second-factor', pending: first.pending, proof: await proof.secondFactor() });
  if (second.state === 'signed-in') return second;
  throw new HoldfastError('auth.sign-in');
}

async function ask(o: SignIn, channel: ChannelId, path: string, body: unknown): Promise<unknown> {
  await using http = httpClient({
    connections: 1,
    connect: (signal) =>
      o.wire.dial(channel, o.server.host, {
        ...(o.server.port === undefined ? {} : { port: o.server.port }),
        caFingerprint: o.caFingerprint,
        signal,
      }),
  });
  const response = await http.request({
    ...{ method: 'POST', path, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
    ...{ timeoutMs: enrolTimeoutMs, signal: o.signal },
  });
  const content = await response.json(maxJsonBytes);
  if (response.status === 200) return content;
  throw refusalOf(response, content, 'The sign-in for a recovery');
}

/** The identity service, asked with the certificate of a recovery. The wire has to have `identityForRecovery`. */
export class RecoveryClient implements AsyncDisposable {
  readonly #http: ReturnType<typeof httpClient>;

  constructor(o: { wire: Wire; server: Server; certificate: RecoveryCertificate }) {
    const { identityPort, serverId } = o.certificate;
    this.#http = httpClient({
      connections: 1,
      connect: (signal) =>
        o.wire.dial('recovery-media-identity', o.server.host, { port: identityPort, peerId: serverId, signal }),
    });
  }

  /** What may be restored, newest first. */
  async snapshots(signal: AbortSignal): Promise<RecoverableSnapshot[]> {
    const all: RecoverableSnapshot[] = [];
    let after: string | undefined;
    do {
      const query = new URLSearchParams({ limit: String(pageSize), ...(after === undefined ? {} : { after }) });
      const answer = await this.#ask('GET', `${recoveryBackupsPath}?${query.toString()}`, undefined, signal);
      const page = parseMessage(recoveryBackups, answer, 'The list of backups');
      all.push(...page.snapshots);
      after = page.next;
    } while (after !== undefined);
    return all;
  }

  /** A grant to read a repository until the certificate ends, and what opens it. */
  async grant(repositoryId: string, signal: AbortSignal): Promise<RecoveryGrant> {
    return parseMessage(
      recoveryGrant,
      await this.#ask('POST', recoveryGrantsPath, { repositoryId }, signal),
      'The grant',
    );
  }

  /** A file, or a folder as an archive; the body throws `channel.closed` when it is cut off. */
  async contents(
    what: z.output<typeof recoveryContentsQuery>,
    signal: AbortSignal,
  ): Promise<{ readonly isArchive: boolean; readonly body: AsyncGenerator<Uint8Array> }> {
    const path = `${recoveryContentsPath}?${new URLSearchParams(what).toString()}`;
    const response = await this.#http.request({ method: 'GET', path, timeoutMs: outputSilenceMs, signal });
    if (response.status !== 200) throw refusalOf(response, await response.json(maxJsonBytes), 'The identity service');
    return {
      isArchive: response.headers['content-type'] !== 'application/octet-stream',
      body: wholeBody(response.body, { name: 'the identity service', signal }),
    };
  }

  async #ask(method: 'GET' | 'POST', path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    const response = await this.#http.request({
      ...{ method, path, timeoutMs: answerTimeoutMs, signal },
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const content = await response.json(maxJsonBytes);
    if (response.status === 200) return content;
    throw refusalOf(response, content, 'The identity service');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http.close();
  }
}

function parseStored(text: string): StoredRecovery | undefined {
  try {
    return storedRecovery.safeParse(JSON.parse(text)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
