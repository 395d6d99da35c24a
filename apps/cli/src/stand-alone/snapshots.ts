import { type ExitStatus, exitStatus, formatBytes, formatCount } from '@holdfast/core';
import type { FoundSnapshot } from '@holdfast/repository';
import type { SnapshotsOptions } from '../commands/snapshots.ts';
import { showCatalogue } from '../managed/catalogue-snapshots.ts';
import { counted, print, printJson, shownTime } from '../output.ts';
import { table } from '../terminal.ts';
import type { Work } from '../work.ts';
import { givenRepository, openGivenRepository } from './open-repository.ts';
import { byTime, matches } from './snapshot-selection.ts';

export async function showSnapshots(options: SnapshotsOptions, work: Work): Promise<ExitStatus> {
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
