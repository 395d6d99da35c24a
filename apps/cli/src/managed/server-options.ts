import type { Command } from 'commander';
import { defaultDataDirectory } from '../data-directory.ts';

export const defaultServerPort = 443;

export interface ServerOptions {
  readonly server?: string;
  readonly tokenFile?: string;
  readonly cacert?: string;
  readonly data?: string;
  readonly json?: boolean | undefined;
}

export function addServerPlace(command: Command, { token = true }: { readonly token?: boolean } = {}): Command {
  command.option(
    '--server <host[:port]>',
    `the backup server, port ${defaultServerPort} unless given; else the one of --data`,
  );
  if (!token) return command;
  return command.option(
    '--token-file <file>',
    'file that holds an API token or the administrator token; else the session of `holdfast login`, or the token of --data',
  );
}

/** Options of every command that talks to the backup server. */
export function addServerOptions(command: Command, o: { readonly token?: boolean } = {}): Command {
  return addServerPlace(command, o)
    .option('--cacert <file>', "the server's CA certificate (PEM); else the one of --data")
    .option(
      '--data <directory>',
      `data directory of \`holdfast up\` on this computer (default: ${defaultDataDirectory()})`,
    )
    .option('--json', 'print the answer as JSON');
}

export const serverHelp = `
Without --server the command finds the server that \`holdfast up\` runs on this computer, by connection.json in its data
directory. For another server sign in with \`holdfast login\`, or give --server, --token-file and --cacert.`;
