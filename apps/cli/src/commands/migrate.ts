import type { Command } from 'commander';
import {
  addOutputOptions,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

export interface MigrateOptions extends RepositoryOptions {
  readonly copies: string;
}

/** `holdfast migrate`: changes of the repository's format. */
export function registerMigrate(program: Command): void {
  const command = program
    .command('migrate')
    .description('list the changes of format that a repository still needs, or apply one, without a server')
    .argument('[name]', 'upgrade_repo_v2: from format version 1 to 2, which compresses')
    .option('--copies <folder>', 'where a copy of the old configuration is kept', '.');
  addRepositoryOptions(command, { orServer: false });
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
The structure is checked first; with errors nothing is changed. The new configuration takes the place of the old one at once
(a rename), so that there is one at every moment; a copy of the old one stays in --copies. What is stored stays as it is:
only what is written from then on is compressed. This needs storage that can replace a configuration: a folder on a disk. A
data mover never does that.

Examples:
  $ holdfast migrate --repo /mnt/disk/repo -p password.txt
  $ holdfast migrate upgrade_repo_v2 --repo /mnt/disk/repo -p password.txt
${environmentHelp.replace('Without --repo the command talks to the backup server. ', '')}

JSON: {kind: "migrations", version, migrations: [{name, description}]}, or {kind: "migrate", name, version, copy}
${exitStatusHelp}`,
    )
    .action((name: string | undefined, options: MigrateOptions) =>
      perform(options, async (work) => (await import('../stand-alone/migrate.ts')).runMigrate(name, options, work)),
    );
}
