import type { Overwrite } from '@holdfast/engine/restore';
import { type Command, Option } from 'commander';
import { collect } from '../option-values.ts';
import {
  addOutputOptions,
  addRepositoryOptions,
  environmentHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { addSnapshotFilter, type SnapshotFilter } from '../stand-alone/snapshot-filter.ts';
import { perform } from '../work.ts';

export interface RestoreCommandOptions extends RepositoryOptions, SnapshotFilter {
  readonly target: string;
  readonly include?: string[];
  readonly includeFile?: string[];
  readonly iinclude?: string[];
  readonly iincludeFile?: string[];
  readonly exclude?: string[];
  readonly excludeFile?: string[];
  readonly iexclude?: string[];
  readonly iexcludeFile?: string[];
  /** Undefined: always; by the server, refuse. */
  readonly overwrite?: Overwrite;
  readonly delete?: boolean;
  readonly dryRun?: boolean;
  readonly verify?: boolean;
  readonly sparse?: boolean;
  readonly includeXattr?: string[];
  readonly excludeXattr?: string[];
  readonly ownershipByName?: boolean;
  readonly lock: boolean;
  readonly sync: boolean;
  /** How often it was given. */
  readonly verbose?: number;
  readonly agent?: string;
  readonly direction?: 'agent-dials' | 'mover-dials';
  readonly detach?: boolean;
}

const policies: readonly Overwrite[] = ['always', 'if-changed', 'if-newer', 'never', 'refuse'];

/** `holdfast restore`: from a repository to this computer, or by the server to an agent's computer. */
export function registerRestore(program: Command): void {
  const command = program
    .command('restore')
    .description("restore a snapshot: with --repo to this computer, else by the server to an agent's")
    .argument(
      '<snapshot[:subfolder]>',
      'id, beginning of an id, or latest; with :subfolder only what is in that folder',
    )
    .requiredOption('-t, --target <folder>', 'folder that becomes the root of what is restored; made if it is missing')
    .option('-i, --include <pattern>', 'only what matches, by its path in the snapshot; may be repeated', collect)
    .option('--include-file <file>', 'patterns of --include, one a line; may be repeated', collect)
    .option('--iinclude <pattern>', 'as --include, for small and capital letters alike', collect)
    .option('--iinclude-file <file>', 'patterns of --iinclude, one a line', collect)
    .option('-e, --exclude <pattern>', 'leave out what matches; may be repeated', collect)
    .option('--exclude-file <file>', 'patterns of --exclude, one a line; may be repeated', collect)
    .option('--iexclude <pattern>', 'as --exclude, for small and capital letters alike', collect)
    .option('--iexclude-file <file>', 'patterns of --iexclude, one a line', collect)
    .option('--include-xattr <pattern>', 'of extended attributes only these, such as user.*; may be repeated', collect)
    .option('--exclude-xattr <pattern>', 'of extended attributes all but these; may be repeated', collect)
    .option('--ownership-by-name', 'owners by the names of users and groups, not by their numbers; ACLs excepted')
    .addOption(new Option('--overwrite <policy>', 'what exists already: see below (default: always)').choices(policies))
    .option(
      '--delete',
      'remove from restored folders what the snapshot does not have, as far as the patterns choose it',
    )
    .option('--dry-run', 'change nothing; with -vv every entry is shown')
    .option('--verify', 'read every restored file back and compare it with the snapshot')
    .option('--sparse', 'accepted for scripts: new files always get holes for blocks of zeros')
    .option('--no-lock', 'without a lock: for storage that may not be written; nobody may prune meanwhile')
    .option('--no-sync', 'do not wait at the end until everything is durable')
    .option(
      '-v, --verbose',
      'say more; twice: every entry',
      (_: string, before: number | undefined) => (before ?? 0) + 1,
    )
    .option(
      '--agent <name>',
      'without --repo: the agent to restore to, by host name or id; else the one of the snapshot',
    )
    .addOption(
      new Option('--direction <who>', 'without --repo: who dials the data channels (default: agent-dials)').choices([
        'agent-dials',
        'mover-dials',
      ]),
    )
    .option('--json-progress', 'without --repo, with --json: a line {"kind":"progress",…} every second')
    .option('--detach', 'without --repo: print the id of the run and do not wait for its end');
  addSnapshotFilter(command);
  addRepositoryOptions(command, { orServer: true });
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast restore latest --target /mnt/restored --repo /mnt/disk/repo -p password.txt
  $ holdfast restore 1a2b3c4d:/home/ann/letters --target letters --overwrite never -r repo -p password.txt
  $ holdfast restore latest --host web1 -i '*.conf' -e '*.bak' -t /tmp/conf -r repo -p password.txt
  $ holdfast restore latest:/srv -t /srv --overwrite if-changed --delete --dry-run -vv -r repo -p password.txt
  $ holdfast restore 1a2b3c4d --agent web1 --target /var/restored            by the server

With :subfolder what is in that folder is restored straight into the target, and patterns see paths below it. As root,
owners and devices are restored as well.

Policies of --overwrite for what exists already:
  always      files are compared with the snapshot block by block, and only what is wrong is written
  if-changed  as always, but files of the same size and time are believed without reading them
  if-newer    only what is newer in the snapshot is restored
  never       what exists stays
  refuse      the target must be empty; what a restore by the server does if nothing else is asked for
Folders are filled, never replaced; links are replaced, never followed. So a restore that was interrupted is continued by
running it again. A file that is not finished has another size than it will have.

--delete never follows links, never empties other file systems, and spares the repository itself. By the server it needs
--overwrite as well, and spares what the agent and the mover of that computer keep; --dry-run names what would go.

JSON, as of restic: {message_type: "summary", total_files, files_restored, files_skipped, files_deleted, total_bytes,
bytes_restored, bytes_skipped, seconds_elapsed}, folders counted as files; every second {message_type: "status", …}; with
-vv {message_type: "verbose_status", action, item, size}; on standard error {message_type: "error", error, during, item}.
Beyond restic's the summary has snapshot_id, complete, problem_count, owners_restored, dry_run, files_verified and
blobs_healed. By the server: {kind: "run", run: {…}} as in its API.
${environmentHelp}

Exit status:
  0   everything is done           11  the repository is locked
  1   failed, or not complete      12  wrong password
  2   wrong command line           130 stopped by Ctrl-C
  10  there is no repository
These are restic's, but for 2 (restic gives 1 for a wrong command line).`,
    )
    .action((reference: string, options: RestoreCommandOptions) =>
      perform(options, async (work) =>
        (await import('../stand-alone/restore.ts')).runRestore(reference, options, work),
      ),
    );
}
