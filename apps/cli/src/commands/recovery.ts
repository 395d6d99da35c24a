import type { Command } from 'commander';
import { Option } from 'commander';
import { registerRecoveryTokens } from '../managed/recovery-tokens.ts';
import { collect } from '../option-values.ts';
import type { RecoveryOptions } from '../recovery/begin-recovery.ts';
import type { DownloadOptions } from '../recovery/download.ts';
import type { RecoverOptions } from '../recovery/recover.ts';
import { addOutputOptions } from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

/** `holdfast recovery`: backups restored to a computer that has not joined, or is no more. */
export function registerRecovery(program: Command): void {
  const recovery = program
    .command('recovery')
    .description('restore to a computer that has not joined, with a recovery token or an account');

  addSignIn(recovery.command('snapshots').description('what the token or account gives'))
    .addHelpText(
      'after',
      `
Example:
  $ holdfast recovery snapshots --server backup.example --ca-fingerprint sha256:…
${signInHelp}

JSON: {kind: "recoverable", expiresAt, snapshots: [{id, repositoryId, repository, hostname, sources, takenAt, …}]}`,
    )
    .action((options: RecoveryOptions) =>
      perform(options, async (work) => (await import('../recovery/recover.ts')).listRecoverable(options, work)),
    );

  addSignIn(
    recovery
      .command('restore')
      .description('restore one of these to this computer, straight from the mover')
      .argument('<snapshot[:subfolder]>', 'id, beginning of an id, or latest; with :subfolder only that folder')
      .requiredOption('-t, --target <folder>', 'folder that becomes the root of what is restored'),
  )
    .option('-i, --include <pattern>', 'only what matches, by its path in the snapshot; may be repeated', collect)
    .option('-e, --exclude <pattern>', 'leave out what matches; may be repeated', collect)
    .addOption(
      new Option('--overwrite <policy>', 'what exists already, as of `holdfast restore` (default: always)').choices([
        ...['always', 'if-changed', 'if-newer', 'never', 'refuse'],
      ]),
    )
    .option('--verify', 'read every restored file back and compare it with the snapshot')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast recovery restore latest --target / --server backup.example --ca-fingerprint sha256:…
  $ holdfast recovery restore latest:/etc --target /mnt/etc --user alice --computer web1 --server backup.example --ca-fingerprint sha256:…
${signInHelp}

JSON, as of \`holdfast restore\`.`,
    )
    .action((snapshot: string, options: RecoverOptions) =>
      perform(options, async (work) =>
        (await import('../recovery/recover.ts')).recover(snapshot, { ...options, lock: true, sync: true }, work),
      ),
    );

  addSignIn(
    recovery
      .command('download')
      .description('a file of one of these to standard output, or a folder as an archive, read beside the repository')
      .argument('<snapshot[:folder]>', 'id, beginning of an id, or latest; with :folder paths begin there')
      .argument('[path]', 'file or folder', '/')
      .addOption(new Option('-a, --archive <format>', 'of folders').choices(['tar', 'zip']).default('tar'))
      .option('-t, --target <file>', 'write there instead of to standard output'),
  )
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast recovery download latest /etc/fstab --server backup.example --ca-fingerprint sha256:…
  $ holdfast recovery download latest:/home/ann | tar -x --xattrs -C /mnt/ann

For this nobody gets the key of the repository, so it also gives one computer's backups out of a repository with those of others,
where the other commands are refused. The data passes the server, and is audited there.
${signInHelp}`,
    )
    .action((snapshot: string, path: string, options: DownloadOptions) =>
      perform(options, async (work) =>
        (await import('../recovery/download.ts')).download({ snapshot, path }, options, work),
      ),
    );

  addSignIn(
    recovery
      .command('environment')
      .description('files with which an unmodified restic restores: certificate, grant and password')
      .argument('<snapshot>', 'id, beginning of an id, or latest: its repository is meant')
      .requiredOption('--out <folder>', 'where to write them, with mode 0600'),
  )
    .addHelpText(
      'after',
      `
Example:
  $ holdfast recovery environment latest --out access && . access/environment && restic restore latest --target /mnt
${signInHelp}`,
    )
    .action((snapshot: string, options: RecoveryOptions & { readonly out: string }) =>
      perform(options, async (work) =>
        (await import('../recovery/recover.ts')).writeResticFiles(snapshot, options, work),
      ),
    );

  registerRecoveryTokens(recovery);
}

function addSignIn(command: Command): Command {
  command
    .option('--server <host[:port]>', 'the backup server; port 10005 for tokens and 10001 for accounts unless given')
    .option('--ca-fingerprint <fingerprint>', "of the server's CA, as it was printed with the recovery token")
    .option('--token-file <file>', 'file that holds the recovery token; else it is asked for')
    .option('--user <name>', 'sign in with an account instead')
    .option('--computer <name>', 'with --user: whose backups are wanted, by host name or id; may be repeated', collect)
    .option('--password-file <file>', 'with --user: file that holds the password; else it is asked for')
    .option('--code <code>', 'with --user: code of the authenticator, or a recovery code; else it is asked for')
    .option(
      '--repository-password-file <file>',
      'zero-knowledge mode: file with the recovery phrase or the password; else it is asked for',
    )
    .option('--data <folder>', 'where the key and the certificate of the recovery are kept, with mode 0600');
  return addOutputOptions(command);
}

const signInHelp = `
The key is made here, the server's CA is compared with the fingerprint before anything is sent, and the certificate is good for the
named backups and no longer than the token. Further commands use it without asking again, until it ends.
In the zero-knowledge mode the recovery phrase, or the password, of the backups is asked for besides. It stays on this computer.`;
