import type { Command } from 'commander';
import {
  addOutputOptions,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

/** `holdfast recover`: a snapshot of what no snapshot has. */
export function registerRecover(program: Command): void {
  const command = program
    .command('recover')
    .description('make a snapshot of folders that no snapshot has, after snapshots were lost');
  addRepositoryOptions(command, { orServer: false });
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
For snapshots that were removed by mistake or lost, as long as prune has not run since: packs that no index names are put
into it, every folder is looked for that belongs to no other folder and to no snapshot, and one new snapshot with the tag
"recovered" gets each of them, as a folder with the beginning of its id as name. Names of computers, times and tags of what
was lost are not known any more. Holds the exclusive lock: the folders of a backup that is running are in no snapshot yet.

Example:
  $ holdfast recover -r /mnt/disk/repo -p password.txt && holdfast ls latest --tag recovered -r /mnt/disk/repo -p password.txt
${environmentHelp.replace('Without --repo the command talks to the backup server. ', '')}

JSON: {kind: "recover", roots: [id], snapshotId?, addedPacks: [id], problems: [{code, message, …}]}
${exitStatusHelp}`,
    )
    .action((options: RepositoryOptions) =>
      perform(options, async (work) => (await import('../stand-alone/recover.ts')).runRecover(options, work)),
    );
}
