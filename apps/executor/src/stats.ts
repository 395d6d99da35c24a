import { measureSnapshots } from '@holdfast/engine/stats';
import type { Task, TaskOutcome } from '@holdfast/protocol/executor';
import type { FoundSnapshot } from '@holdfast/repository';
import type { Work } from './execute.ts';

/** Counts what snapshots hold. */
export async function measure(
  { mode, snapshotIds }: Extract<Task, { kind: 'stats' }>,
  work: Work,
): Promise<TaskOutcome> {
  const { repository, onProgress, onProblem } = work;
  return repository.underLock({ exclusive: false, ...work }, async (lock) => {
    const signal = AbortSignal.any([work.signal, lock.signal]);
    const chosen: FoundSnapshot[] = [];
    if (snapshotIds.length === 0)
      for await (const found of repository.snapshots({ onProblem, signal })) chosen.push(found);
    for (const id of snapshotIds) chosen.push(await repository.loadSnapshot(id, { signal }));
    await repository.loadIndex({ signal, ifChanged: true });
    const stats = await measureSnapshots(repository, {
      mode,
      trees: chosen.map(({ snapshot }) => snapshot.tree),
      signal,
      onProgress: ({ files, bytes }) => onProgress({ phase: 'stats', filesDone: files, bytesDone: bytes }),
    });
    return { kind: 'stats', ...stats };
  });
}
