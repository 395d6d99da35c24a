import type { Command } from 'commander';
import { collect } from '../option-values.ts';
import {
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { addSnapshotFilter, type SnapshotFilter } from '../stand-alone/snapshot-filter.ts';
import { perform } from '../work.ts';

export interface MountCommandOptions extends RepositoryOptions, SnapshotFilter {
  readonly allowOther?: boolean;
  /** False with --no-default-permissions. */
  readonly defaultPermissions: boolean;
  readonly ownerRoot?: boolean;
  readonly pathTemplate?: string[];
  readonly timeTemplate?: string;
  readonly lock: boolean;
}

/** `holdfast mount`: snapshots as folders. */
export function registerMount(program: Command): void {
  const command = program
    .command('mount')
    .description('show snapshots as read-only folders, until Ctrl-C (Linux, FUSE)')
    .argument('<folder>', 'an existing folder of your own')
    .option('--allow-other', 'other users may look in, as far as the modes of the files let them')
    .option('--no-default-permissions', 'with --allow-other: everybody may read everything')
    .option('--owner-root', 'everything belongs to root')
    .option('--path-template <template>', 'folders of snapshots, see below; may be repeated', collect)
    .option('--time-template <layout>', "Go's layout of the times in them", '2006-01-02T15:04:05Z07:00')
    .option('--no-lock', 'without a lock: for storage that may not be written; nobody may prune meanwhile')
    .option('-q, --quiet', 'warnings and errors only');
  addSnapshotFilter(command);
  addRepositoryOptions(command, { orServer: true })
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast mount /mnt/backups --repo /mnt/disk/repo -p password.txt
  $ holdfast mount ~/backups -r rest:https://mover:6162/repo/ -p password.txt --host web1
  $ holdfast mount /mnt/backups -r repo -p password.txt --path-template 'by-day/%T' --time-template 2006-01-02

Folders: ids/%i, snapshots/%T, hosts/%h/%T and tags/%t/%T, with a link \`latest\` beside the times. In templates %i is the
short id, %I the id, %u the user, %h the computer, %t each tag, %T the time.
New snapshots appear within a minute. A shared lock is held meanwhile: backups go on, prune waits.
As root the kernel is asked directly; others need fusermount3 (package fuse3). Ctrl-C or \`umount\` ends it; Ctrl-C also
while files are in use. If the process is killed, \`umount\` (or \`fusermount3 -u\`) frees the folder.
${environmentHelp.replace('talks to the backup server', 'would need the server, which cannot mount yet')}
${exitStatusHelp}`,
    )
    .action((folder: string, options: MountCommandOptions) =>
      perform(options, async (work) => (await import('../stand-alone/mount.ts')).runMount(folder, options, work)),
    );
}
