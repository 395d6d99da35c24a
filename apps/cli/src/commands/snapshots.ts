import type { Command } from 'commander';
import { wholeNumber } from '../option-values.ts';
import {
  addOutputOptions,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { addSnapshotFilter, type SnapshotFilter } from '../stand-alone/snapshot-filter.ts';
import { type GroupField, groupFields } from '../stand-alone/snapshot-groups.ts';
import { perform } from '../work.ts';

export interface SnapshotsOptions extends RepositoryOptions, SnapshotFilter {
  readonly latest?: number;
  readonly groupBy?: readonly GroupField[];
  readonly compact?: boolean;
}

/** `holdfast snapshots`: of a repository, or of the server's catalogue. */
export function registerSnapshots(program: Command): void {
  const command = program
    .command('snapshots')
    .description('list snapshots: of a repository with --repo, else those that the server knows')
    .argument('[snapshot...]', 'ids, beginnings of ids, or latest; all if left out')
    .option(
      '--latest <n>',
      'only the newest n of each computer with the same paths, or of each group',
      wholeNumber(1, 1_000_000),
    )
    .option('-g, --group-by <what[,what…]>', 'group by host, paths and tags', groupFields)
    .option('-c, --compact', 'without files and paths')
    .option('--no-lock', 'for scripts of restic: listing takes no lock in any case');
  addSnapshotFilter(command);
  addRepositoryOptions(command, { orServer: true });
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast snapshots                                          the server's catalogue
  $ holdfast snapshots --repo /mnt/disk/repo -p password.txt    everything in a repository
  $ holdfast snapshots -r repo -p password.txt --host web1 --tag daily --latest 5 --json
  $ holdfast snapshots -r repo -p password.txt --group-by host,paths --compact
${environmentHelp}

JSON of a repository, as restic's: a list of {time, parent?, tree, paths, hostname?, username?, uid?, gid?, excludes?, tags?,
original?, program_version?, summary?, id, short_id}, oldest first; with --group-by a list of {group_key: {hostname, paths,
tags}, snapshots: […]}. From the server {kind: "catalogue", snapshots: […]} as in its API.
${exitStatusHelp}`,
    )
    .action((references: string[], options: SnapshotsOptions) =>
      perform(options, async (work) =>
        (await import('../stand-alone/snapshots.ts')).showSnapshots(references, options, work),
      ),
    );
}
