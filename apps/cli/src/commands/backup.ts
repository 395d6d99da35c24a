import { readFile } from 'node:fs/promises';
import {
  type ExitStatus,
  errnoOf,
  exitStatus,
  formatBytes,
  formatCount,
  formatDuration,
  HoldfastError,
} from '@holdfast/core';
import { type BackupSummary, backup } from '@holdfast/engine';
import type { Command } from 'commander';
import { callersDirectory, resolvePath } from '../data-directory.ts';
import { collect, splitTags } from '../option-values.ts';
import { counted, print, printJson } from '../output.ts';
import { givenRepository, openGivenRepository, readGivenFile } from '../stand-alone/open-repository.ts';
import {
  addOutputOptions,
  addProgressOption,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { perform, type Work } from '../work.ts';

interface BackupCommandOptions extends RepositoryOptions {
  readonly exclude?: string[];
  readonly excludeFile?: string[];
  readonly filesFromRaw?: string;
  readonly oneFileSystem?: boolean;
  readonly tag?: string[];
  readonly host?: string;
  readonly parent?: string;
  readonly force?: boolean;
}

/** `holdfast backup`: without a server, straight into a repository. */
export function registerBackup(program: Command): void {
  const command = program
    .command('backup')
    .description('back up files and folders into a repository, without a server')
    .argument('[paths...]', 'files and folders')
    .option(
      '-e, --exclude <pattern>',
      'leave out what matches: *.tmp, cache, /home/*/Downloads, !keep.tmp; may be repeated',
      collect,
    )
    .option('--exclude-file <file>', 'file of such patterns, one a line, # begins a comment; may be repeated', collect)
    .option(
      '--files-from-raw <file>',
      'more paths, each ended by a NUL byte: for names that are not UTF-8; - reads standard input',
    )
    .option('-x, --one-file-system', 'stay on the file system of each path')
    .option('--tag <tag[,tag…]>', 'mark the snapshot; may be repeated', collect)
    .option('-H, --host <name>', "the computer's name in the snapshot")
    .option(
      '--parent <snapshot>',
      'files unchanged since this snapshot are not read again; else the newest of the same computer and paths',
    )
    .option('-f, --force', 'read every file again, also unchanged ones');
  addRepositoryOptions(command, { orServer: false });
  addProgressOption(addOutputOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast backup --repo /mnt/disk/repo -p password.txt /home /etc
  $ holdfast backup -r rest:https://mover.example:6162/local/laptops/ --cacert ca.pem -p password.txt ~
  $ holdfast backup -r /mnt/disk/repo -p password.txt -x -e '*.tmp' -e cache --tag daily / --json
  $ find /data -newer stamp -print0 | holdfast backup -r repo -p password.txt --files-from-raw -
${environmentHelp.replace('Without --repo the command talks to the backup server. ', 'Backups that the server manages are jobs: `holdfast job --help`. ')}

JSON: {kind: "backup", snapshotId, parentId?, files: {new, changed, unmodified}, directories: {…}, totalFiles, totalBytes,
readBytes, newBytes, storedBytes, durationMs, complete, problemCount, problems: [{code, message, guidance, retry, context}]}
${exitStatusHelp}`,
    )
    .action((paths: string[], options: BackupCommandOptions) =>
      perform(options, (work) => runBackup(paths, options, work)),
    );
}

async function runBackup(
  paths: readonly string[],
  options: BackupCommandOptions,
  { signal, view, resources }: Work,
): Promise<ExitStatus> {
  if ((await givenRepository(options)) === undefined) {
    throw new HoldfastError('usage.option', {
      message: 'No repository was given.',
      guidance:
        'Use --repo for a backup without a server; for one that the server manages, `holdfast job create` and `holdfast job run`.',
    });
  }
  if (options.force && options.parent !== undefined) {
    throw new HoldfastError('usage.option', {
      message: '--force reads everything again, so --parent would mean nothing.',
    });
  }
  const sources = [...paths.map(resolvePath), ...(await rawPaths(options.filesFromRaw))];
  if (sources.length === 0)
    throw new HoldfastError('usage.option', { message: 'No files or folders to back up were given.' });
  const excludes = [...(options.exclude ?? []), ...(await excludeFiles(options.excludeFile ?? []))];
  const repository = await openGivenRepository(options, { resources, signal });
  const summary = await backup(repository, {
    sources,
    excludes,
    oneFileSystem: options.oneFileSystem,
    parent: options.force ? undefined : (options.parent ?? 'auto'),
    hostname: options.host,
    tags: splitTags(options.tag),
    signal,
    onProgress: view.progress,
    onProblem: view.problem,
  });
  view.done();
  if (options.json) await printJson(summaryJson(summary));
  else if (!options.quiet) await print(summaryText(summary));
  return summary.complete ? exitStatus.success : exitStatus.incomplete;
}

async function rawPaths(file: string | undefined): Promise<Buffer[]> {
  if (file === undefined) return [];
  const content = await readRaw(file);
  const paths: Buffer[] = [];
  for (let start = 0; start < content.length; ) {
    const found = content.indexOf(0, start);
    const end = found < 0 ? content.length : found;
    const path = content.subarray(start, end);
    if (path.length > 0)
      paths.push(path[0] === 0x2f ? path : Buffer.concat([Buffer.from(`${callersDirectory}/`), path]));
    start = end + 1;
  }
  return paths;
}

async function readRaw(file: string): Promise<Buffer> {
  try {
    return await readFile(file === '-' ? '/dev/stdin' : resolvePath(file));
  } catch (error) {
    throw new HoldfastError('usage.option', {
      message: `The list of paths ${file} could not be read (${errnoOf(error) ?? String(error)}).`,
      cause: error,
    });
  }
}

async function excludeFiles(files: readonly string[]): Promise<string[]> {
  const contents = await Promise.all(files.map((file) => readGivenFile(file, 'file of patterns')));
  return contents
    .flatMap((content) => content.replace(/^\uFEFF/, '').split(/\r?\n/))
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** The form that `--json` documents; the same fields as a run of the server. */
function summaryJson(summary: BackupSummary) {
  return {
    kind: 'backup',
    snapshotId: summary.snapshotId,
    parentId: summary.parentId,
    files: { new: summary.filesNew, changed: summary.filesChanged, unmodified: summary.filesUnmodified },
    directories: { new: summary.foldersNew, changed: summary.foldersChanged, unmodified: summary.foldersUnmodified },
    totalFiles: summary.filesNew + summary.filesChanged + summary.filesUnmodified,
    totalBytes: summary.bytesProcessed,
    readBytes: summary.bytesRead,
    newBytes: summary.bytesNew,
    storedBytes: summary.bytesStored,
    durationMs: Math.round(summary.durationMs),
    complete: summary.complete,
    problemCount: summary.problemCount,
    problems: summary.problems.map((problem) => problem.toJSON()),
  };
}

function summaryText(summary: BackupSummary): string {
  const total = summary.filesNew + summary.filesChanged + summary.filesUnmodified;
  const changes = (fresh: number, changed: number, same: number): string =>
    `${formatCount(fresh)} new, ${formatCount(changed)} changed, ${formatCount(same)} unmodified`;
  const speed =
    summary.durationMs > 0 ? ` (${formatBytes((summary.bytesProcessed * 1000) / summary.durationMs)}/s)` : '';
  const lines = [
    `Snapshot ${summary.snapshotId.slice(0, 8)} is saved${summary.parentId === undefined ? '' : `, its parent is ${summary.parentId.slice(0, 8)}`}.`,
    `  Files     ${changes(summary.filesNew, summary.filesChanged, summary.filesUnmodified)}`,
    `  Folders   ${changes(summary.foldersNew, summary.foldersChanged, summary.foldersUnmodified)}`,
    `  In all    ${counted(total, 'file')}, ${formatBytes(summary.bytesProcessed)}`,
    `  Read      ${formatBytes(summary.bytesRead)}`,
    `  Added     ${formatBytes(summary.bytesNew)}, stored in ${formatBytes(summary.bytesStored)}`,
    `  Time      ${formatDuration(summary.durationMs)}${speed}`,
  ];
  if (summary.problemCount > 0) {
    lines.push(
      `  Problems  ${formatCount(summary.problemCount)}, see above${summary.complete ? '' : ': the snapshot is not complete'}`,
    );
  }
  return `${lines.join('\n')}\n`;
}
