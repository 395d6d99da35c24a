import type { Command } from 'commander';
import type { RepositoryOptions } from './repository-options.ts';

/** Where a second repository is, which is only read. */
export interface FromRepositoryOptions extends RepositoryOptions {
  readonly fromRepo?: string;
  readonly fromRepositoryFile?: string;
  readonly fromPasswordFile?: string;
  readonly fromPasswordCommand?: string;
  readonly fromInsecureNoPassword?: boolean;
  readonly fromKeyHint?: string;
}

export function addFromRepository(command: Command, what: string): Command {
  return command
    .option('--from-repo <repository>', `${what}, as --repo (env …_FROM_REPOSITORY)`)
    .option('--from-repository-file <file>', 'file that holds its address (env …_FROM_REPOSITORY_FILE)')
    .option('--from-password-file <file>', 'file that holds its password (env …_FROM_PASSWORD_FILE)')
    .option('--from-password-command <command>', 'program that prints its password (env …_FROM_PASSWORD_COMMAND)')
    .option('--from-insecure-no-password', 'it has an empty password')
    .option('--from-key-hint <id>', 'its key to try the password on first (env …_FROM_KEY_HINT)');
}

/** The options of the repository to read from, in the form of any repository's. */
export function sourceOptions(options: FromRepositoryOptions): RepositoryOptions {
  const { fromRepo, fromRepositoryFile, fromKeyHint, cacert, tlsClientCert, data, retryLock, quiet, json } = options;
  return {
    from: true,
    passwordFile: options.fromPasswordFile,
    passwordCommand: options.fromPasswordCommand,
    insecureNoPassword: options.fromInsecureNoPassword,
    quiet,
    json,
    ...(fromRepo === undefined ? {} : { repo: fromRepo }),
    ...(fromRepositoryFile === undefined ? {} : { repositoryFile: fromRepositoryFile }),
    ...(fromKeyHint === undefined ? {} : { keyHint: fromKeyHint }),
    ...(cacert === undefined ? {} : { cacert }),
    ...(tlsClientCert === undefined ? {} : { tlsClientCert }),
    ...(data === undefined ? {} : { data }),
    ...(retryLock === undefined ? {} : { retryLock }),
    ...(options.limitUpload === undefined ? {} : { limitUpload: options.limitUpload }),
    ...(options.limitDownload === undefined ? {} : { limitDownload: options.limitDownload }),
  };
}
