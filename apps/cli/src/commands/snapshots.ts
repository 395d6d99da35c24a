import { type ExitStatus, exitStatus, formatBytes, formatCount } from '@holdfast/core';
import type { FoundSnapshot } from '@holdfast/repository';
import type { Command } from 'commander';
import { showCatalogue } from '../managed/catalogue-snapshots.ts';
import { wholeNumber } from '../option-values.ts';
import { counted, print, printJson, shownTime } from '../output.ts';
import { givenRepository, openGivenRepository } from '../stand-alone/open-repository.ts';
import {
  addOutputOptions,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { addSnapshotFilter, byTime, matches, type SnapshotFilter } from '../stand-alone/snapshot-selection.ts';
import { table } from '../terminal.ts';
import { perform, type Work } from '../work.ts';

interface SnapshotsOptions extends RepositoryOptions, SnapshotFilter {
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
    .action((options: SnapshotsOptions) => perform(options, (work) => showSnapshots(options, work)));
}

async function showSnapshots(options: SnapshotsOptions, work: Work): Promise<ExitStatus> {
  if ((await givenRepository(options)) === undefined) return showCatalogue(options, work);
  const { signal, view, resources } = work;
  const repository = await openGivenRepository(options, { resources, signal });
  let unreadable = 0;
  const found: FoundSnapshot[] = [];
  const onProblem = (problem: Parameters<typeof view.problem>[0]): void => {
    unreadable += 1;
    view.problem(problem);
  };
  for await (const snapshot of repository.snapshots({ signal, onProblem }))
    if (matches(snapshot, options)) found.push(snapshot);
  const shown = found.sort(byTime).slice(options.latest === undefined ? 0 : -options.latest);
  if (options.json) await printJson({ kind: 'snapshots', snapshots: shown.map(snapshotJson) });
  else await print(snapshotTable(shown));
  return unreadable === 0 ? exitStatus.success : exitStatus.incomplete;
}

function snapshotJson({ id, snapshot }: FoundSnapshot) {
  return {
    id,
    time: snapshot.time,
    hostname: snapshot.hostname,
    username: snapshot.username,
    paths: snapshot.paths,
    tags: snapshot.tags ?? [],
    parentId: snapshot.parent,
    treeId: snapshot.tree,
    programVersion: snapshot.programVersion || undefined,
    totalFiles: snapshot.summary?.totalFilesProcessed,
    totalBytes: snapshot.summary?.totalBytesProcessed,
    storedBytes: snapshot.summary?.dataAddedPacked,
  };
}

function snapshotTable(snapshots: readonly FoundSnapshot[]): string {
  if (snapshots.length === 0) return 'No snapshots.\n';
  const rows = snapshots.map(({ id, snapshot }) => [
    id.slice(0, 8),
    shownTime(snapshot.time),
    snapshot.hostname ?? '',
    (snapshot.tags ?? []).join(','),
    snapshot.summary ? formatCount(snapshot.summary.totalFilesProcessed) : '',
    snapshot.summary ? formatBytes(snapshot.summary.totalBytesProcessed) : '',
    snapshot.paths.join(' '),
  ]);
  const heading = ['Id', 'Time', 'Host', 'Tags', 'Files', 'Size', 'Paths'];
  return `${table([heading, ...rows], { right: [4, 5] })}${counted(snapshots.length, 'snapshot')}\n`;
}
