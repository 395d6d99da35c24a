import { join } from 'node:path';
import { HoldfastError } from '@holdfast/core';
import {
  identityForRecovery,
  loadRecovery,
  type RecoverableSnapshot,
  type RecoveryCertificate,
  RecoveryClient,
  type RecoveryProof,
  recoveryProofHash,
  type StoredRecovery,
  signInForRecovery,
} from '@holdfast/protocol';
import { createWire, type Wire } from '@holdfast/wire';
import { defaultDataDirectory, resolvePath } from '../data-directory.ts';
import { askProof, askSecret } from '../managed/ask.ts';
import { parseServer } from '../server-address.ts';
import type { Work } from '../work.ts';

export interface RecoveryOptions {
  readonly server?: string;
  readonly caFingerprint?: string;
  readonly tokenFile?: string;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly code?: string;
  readonly computer?: string[];
  readonly data?: string;
  readonly repositoryPasswordFile?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** A recovery under way: a certificate for it, and what it is good for. */
export interface Recovery {
  readonly client: RecoveryClient;
  readonly wire: Wire;
  readonly stored: StoredRecovery & { readonly certificate: RecoveryCertificate };
}

/**
 * Goes on with the recovery that the folder keeps, or signs in for a new one: with a recovery token, or with an account where
 * `--user` names one. Closed with the work.
 */
export async function beginRecovery(options: RecoveryOptions, { signal, resources }: Work): Promise<Recovery> {
  const folder = options.data === undefined ? join(defaultDataDirectory(), 'recovery') : resolvePath(options.data);
  let stored = await loadRecovery(folder, new Date());
  const wire = resources.use(
    createWire({
      role: 'recovery-media',
      bind: '127.0.0.1',
      identity: () => (stored === undefined ? undefined : identityForRecovery(stored)),
    }),
  );
  // Who names a token or an account means that; without either what was begun goes on.
  const isNamed = options.tokenFile !== undefined || options.user !== undefined;
  const named = isNamed ? await askForProof(options, signal) : undefined;
  const isAnother = named !== undefined && stored?.proofHash !== recoveryProofHash(named);
  if (!stored?.certificate || isAnother || isElsewhere(stored, options)) {
    const { server, caFingerprint } = options;
    if (server === undefined || caFingerprint === undefined)
      throw new HoldfastError('usage.option', {
        message: `No recovery is under way in ${folder}: --server and --ca-fingerprint say where to begin one.`,
        guidance: 'The administrator who made the recovery token was told both.',
      });
    // Without the certificate of an earlier one, which the server would not take for signing in.
    stored = undefined;
    const proof = named ?? (await askForProof(options, signal));
    stored = await signInForRecovery({ folder, wire, server: parseServer(server), caFingerprint, proof, signal });
  }
  const { certificate } = stored;
  if (!certificate) throw new HoldfastError('internal.unexpected');
  const client = resources.use(new RecoveryClient({ wire, server: stored.server, certificate }));
  return { client, wire, stored: { ...stored, certificate } };
}

/** What is restored has to be one of these. Throws `snapshot.missing` and `usage.option`. */
export function chooseRecoverable(snapshots: readonly RecoverableSnapshot[], text: string): RecoverableSnapshot {
  const found =
    text === 'latest' ? snapshots.slice(0, 1) : snapshots.filter(({ id }) => id.startsWith(text.toLowerCase()));
  const [only] = found;
  if (only && found.length === 1) return only;
  if (only)
    throw new HoldfastError('usage.option', {
      message: `${found.length} snapshots have ids that begin with ${text}.`,
      guidance: 'Give more digits of the id.',
    });
  throw new HoldfastError('snapshot.missing', {
    message: `Among the backups of this recovery is no snapshot ${JSON.stringify(text)}.`,
    guidance: '`holdfast recovery snapshots` lists them.',
  });
}

function isElsewhere({ server }: StoredRecovery, options: RecoveryOptions): boolean {
  return options.server !== undefined && parseServer(options.server).host !== server.host;
}

async function askForProof(options: RecoveryOptions, signal: AbortSignal): Promise<RecoveryProof> {
  const { user: name } = options;
  if (name === undefined) {
    const file = options.tokenFile;
    const token = await askSecret({ question: 'Recovery token: ', file, option: '--token-file', signal });
    return { kind: 'token', token };
  }
  if (!options.computer)
    throw new HoldfastError('usage.option', {
      message: 'With --user it has to be said whose backups are wanted: --computer.',
    });
  const file = options.passwordFile;
  const password = () => askSecret({ question: `Password of ${name}: `, file, option: '--password-file', signal });
  const secondFactor = async () => {
    const proof = await askProof(options.code, signal);
    if (proof.kind === 'passkey') throw new HoldfastError('internal.unexpected');
    return proof;
  };
  return { kind: 'account', name, password, computers: options.computer, secondFactor };
}
