import { type Command, Option } from 'commander';
import {
  addOutputOptions,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

/** `holdfast init`: restic's name for `repo init`, with what restic prints. */
export function registerInit(program: Command): void {
  const command = program
    .command('init')
    .description('make a repository, without a server; as `repo init`, with the output of restic')
    .addOption(
      new Option('--repository-version <version>', 'the format: only 2 is written')
        .choices(['2', 'stable', 'latest'])
        .default('stable'),
    );
  addRepositoryOptions(command, { orServer: false });
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Example:
  $ holdfast init --repo /mnt/disk/repo -p password.txt

Whoever loses the password loses the backups. Any restic can use the repository.
${environmentHelp.replace('Without --repo the command talks to the backup server. ', '')}

JSON, as restic's: {message_type: "initialized", id, repository}
${exitStatusHelp}`,
    )
    .action((options: RepositoryOptions) =>
      perform(options, async (work) =>
        (await import('../stand-alone/repository-commands.ts')).initialiseAsRestic(options, work),
      ),
    );
}
