import type { ProviderName } from '@holdfast/engine/snapshot-providers';
import { type Command, Option } from 'commander';
import { defaultDataDirectory } from '../data-directory.ts';
import { byteSize, collect, duration, wholeNumber } from '../option-values.ts';
import type { FilesFromOptions } from '../stand-alone/files-from.ts';
import { moment } from '../stand-alone/moment.ts';
import {
  addOutputOptions,
  addProgressOption,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { type GroupField, groupFields } from '../stand-alone/snapshot-groups.ts';
import { perform } from '../work.ts';

export interface BackupCommandOptions extends RepositoryOptions, FilesFromOptions {
  readonly exclude?: string[];
  readonly excludeFile?: string[];
  readonly iexclude?: string[];
  readonly iexcludeFile?: string[];
  readonly excludeCaches?: boolean;
  readonly excludeIfPresent?: string[];
  /** Bytes. */
  readonly excludeLargerThan?: number;
  readonly oneFileSystem?: boolean;
  readonly tag?: string[];
  readonly host?: string;
  readonly parent?: string;
  readonly force?: boolean;
  readonly groupBy: readonly GroupField[];
  readonly ignoreInode?: boolean;
  readonly ignoreCtime?: boolean;
  readonly skipIfUnchanged?: boolean;
  readonly withAtime?: boolean;
  readonly dryRun?: boolean;
  /** Nanoseconds since 1970. */
  readonly time?: bigint;
  /** MiB. */
  readonly packSize?: number;
  readonly scan: boolean;
  readonly snapshotProvider: 'auto' | 'none' | ProviderName;
  readonly useFsSnapshot?: boolean;
  readonly stdin?: boolean;
  readonly stdinFilename: string;
  readonly stdinFromCommand?: boolean;
  readonly preScript?: string;
  readonly postScript?: string;
  /** Milliseconds. */
  readonly scriptTimeout: number;
  readonly notify?: string;
  readonly notifyData?: string;
}

/** Without loading the engine for its help. */
const volumeProviders = ['btrfs', 'zfs', 'lvm', 'fsfreeze', 'apfs', 'vss'] as const satisfies readonly ProviderName[];

/** `holdfast backup`: without a server, straight into a repository. */
export function registerBackup(program: Command): void {
  const command = program
    .command('backup')
    .description('back up files and folders into a repository, without a server')
    .argument('[paths...]', 'files and folders; with --stdin-from-command the command and its arguments, after --')
    .option(
      '-e, --exclude <pattern>',
      'leave out what matches: *.tmp, cache, /home/*/Downloads, !keep.tmp; may be repeated',
      collect,
    )
    .option('--exclude-file <file>', 'file of such patterns, one a line, # begins a comment; may be repeated', collect)
    .option('--iexclude <pattern>', 'as --exclude, small and capital letters being the same', collect)
    .option('--iexclude-file <file>', 'as --exclude-file, small and capital letters being the same', collect)
    .option('--exclude-caches', 'of folders that CACHEDIR.TAG marks as caches, only that file')
    .option(
      '--exclude-if-present <name[:header]>',
      'of folders with such a file, only that file; with a header, if it begins so; may be repeated',
      collect,
    )
    .option('--exclude-larger-than <size>', 'no files larger than this, such as 500m or 2G', byteSize)
    .option('--files-from <file>', 'more paths, one a line: patterns, # begins a comment; may be repeated', collect)
    .option('--files-from-verbatim <file>', 'more paths, one a line, exactly as they are; may be repeated', collect)
    .option(
      '--files-from-raw <file>',
      'more paths, each ended by a NUL byte: for names that are not UTF-8; - reads standard input; may be repeated',
      collect,
    )
    .option('--stdin', 'one file with what comes on standard input')
    .option('--stdin-from-command', 'one file with what a command prints; no snapshot if it fails')
    .option('--stdin-filename <name>', 'name of that file in the snapshot', 'stdin')
    .option('-x, --one-file-system', 'stay on the file system of each path')
    .option('--tag <tag[,tag…]>', 'mark the snapshot; may be repeated', collect)
    .option('-H, --host <name>', "the computer's name in the snapshot")
    .option(
      '--parent <snapshot>',
      'files unchanged since this snapshot are not read again; else the newest of the same computer and paths',
    )
    .option('-f, --force', 'read every file again, also unchanged ones')
    .addOption(
      new Option('-g, --group-by <group>', "what that newest one has in common: host, paths, tags; '' for nothing")
        .argParser(groupFields)
        .default(groupFields('host,paths'), 'host,paths'),
    )
    .option('--ignore-inode', 'files count as unchanged also with another inode number and change time')
    .option('--ignore-ctime', 'files count as unchanged also with another change time')
    .option('--skip-if-unchanged', 'no snapshot if it would be exactly what its parent is')
    .option('--time <time>', 'the time of the backup, such as "2026-01-31 18:00:00", instead of now', moment)
    .option(
      '--pack-size <MiB>',
      'size of the files that are stored (env …_PACK_SIZE; default: 16)',
      wholeNumber(4, 128),
    )
    .option(
      '-n, --dry-run',
      'store nothing, only tell what would be; without a lock, scripts and snapshots of file systems',
    )
    .option('--with-atime', 'store when each file and folder was read last, which makes most folders new each time')
    .option(
      '--read-concurrency <n>',
      'accepted as restic’s; as many files are read at once as there are threads',
      wholeNumber(1, 1_000_000),
    )
    .option('--no-scan', 'count no files ahead: the progress can not say how much is left')
    .addOption(
      new Option('--snapshot-provider <name>', 'read from a consistent snapshot of the file systems; see below')
        .choices(['auto', 'none', ...volumeProviders])
        .default('none'),
    )
    .option('--use-fs-snapshot', 'the same as --snapshot-provider auto')
    .option('--pre-script <file>', 'executable to run before the backup; if it fails, there is no backup')
    .option('--post-script <file>', 'executable to run after the backup, however that ended')
    .option('--script-timeout <duration>', 'how long each of them may take, such as 90s or 1h30m', duration, 600_000)
    .option('--notify <file>', 'tell how it ended as this file says: mail, webhooks, syslog (env HOLDFAST_NOTIFY)')
    .option('--notify-data <directory>', `queue and history of that (default: ${defaultDataDirectory()}/notify)`);
  addRepositoryOptions(command, { orServer: false });
  addProgressOption(addOutputOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast backup --repo /mnt/disk/repo -p password.txt /home /etc
  $ holdfast backup -r rest:https://mover.example:6162/local/laptops/ --cacert ca.pem -p password.txt ~
  $ holdfast backup -r /mnt/disk/repo -p password.txt -x -e '*.tmp' -e cache --tag daily / --json
  $ holdfast backup -r repo -p password.txt --stdin-filename shop.sql --stdin-from-command -- pg_dump shop
  $ find /data -newer stamp -print0 | holdfast backup -r repo -p password.txt --files-from-raw -
${environmentHelp.replace('Without --repo the command talks to the backup server. ', 'Backups that the server manages are jobs: `holdfast job --help`. ')}

With --skip-if-unchanged and nothing changed, the snapshot that is told of is the parent. --files-from takes patterns as a shell does,
hidden files included; what a pattern does not fit is said and skipped.

With --stdin a program that fails half-way looks like one that is done: better have --stdin-from-command start it, which makes
a snapshot only if it ends with 0. It is started without a shell, without the repository's password in its environment and
without standard input; what it writes to standard error is passed on. Such a file has no parent, and the backup's time;
patterns, sizes and --skip-if-unchanged mean nothing for it. Without a single byte there is no snapshot (restic saves an empty one, and ends with 3).

--snapshot-provider makes a snapshot of every file system that is backed up, reads from it, and removes it, also what a crash
left earlier; the paths in the backup stay the files' own. auto takes btrfs, ZFS, LVM, APFS or VSS where they fit and says
what is read as it is; a name is an error where it does not fit. fsfreeze holds a file system still instead, at most ten
minutes: whoever writes to it waits meanwhile, so never the root's or the repository's. Needs root and the tools of the file
system. apfs (macOS) takes Time Machine's snapshots, of the volumes that Time Machine backs up; the terminal needs full disk
access. vss (Windows) asks no application to write out what it has in memory: a database is copied as after a power failure.
Neither apfs nor vss was ever run on such a computer, and backups themselves are not made on Windows yet.

Scripts are started by their path, without a shell and without passwords in their environment; what they print goes to
standard error. The one after the backup finds HOLDFAST_BACKUP_STATUS (complete, incomplete or failed) and
HOLDFAST_SNAPSHOT_ID there; when it fails, the status is 3. It runs only if the one before the backup succeeded.

With --notify whoever the file names is told of the run (docs/notifications.md; \`holdfast notify test\` tries it). What can not be
sent within a minute waits for the next backup or \`holdfast notify send\`; it never makes a backup fail.

JSON: {kind: "backup", dryRun, skipped, snapshotId? (not with --dry-run), parentId?, files: {new, changed, unmodified}, directories: {…}, totalFiles, totalBytes,
readBytes, newBytes, storedBytes, durationMs, complete, problemCount, problems: [{code, message, guidance, retry, context}]},
and in the same object restic's {message_type: "summary", files_new, …, data_added, data_added_packed, total_duration, snapshot_id?, dry_run?}
${exitStatusHelp}`,
    )
    .action((paths: string[], options: BackupCommandOptions) =>
      perform(options, async (work) => (await import('../stand-alone/backup.ts')).runBackup(paths, options, work)),
    );
}
