import type { Command } from 'commander';
import { collect } from '../option-values.ts';
import { moment } from '../stand-alone/moment.ts';
import {
  addOutputOptions,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { addSnapshotFilter, type SnapshotFilter } from '../stand-alone/snapshot-filter.ts';
import { perform } from '../work.ts';

export interface RewriteCommandOptions extends RepositoryOptions, SnapshotFilter {
  readonly exclude?: string[];
  readonly excludeFile?: string[];
  readonly iexclude?: string[];
  readonly iexcludeFile?: string[];
  readonly include?: string[];
  readonly includeFile?: string[];
  readonly iinclude?: string[];
  readonly iincludeFile?: string[];
  readonly forget?: boolean;
  readonly newHost?: string;
  /** Nanoseconds since 1970. */
  readonly newTime?: bigint;
  readonly snapshotSummary?: boolean;
  readonly dryRun?: boolean;
}

/** `holdfast rewrite`: snapshots without some of their files, or with another host or time. */
export function registerRewrite(program: Command): void {
  const command = program
    .command('rewrite')
    .description(
      'write snapshots again without some files, or with some only, or with another host or time, without a server',
    )
    .argument('[snapshots...]', 'ids, beginnings of ids, or latest; else ALL that the filter leaves')
    .option('-e, --exclude <pattern>', 'leave out what matches, as in backups; may be repeated', collect)
    .option('--exclude-file <file>', 'file of such patterns, one a line, # begins a comment; may be repeated', collect)
    .option('--iexclude <pattern>', 'as --exclude, small and capital letters being the same', collect)
    .option('--iexclude-file <file>', 'as --exclude-file, small and capital letters being the same', collect)
    .option(
      '-i, --include <pattern>',
      'keep only what matches, and the folders that it is in; may be repeated',
      collect,
    )
    .option('--include-file <file>', 'file of such patterns, one a line; may be repeated', collect)
    .option('--iinclude <pattern>', 'as --include, small and capital letters being the same', collect)
    .option('--iinclude-file <file>', 'as --include-file, small and capital letters being the same', collect)
    .option('--forget', 'remove the old snapshots when the new ones are stored')
    .option('--new-host <name>', 'another host name')
    .option('--new-time <time>', 'another time, such as "2026-01-31 18:00:00", local if no zone is given', moment)
    .option('-s, --snapshot-summary', 'count files and bytes for snapshots that have no summary')
    .option('-n, --dry-run', 'only tell what would be done; without a lock');
  addSnapshotFilter(command);
  addRepositoryOptions(command, { orServer: false });
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast rewrite --exclude '*.iso' --dry-run --repo /mnt/disk/repo -p password.txt
  $ holdfast rewrite --exclude /home/ann/secret --forget --host web1 -r repo -p password.txt
  $ holdfast rewrite --include /home/ann/photos latest --repo /mnt/disk/repo -p password.txt
  $ holdfast rewrite 1a2b3c4d --new-time '2026-01-31 18:00:00' -r repo -p password.txt

Folders are written again from the bottom up, unchanged ones stay as they are; a snapshot of which nothing changes is left
alone, as is one in which --include chooses nothing. Without --forget the new snapshot stands beside the old one and gets the tag rewrite. With it the old one is
removed, under a short exclusive lock, once the new one is stored; a run that was stopped in between goes on where it was.
What was left out is gone from the storage only after \`holdfast prune\`.
A folder that holds fields that this version does not know stops the work, because they would be lost.
${environmentHelp.replace('Without --repo the command talks to the backup server. ', '')}

JSON: {kind: "rewrite", dryRun, rewritten: [{oldId, newId?}], forgotten}
${exitStatusHelp}`,
    )
    .action((snapshots: string[], options: RewriteCommandOptions) =>
      perform(options, async (work) =>
        (await import('../stand-alone/rewrite.ts')).runRewrite(snapshots, options, work),
      ),
    );
}
