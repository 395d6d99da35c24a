import type { Command } from 'commander';
import {
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { addSnapshotFilter, type SnapshotFilter } from '../stand-alone/snapshot-filter.ts';
import { perform } from '../work.ts';

export interface LsOptions extends RepositoryOptions, SnapshotFilter {
  readonly long?: boolean;
  readonly recursive?: boolean;
  readonly lock: boolean;
}

/** `holdfast ls`: what is in a snapshot. */
export function registerLs(program: Command): void {
  const command = program
    .command('ls')
    .description('list files of a snapshot')
    .argument('<snapshot>', 'id, beginning of an id, or latest; latest:/path as well')
    .argument('[path]', 'folder or file in the snapshot', '/')
    .option('-l, --long', 'with mode, owner, size and time')
    .option('-R, --recursive', 'everything below, not only what is directly in the folder')
    .option('--no-lock', 'without a lock: for storage that may not be written')
    .option('--json', 'one JSON object a line')
    .option('-q, --quiet', 'errors only beside the list');
  addSnapshotFilter(command);
  addRepositoryOptions(command, { orServer: true })
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast ls latest --repo /mnt/disk/repo -p password.txt
  $ holdfast ls -l 1a2b3c4d /home/ann -r repo -p password.txt
  $ holdfast ls -R --json latest --host web1 -r repo -p password.txt
${environmentHelp.replace('talks to the backup server', 'would need the server, which cannot list files yet')}

JSON, one line each: {path, type, permissions, uid, gid, user?, group?, size?, modifiedAt, linkTarget?, links?, inode?,
pathBase64? (where the path is not UTF-8)}; permissions are octal text such as "0644".
${exitStatusHelp}`,
    )
    .action((reference: string, path: string, options: LsOptions) =>
      perform(options, async (work) =>
        (await import('../stand-alone/ls.ts')).runLs({ reference, path }, options, work),
      ),
    );
}
