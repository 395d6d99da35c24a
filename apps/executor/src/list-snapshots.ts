import { hasCode } from '@holdfast/core';
import { limits, type SnapshotFacts, type Task, type TaskOutcome } from '@holdfast/protocol/executor';
import type { FoundSnapshot } from '@holdfast/repository';
import type { Work } from './execute.ts';
import { maxListedSources } from './limits.ts';

/** A page of the snapshots that there are. One that cannot be read is told as a problem, and left out. */
export async function listSnapshots(
  { after = '', limit }: Extract<Task, { kind: 'snapshots' }>,
  { repository, signal, onProblem }: Work,
): Promise<TaskOutcome> {
  const infos = await repository.list('snapshot', { signal });
  const ids = infos
    .map(({ id }) => id)
    .filter((id) => id > after)
    .sort();
  const snapshots: SnapshotFacts[] = [];
  let bytes = 0;
  for (const [at, id] of ids.entries()) {
    if (at >= limit || bytes > limits.maxPageBytes) return { kind: 'snapshots', snapshots, next: ids[at - 1] };
    try {
      const facts = factsOf(await repository.loadSnapshot(id, { signal }));
      snapshots.push(facts);
      bytes += Buffer.byteLength(JSON.stringify(facts));
    } catch (error) {
      // Forgotten since it was listed, or damaged.
      if (hasCode(error, 'snapshot.missing', 'storage.missing')) continue;
      if (!hasCode(error, 'repository.damaged', 'storage.tampered')) throw error;
      onProblem(error);
    }
  }
  return { kind: 'snapshots', snapshots };
}

function factsOf({ id, snapshot }: FoundSnapshot): SnapshotFacts {
  const { summary } = snapshot;
  return {
    id,
    takenAt: new Date(snapshot.time).toISOString(),
    hostname: snapshot.hostname ?? '',
    sources: snapshot.paths.slice(0, maxListedSources),
    tags: [...(snapshot.tags ?? [])],
    ...(summary && {
      totalFiles: summary.totalFilesProcessed,
      totalBytes: summary.totalBytesProcessed,
      storedBytes: summary.dataAddedPacked,
    }),
  };
}
