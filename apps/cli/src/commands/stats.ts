import type { StatsMode } from '@holdfast/engine/stats';
import { type Command, Option } from 'commander';
import {
  addOutputOptions,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { addSnapshotFilter, type SnapshotFilter } from '../stand-alone/snapshot-filter.ts';
import { perform } from '../work.ts';

export interface StatsCommandOptions extends RepositoryOptions, SnapshotFilter {
  readonly mode: StatsMode;
  readonly lock: boolean;
}

const modes: readonly StatsMode[] = ['restore-size', 'files-by-contents', 'blobs-per-file', 'raw-data'];

/** `holdfast stats`: how much snapshots hold. */
export function registerStats(program: Command): void {
  const command = program
    .command('stats')
    .description('count files, blobs and bytes of snapshots')
    .argument('[snapshot...]', 'ids, beginnings of ids, or latest; all if left out')
    .addOption(new Option('--mode <mode>', 'what is counted').choices(modes).default('restore-size'))
    .option('--no-lock', 'without a lock: for storage that may not be written');
  addSnapshotFilter(command);
  addRepositoryOptions(command, { orServer: true });
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast stats latest --repo /mnt/disk/repo -p password.txt
  $ holdfast stats --mode raw-data --json -r repo -p password.txt

Modes:
  restore-size        what restoring the snapshots would write; hard links count once in each
  files-by-contents   files of the same content count once
  blobs-per-file      the same, and blobs count once in each path
  raw-data            blobs as they are stored, each once, with what compression saves
${environmentHelp}

JSON, as restic's: {total_size, total_uncompressed_size?, compression_ratio?, compression_progress?,
compression_space_saving?, total_file_count?, total_blob_count?, snapshots_count}; sizes in bytes, shares in percent.
${exitStatusHelp}`,
    )
    .action((references: string[], options: StatsCommandOptions) =>
      perform(options, async (work) => (await import('../stand-alone/stats.ts')).runStats(references, options, work)),
    );
}
