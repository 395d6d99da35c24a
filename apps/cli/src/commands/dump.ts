import { type Command, Option } from 'commander';
import {
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { addSnapshotFilter, type SnapshotFilter } from '../stand-alone/snapshot-filter.ts';
import { perform } from '../work.ts';

export interface DumpCommandOptions extends RepositoryOptions, SnapshotFilter {
  readonly archive: 'tar' | 'zip';
  readonly target?: string;
  readonly lock: boolean;
}

/** `holdfast dump`: a file to standard output, a folder as an archive. */
export function registerDump(program: Command): void {
  const command = program
    .command('dump')
    .description('write a file of a snapshot to standard output, or a folder as an archive')
    .argument('<snapshot[:folder]>', 'id, beginning of an id, or latest; with :folder paths begin there')
    .argument('<path>', 'file or folder; / for everything')
    .addOption(new Option('-a, --archive <format>', 'of folders').choices(['tar', 'zip']).default('tar'))
    .option('-t, --target <file>', 'write there instead of to standard output')
    .option('--no-lock', 'without a lock: for storage that may not be written')
    .option('-q, --quiet', 'warnings and errors only');
  addSnapshotFilter(command);
  addRepositoryOptions(command, { orServer: true })
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast dump latest /etc/fstab --repo /mnt/disk/repo -p password.txt
  $ holdfast dump latest:/home/ann / -r repo -p password.txt | tar -x --xattrs -C /tmp/ann
  $ holdfast dump 1a2b3c4d /srv/www --archive zip --target www.zip -r repo -p password.txt

A tar archive (pax) keeps modes, owners, times to the nanosecond, links, devices, extended attributes and ACLs; a zip file
keeps modes, owners and times to the second. Hard links become files of their own in both.
${environmentHelp}
${exitStatusHelp}`,
    )
    .action((reference: string, path: string, options: DumpCommandOptions) =>
      perform(options, async (work) =>
        (await import('../stand-alone/dump.ts')).runDump({ reference, path }, options, work),
      ),
    );
}
