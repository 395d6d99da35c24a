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

export function addServerPlace(command: Command): Command {
  return command
    .option(
      '--server <host[:port]>',
      `the backup server, port ${defaultServerPort} unless given; else the one of --data`,
    )
    .option('--token-file <file>', 'file that holds the administrator token; else the one of --data');
}

/** Options of every command that talks to the backup server. */
export function addServerOptions(command: Command): Command {
  return addServerPlace(command)
    .option('--cacert <file>', "the server's CA certificate (PEM); else the one of --data")
    .option(
      '--data <directory>',
      `data directory of \`holdfast up\` on this computer (default: ${defaultDataDirectory()})`,
    )
    .option('--json', 'print the answer as JSON');
}

export const serverHelp = `
Without --server the command finds the server that \`holdfast up\` runs on this computer, by connection.json in its data
directory. For another server give --server, --token-file and --cacert.`;
