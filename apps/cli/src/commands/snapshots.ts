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
import { perform } from '../work.ts';

export interface SnapshotsOptions extends RepositoryOptions, SnapshotFilter {
  readonly latest?: number;
}

/** `holdfast snapshots`: of a repository, or of the server's catalogue. */
export function registerSnapshots(program: Command): void {
  const command = program
    .command('snapshots')
    .description('list snapshots: of a repository with --repo, else those that the server knows')
    .option('--latest <n>', 'only the newest n', wholeNumber(1, 1_000_000));
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
${environmentHelp}

JSON: {kind: "snapshots", snapshots: [{id, time, hostname, username, paths, tags, parentId?, treeId, programVersion?,
totalFiles?, totalBytes?, storedBytes?}]}, oldest first; from the server {kind: "catalogue", snapshots: […]} as in its API.
${exitStatusHelp}`,
    )
    .action((options: SnapshotsOptions) =>
      perform(options, async (work) => (await import('../stand-alone/snapshots.ts')).showSnapshots(options, work)),
    );
}
