import { type Command, Option } from 'commander';
import { defaultDataDirectory } from '../data-directory.ts';
import type { EnrollOptions } from '../roles/enroll.ts';
import type { RoleOptions } from '../roles/role-options.ts';

/** `holdfast server`, `mover`, `agent`: each role as a service; `holdfast enroll` joins a computer to a server. */
export function registerRoles(program: Command): void {
  roleCommand(program, 'server', 'the backup server: catalogue, CA, jobs and the REST API').action(
    async (options: RoleOptions) => (await import('../roles/server.ts')).runServer(options),
  );
  roleCommand(program, 'mover', 'the data mover of this computer: repositories, sessions and data channels').action(
    async (options: RoleOptions) => (await import('../roles/mover.ts')).runMover(options),
  );
  roleCommand(program, 'agent', 'the agent of this computer: runs backups and restores').action(
    async (options: RoleOptions) => (await import('../roles/agent.ts')).runAgent(options),
  );

  // Started by the mover, which gives it one task over standard input: of no use to people.
  program.command('execute', { hidden: true }).action(async () => (await import('../roles/execute.ts')).runExecute());

  program
    .command('enroll')
    .description('join this computer to a backup server with a one-time token')
    .addOption(
      new Option('--config <file>', 'file of `holdfast groups export`: all that is needed to join').conflicts([
        'role',
        'server',
        'caFingerprint',
        'tokenFile',
      ]),
    )
    .addOption(new Option('--role <role>', 'what this computer joins as').choices(['agent', 'mover']))
    .option('--server <host[:port]>', 'the backup server; port 10006 (Windows agents: 10005) unless given')
    .option(
      '--ca-fingerprint <sha256:…>',
      "the server's CA, as `holdfast token create` printed it; compared before the token is sent",
    )
    .option('--token-file <file>', 'file that holds the join token; - reads it from standard input')
    .option('--address <address>', 'where others reach this computer, if not at the address it connects from')
    .option('--data <directory>', `where the role keeps its identity (default: ${defaultDataDirectory()}/<role>)`)
    .addHelpText(
      'after',
      `
Examples, with what \`holdfast token create --role agent --out token.txt\` wrote and printed on the server:
  $ holdfast enroll --role agent --server backup.example --ca-fingerprint sha256:… --token-file token.txt
  $ holdfast agent

On a computer that was installed beforehand, with what \`holdfast groups export kiosks --out kiosks.json\` wrote:
  $ holdfast enroll --config kiosks.json`,
    )
    .action(async (options: EnrollOptions) => (await import('../roles/enroll.ts')).enroll(options));
}

function roleCommand(program: Command, role: string, description: string): Command {
  return program
    .command(role)
    .description(description)
    .option('--config <file>', 'configuration, JSON or YAML')
    .option('--data <directory>', `where it keeps its state (default: ${defaultDataDirectory()}/${role})`);
}
