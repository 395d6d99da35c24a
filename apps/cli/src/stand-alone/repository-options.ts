import { HoldfastError } from '@holdfast/core';
import type { CompressionMode } from '@holdfast/repository/format';
import { type Command, Option } from 'commander';
import { defaultDataDirectory } from '../data-directory.ts';
import { addServerPlace } from '../managed/server-options.ts';
import { duration, wholeNumber } from '../option-values.ts';
import type { OutputOptions } from '../output.ts';
import type { PasswordOptions } from './password.ts';

export interface RepositoryOptions extends PasswordOptions, OutputOptions {
  readonly repo?: string;
  /** One that the server has. */
  readonly repository?: string;
  readonly repositoryFile?: string;
  readonly cacert?: string;
  readonly tlsClientCert?: string;
  /** Milliseconds. */
  readonly retryLock?: number;
  readonly data?: string;
  readonly server?: string;
  readonly tokenFile?: string;
  readonly keyHint?: string;
  readonly compression?: CompressionMode;
  /** MiB. */
  readonly packSize?: number | string;
  /** KiB per second; 0 for no limit. */
  readonly limitUpload?: number;
  readonly limitDownload?: number;
}

/**
 * Options of restic's that every command takes and that change nothing here, unless it has one of that name: there is no cache to
 * turn off or tidy up, what is stored needs no further look, reports are of one length, requests are repeated by themselves,
 * and only a backup has packs of another size (see `refuseOtherPacks`).
 */
const meaningless = [
  '--no-cache',
  '--cleanup-cache',
  '--cache-dir <directory>',
  '--no-extra-verify',
  '--no-lock',
  '--pack-size <MiB>',
  '--http-user-agent <agent>',
  '--stuck-request-timeout <duration>',
  '-v, --verbose',
];

/** Here, as the format need not be loaded for a command line to be understood. */
export const compressionModes = [
  'auto',
  'off',
  'fastest',
  'better',
  'max',
] as const satisfies readonly CompressionMode[];

const rate = wholeNumber(0, 100_000_000);

/** For commands that move whole blobs into new packs: who asks for other packs than they make must hear of it. */
export function refuseOtherPacks({ packSize = 16, compression = 'auto' }: RepositoryOptions): void {
  if (Number(packSize) === 16 && compression === 'auto') return;
  throw new HoldfastError('usage.option', {
    message: 'What is packed again or copied stays compressed as it is, in packs of 16 MiB.',
    guidance: 'Leave out --pack-size and --compression. Backups take both.',
  });
}

/** Options of every command that opens a repository by itself; `orServer` adds those of commands that also ask the server. */
export function addRepositoryOptions(command: Command, o: { readonly orServer: boolean }): Command {
  command
    .option(
      '-r, --repo <repository>',
      'a folder, or rest:https://host:port/path/ (env HOLDFAST_REPOSITORY, RESTIC_REPOSITORY)',
    )
    .option(
      '--repository-file <file>',
      'file that holds the address, for one with a password in it (env …_REPOSITORY_FILE)',
    )
    .option('-p, --password-file <file>', 'file that holds the password; - reads standard input (env …_PASSWORD_FILE)')
    .option('--password-command <command>', 'program that prints the password (env …_PASSWORD_COMMAND)')
    .option('--insecure-no-password', 'the repository has an empty password')
    .option('--key-hint <id>', 'the key to try the password on first (env …_KEY_HINT)')
    .option(
      '--cacert <file>',
      'the CA certificate (PEM) of the mover or server (env …_CACERT); else that of --data and those of the system',
    )
    .option(
      '--tls-client-cert <file>',
      'certificate and private key (PEM) for a server that asks for one (env …_TLS_CLIENT_CERT)',
    )
    .option(
      '--retry-lock <duration>',
      'wait so long for locks of others to go, such as 30s, 5m, 1h30m; by itself a command does not wait',
      duration,
    )
    .addOption(
      new Option(
        '--compression <mode>',
        'of the new data of a backup, rewrite or repair (env …_COMPRESSION; default: auto)',
      ).choices(compressionModes),
    )
    .option('--limit-upload <rate>', 'KiB/s at most, over whole objects; a single one goes as fast as it can', rate)
    .option('--limit-download <rate>', 'KiB/s at most, likewise', rate)
    .option(
      '--data <directory>',
      `data directory of \`holdfast up\` on this computer (default: ${defaultDataDirectory()})`,
    );
  for (const flags of meaningless) {
    const option = new Option(flags).hideHelp();
    if (!command.options.some(({ long }) => long === option.long)) command.addOption(option);
  }
  if (!o.orServer) return command;
  return addServerPlace(command).option(
    '--repository <name>',
    'by the server: only this repository of it, by name or id; see `holdfast repo list`',
  );
}

export function addOutputOptions(command: Command): Command {
  return command
    .option('--json', 'print the result as one JSON object')
    .option('-q, --quiet', 'no progress and no summary; warnings and errors only');
}

export function addProgressOption(command: Command): Command {
  return command.option('--json-progress', 'with --json: a line {"kind":"progress",…} every second before the result');
}

/** The end of every stand-alone command's help. */
export const environmentHelp = `
Without --repo the command talks to the backup server. For REST repositories HOLDFAST_REST_USERNAME and
HOLDFAST_REST_PASSWORD hold user name and grant, so that they need not stand in the address. Every HOLDFAST_… variable
may be the RESTIC_… one as well.`;

export const exitStatusHelp = `
Exit status:
  0   everything is done           10  there is no repository
  1   failed                       11  the repository is locked
  2   wrong command line           12  wrong password
  3   done, but not completely     130 stopped by Ctrl-C
These are restic's, but for 2 (restic gives 1 for a wrong command line).`;
