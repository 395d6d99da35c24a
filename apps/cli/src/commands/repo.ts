import type { Command } from 'commander';
import { registerServerRepositories } from '../managed/repositories.ts';
import { registerRepositoryMaintenance } from '../managed/repository-maintenance.ts';
import {
  addOutputOptions,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

/** `holdfast repo`: repositories, alone with --repo or by the server. */
export function registerRepo(program: Command): void {
  const repositories = program
    .command('repo')
    .description('repositories: init and info work without a server, the others with one');
  const alone = environmentHelp.replace('Without --repo the command talks to the backup server. ', '');

  const init = repositories.command('init').description('make a repository, without a server');
  addRepositoryOptions(init, { orServer: false });
  addOutputOptions(init)
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast repo init --repo /mnt/disk/repo -p password.txt
  $ holdfast repo init --repo /mnt/disk/repo                    asks for the password, twice

Whoever loses the password loses the backups. Any restic can use the repository (format version 2).
${alone}

JSON: {kind: "repository", id, version, location}
${exitStatusHelp}`,
    )
    .action((options: RepositoryOptions) =>
      perform(options, async (work) =>
        (await import('../stand-alone/repository-commands.ts')).initialise(options, work),
      ),
    );

  const info = repositories
    .command('info')
    .description('what a repository holds and which keys open it, without a server');
  addRepositoryOptions(info, { orServer: false });
  addOutputOptions(info)
    .addHelpText(
      'after',
      `
Example:
  $ holdfast repo info --repo /mnt/disk/repo -p password.txt
${alone}

JSON: {kind: "repository", id, version, location, snapshots, indexFiles, packs, bytes, keys: [{id, hostname, username, createdAt}]}
${exitStatusHelp}`,
    )
    .action((options: RepositoryOptions) =>
      perform(options, async (work) => (await import('../stand-alone/repository-commands.ts')).showInfo(options, work)),
    );

  registerServerRepositories(repositories);
  registerRepositoryMaintenance(repositories);
}
