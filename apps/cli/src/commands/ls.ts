import { type Command, Option } from 'commander';
import {
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { addSnapshotFilter, type SnapshotFilter } from '../stand-alone/snapshot-filter.ts';
import { perform } from '../work.ts';

export const sortModes = ['name', 'size', 'time', 'mtime', 'atime', 'ctime', 'extension'] as const;
export type SortMode = (typeof sortModes)[number];

export interface LsOptions extends RepositoryOptions, SnapshotFilter {
  readonly long?: boolean;
  readonly recursive?: boolean;
  readonly humanReadable?: boolean;
  readonly ncdu?: boolean;
  readonly sort: SortMode;
  readonly reverse?: boolean;
  readonly lock: boolean;
}

/** `holdfast ls`: what is in a snapshot. */
export function registerLs(program: Command): void {
  const command = program
    .command('ls')
    .description('list files of a snapshot')
    .argument('<snapshot[:folder]>', 'id, beginning of an id, or latest; with :folder paths begin there')
    .argument('[folder...]', 'only these folders with what is directly in them; everything if left out')
    .option('-l, --long', 'with mode, owner, size and time')
    .option('-R, --recursive', 'with folders given: everything below them')
    .option('--human-readable', 'sizes in KiB, MiB and so on')
    .option('--ncdu', 'the export format of ncdu: holdfast ls latest --ncdu … | ncdu -f -')
    .addOption(new Option('-s, --sort <by>', 'order').choices([...sortModes]).default('name'))
    .option('--reverse', 'the other way round')
    .option('--no-lock', 'without a lock: for storage that may not be written')
    .option('--json', 'one JSON object a line')
    .option('-q, --quiet', 'the list only, without the line about the snapshot');
  addSnapshotFilter(command);
  addRepositoryOptions(command, { orServer: true })
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast ls latest --repo /mnt/disk/repo -p password.txt
  $ holdfast ls -l 1a2b3c4d /home/ann -r repo -p password.txt
  $ holdfast ls --json latest --host web1 /etc --recursive -r repo -p password.txt
  $ holdfast ls latest --sort size --reverse -l -r repo -p password.txt | head
${environmentHelp}

JSON, one line each, as restic's: the snapshot with message_type "snapshot", then {name, type, path, uid, gid, size?, mode,
permissions, mtime, atime, ctime, inode, message_type: "node"}, and pathBase64 where the path is not UTF-8.
${exitStatusHelp}`,
    )
    .action((reference: string, folders: string[], options: LsOptions) =>
      perform(options, async (work) =>
        (await import('../stand-alone/ls.ts')).runLs({ reference, folders }, options, work),
      ),
    );
}
