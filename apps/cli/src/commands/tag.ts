import type { Command } from 'commander';
import { collect } from '../option-values.ts';
import {
  addOutputOptions,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { addSnapshotFilter, type SnapshotFilter } from '../stand-alone/snapshot-filter.ts';
import { perform } from '../work.ts';

export interface TagOptions extends RepositoryOptions, SnapshotFilter {
  readonly set?: string[];
  readonly add?: string[];
  readonly remove?: string[];
}

/** `holdfast tag`: marks on snapshots. */
export function registerTag(program: Command): void {
  const command = program
    .command('tag')
    .description('change the tags of snapshots, without a server')
    .argument('[snapshots...]', 'ids, beginnings of ids, or latest; else all that the filter leaves')
    .option('--set <tag[,tag…]>', "these tags instead of the present ones; '' for none; may be repeated", collect)
    .option('--add <tag[,tag…]>', 'these tags besides the present ones; may be repeated', collect)
    .option('--remove <tag[,tag…]>', 'not these tags; may be repeated', collect);
  addSnapshotFilter(command);
  addRepositoryOptions(command, { orServer: false });
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast tag --add keep --remove daily 1a2b3c4d --repo /mnt/disk/repo -p password.txt
  $ holdfast tag --set monthly --host web1 --tag daily -r repo -p password.txt

A snapshot's id is made from its content, so every changed snapshot gets a new one; its field original keeps the first id.
The new snapshot is stored before the old one is removed, under the exclusive lock. A snapshot that the storage protects
(immutability) stays as it is; then the status is 3.
${environmentHelp.replace('Without --repo the command talks to the backup server. ', '')}

JSON lines, as restic's: {message_type: "changed", old_snapshot_id, new_snapshot_id} for each, and at the end
{message_type: "summary", changed_snapshots}
${exitStatusHelp}`,
    )
    .action((snapshots: string[], options: TagOptions) =>
      perform(options, async (work) => (await import('../stand-alone/tag.ts')).runTag(snapshots, options, work)),
    );
}
