import { type ExitStatus, exitStatus, formatBytes, formatCount, HoldfastError, oneLine } from '@holdfast/core';
import type { FoundSnapshot } from '@holdfast/repository';
import type { SnapshotsOptions } from '../commands/snapshots.ts';
import { showCatalogue } from '../managed/catalogue-snapshots.ts';
import { counted, print, printJson, shownTime } from '../output.ts';
import { table } from '../terminal.ts';
import type { Work } from '../work.ts';
import { chosenSnapshots } from './chosen-snapshots.ts';
import { givenRepository, openGivenRepository } from './open-repository.ts';
import { groupSnapshots, newestSnapshots, type SnapshotGroupKey } from './snapshot-groups.ts';
import { snapshotJson } from './snapshot-json.ts';

export async function showSnapshots(
  references: readonly string[],
  options: SnapshotsOptions,
  work: Work,
): Promise<ExitStatus> {
  if ((await givenRepository(options)) === undefined) {
    if (references.length > 0 || options.groupBy !== undefined)
      throw new HoldfastError('usage.option', { message: 'Ids and --group-by are for repositories; give --repo.' });
    return showCatalogue(options, work);
  }
  const { view, signal, resources } = work;
  // Without a lock: only the files of snapshots are read, and each of them whole.
  const repository = await openGivenRepository(options, { resources, signal });
  let unreadable = 0;
  const onProblem = (problem: Parameters<typeof view.problem>[0]): void => {
    unreadable += 1;
    view.problem(problem);
  };
  const chosen = await chosenSnapshots(repository, { references, filter: options, signal, onProblem });
  const by = options.groupBy ?? [];
  const { latest } = options;
  const groups = groupSnapshots(chosen, by).map(({ key, snapshots }) => ({
    key,
    snapshots:
      latest === undefined
        ? snapshots
        : newestSnapshots(snapshots, { count: latest, of: by.length > 0 ? 'all' : 'host and paths' }),
  }));
  if (options.json)
    await printJson(
      by.length > 0
        ? groups.map(({ key, snapshots }) => ({ group_key: key, snapshots: snapshots.map(snapshotJson) }))
        : groups.flatMap(({ snapshots }) => snapshots.map(snapshotJson)),
    );
  else if (groups.length === 0) await print('No snapshots.\n');
  else
    for (const { key, snapshots } of groups)
      await print(`${groupHeading(key)}${snapshotTable(snapshots, options.compact === true)}`);
  return unreadable === 0 ? exitStatus.success : exitStatus.incomplete;
}

function groupHeading({ hostname, tags, paths }: SnapshotGroupKey): string {
  const parts = [
    ...(hostname === '' ? [] : [`host [${hostname}]`]),
    ...(tags === null ? [] : [`tags [${tags.join(', ')}]`]),
    ...(paths === null ? [] : [`paths [${paths.join(', ')}]`]),
  ];
  return parts.length === 0 ? '' : `snapshots for (${oneLine(parts.join(', '))}):\n`;
}

function snapshotTable(snapshots: readonly FoundSnapshot[], compact: boolean): string {
  const rows = snapshots.map(({ id, snapshot }) => [
    id.slice(0, 8),
    shownTime(snapshot.time),
    snapshot.hostname ?? '',
    (snapshot.tags ?? []).join(','),
    ...(compact ? [] : [snapshot.summary ? formatCount(snapshot.summary.totalFilesProcessed) : '']),
    snapshot.summary ? formatBytes(snapshot.summary.totalBytesProcessed) : '',
    ...(compact ? [] : [snapshot.paths.join(' ')]),
  ]);
  const heading = ['Id', 'Time', 'Host', 'Tags', ...(compact ? ['Size'] : ['Files', 'Size', 'Paths'])];
  return `${table([heading, ...rows], { right: compact ? [4] : [4, 5] })}${counted(snapshots.length, 'snapshot')}\n`;
}
