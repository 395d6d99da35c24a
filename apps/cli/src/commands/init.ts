import { type Command, Option } from 'commander';
import { addFromRepository, type FromRepositoryOptions } from '../stand-alone/from-repository.ts';
import {
  addOutputOptions,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
} from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

export interface InitCommandOptions extends FromRepositoryOptions {
  readonly copyChunkerParams?: boolean;
}

/** `holdfast init`: restic's name for `repo init`, with what restic prints. */
export function registerInit(program: Command): void {
  const command = program
    .command('init')
    .description('make a repository, without a server; as `repo init`, with the output of restic')
    .addOption(
      new Option('--repository-version <version>', 'the format: only 2 is written')
        .choices(['2', 'stable', 'latest'])
        .default('stable'),
    )
    .option('--copy-chunker-params', 'with the same chunker parameters for restic as another repository; see below');
  addFromRepository(command, 'that other repository');
  addRepositoryOptions(command, { orServer: false });
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Example:
  $ holdfast init --repo /mnt/disk/repo -p password.txt

With --copy-chunker-params files that restic backs up are cut as in the other repository, so that copies between them share
data. Holdfast cuts files by the key of each repository, which is never the same (docs/threat-model.md).

Whoever loses the password loses the backups. Any restic can use the repository.
${environmentHelp.replace('Without --repo the command talks to the backup server. ', '')}

JSON, as restic's: {message_type: "initialized", id, repository}
${exitStatusHelp}`,
    )
    .action((options: InitCommandOptions) =>
      perform(options, async (work) =>
        (await import('../stand-alone/repository-commands.ts')).initialiseAsRestic(options, work),
      ),
    );
}
