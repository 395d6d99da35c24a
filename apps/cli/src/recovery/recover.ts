import { join } from 'node:path';
import { type ExitStatus, exitStatus, formatBytes } from '@holdfast/core';
import { resolvePath } from '../data-directory.ts';
import { shellWord, writeSecretFile } from '../managed/secret-file.ts';
import { printJson, printText, shownTime } from '../output.ts';
import { type RestoreFromOptions, restoreFrom } from '../stand-alone/restore.ts';
import { splitReference } from '../stand-alone/snapshot-selection.ts';
import { table } from '../terminal.ts';
import type { Work } from '../work.ts';
import { beginRecovery, chooseRecoverable, type RecoveryOptions } from './begin-recovery.ts';
import { addressOf, openBackup, passwordFor } from './open-backup.ts';

export type RecoverOptions = RecoveryOptions & RestoreFromOptions;

export async function listRecoverable(options: RecoveryOptions, work: Work): Promise<ExitStatus> {
  const recovery = await beginRecovery(options, work);
  const snapshots = await recovery.client.snapshots(work.signal);
  const { expiresAt } = recovery.stored.certificate;
  if (options.json) await printJson({ kind: 'recoverable', expiresAt, snapshots });
  else {
    const rows = snapshots.map(({ id, hostname, repository, takenAt, sources, totalBytes }) => [
      ...[id.slice(0, 8), shownTime(takenAt), hostname, repository, sources.join(' '), formatBytes(totalBytes)],
    ]);
    await printText(
      `${table([['Snapshot', 'Time', 'Computer', 'Repository', 'Sources', 'Size'], ...rows])}To be restored until ${shownTime(expiresAt)}.\n`,
    );
  }
  return exitStatus.success;
}

export async function recover(text: string, options: RecoverOptions, work: Work): Promise<ExitStatus> {
  const recovery = await beginRecovery(options, work);
  const { reference, path } = splitReference(text);
  const chosen = chooseRecoverable(await recovery.client.snapshots(work.signal), reference);
  const opening = openBackup(recovery, { ...options, ...work, repositoryId: chosen.repositoryId });
  return restoreFrom(opening, `${chosen.id}:${path}`, options, work);
}

/** Files with which an unmodified restic restores: certificate, grant and password, all of mode 0600. */
export async function writeResticFiles(
  text: string,
  options: RecoveryOptions & { readonly out: string },
  work: Work,
): Promise<ExitStatus> {
  const recovery = await beginRecovery(options, work);
  const chosen = chooseRecoverable(await recovery.client.snapshots(work.signal), text);
  const access = await recovery.client.grant(chosen.repositoryId, work.signal);
  const { certificate, privateKeyPem } = recovery.stored;
  const folder = resolvePath(options.out);
  const settings: [name: string, value: string][] = [
    ['RESTIC_REPOSITORY', addressOf(access)],
    ['RESTIC_REST_USERNAME', 'recovery'],
    ['RESTIC_REST_PASSWORD', access.grant],
    ['RESTIC_CACERT', await writeSecretFile(join(folder, 'ca.pem'), certificate.caPem)],
    [
      'RESTIC_TLS_CLIENT_CERT',
      await writeSecretFile(join(folder, 'client.pem'), `${privateKeyPem}${certificate.certificatePem}`),
    ],
    [
      'RESTIC_PASSWORD_FILE',
      await writeSecretFile(join(folder, 'password'), `${await passwordFor(access, { ...options, ...work })}\n`),
    ],
  ];
  const lines = settings.map(([name, value]) => `export ${name}=${shellWord(value)}\n`);
  const environmentFile = await writeSecretFile(join(folder, 'environment'), lines.join(''));
  const { expiresAt } = access;
  if (options.json) await printJson({ kind: 'recovery-access', snapshotId: chosen.id, expiresAt, environmentFile });
  else
    await printText(
      `Until ${shownTime(expiresAt)}:\n\n  . ${shellWord(environmentFile)} && restic restore ${chosen.id.slice(0, 8)} --target FOLDER\n`,
    );
  return exitStatus.success;
}
