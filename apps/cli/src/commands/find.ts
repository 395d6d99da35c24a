import type { Command } from 'commander';
import { collect } from '../option-values.ts';
import { moment } from '../stand-alone/moment.ts';
import {
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { addSnapshotFilter, type SnapshotFilter } from '../stand-alone/snapshot-filter.ts';
import { perform } from '../work.ts';

export interface FindCommandOptions extends RepositoryOptions, SnapshotFilter {
  readonly oldest?: bigint;
  readonly newest?: bigint;
  readonly snapshot?: string[];
  readonly blob?: boolean;
  readonly tree?: boolean;
  readonly pack?: boolean;
  readonly showPackId?: boolean;
  readonly ignoreCase?: boolean;
  readonly long?: boolean;
  readonly humanReadable?: boolean;
  readonly reverse?: boolean;
  readonly lock: boolean;
}

/** `holdfast find`: files, blobs or trees in all snapshots. */
export function registerFind(program: Command): void {
  const command = program
    .command('find')
    .description('find files in snapshots, or where blobs, trees and packs are used')
    .argument('<pattern...>', 'patterns as for restore --include; with --blob, --tree, --pack ids')
    .option('-i, --ignore-case', 'capital and small letters are the same')
    .option('-O, --oldest <time>', 'modified at this time or later', moment)
    .option('-N, --newest <time>', 'modified at this time or earlier', moment)
    .option('-s, --snapshot <id>', 'search this snapshot only; may be repeated', collect)
    .option('--blob', 'the arguments are ids of data blobs')
    .option('--tree', 'the arguments are ids of trees')
    .option('--pack', 'the arguments are ids of packs: where their blobs are used')
    .option('--show-pack-id', 'with --blob, --tree or --pack: the pack of each as well')
    .option('-l, --long', 'with mode, owner, size and time')
    .option('--human-readable', 'sizes in KiB, MiB and so on')
    .option('-R, --reverse', 'the oldest snapshot first')
    .option('--no-lock', 'without a lock: for storage that may not be written')
    .option('--json', 'one JSON list')
    .option('-q, --quiet', 'what is found only, without the lines about snapshots');
  addSnapshotFilter(command);
  addRepositoryOptions(command, { orServer: true })
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast find '*.conf' --repo /mnt/disk/repo -p password.txt
  $ holdfast find --long -i readme.md --newest '2026-01-31 18:00' --host web1 -r repo -p password.txt
  $ holdfast find --json --blob 420f620f b46ebe8a -r repo -p password.txt
  $ holdfast find --show-pack-id --tree 577c2bc9 -r repo -p password.txt

Times are local: 2026-01-31, 31.01.2026, both with 18:00 or 18:00:30, which +0100 or UTC may follow.
A pattern that matches a folder finds what is in it as well. Ids may be shortened to 4 digits.
${environmentHelp}

JSON, as restic's: [{matches: [{path, permissions, type, mode, mtime, atime, ctime, uid, gid, …}], hits, snapshot}]; with
--blob, --tree, --pack [{object_type, id, path, parent_tree?, snapshot, time}].
${exitStatusHelp}`,
    )
    .action((patterns: string[], options: FindCommandOptions) =>
      perform(options, async (work) => (await import('../stand-alone/find.ts')).runFind(patterns, options, work)),
    );
}
