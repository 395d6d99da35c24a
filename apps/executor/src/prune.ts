import type { Task, TaskOutcome } from '@holdfast/protocol/executor';
import { prune } from '@holdfast/repository/prune';
import type { Work } from './execute.ts';

/** Frees what no snapshot needs, beside running backups. */
export async function pruneRepository(
  { maxUnusedPercent, dryRun = false }: Extract<Task, { kind: 'prune' }>,
  { repository, signal, onProgress, onProblem }: Work,
): Promise<TaskOutcome> {
  const startedMs = repository.clock.monotonicMs();
  const report = await prune(repository, {
    maxUnusedBytes: (usedBytes) =>
      maxUnusedPercent >= 100 ? Number.POSITIVE_INFINITY : (usedBytes * maxUnusedPercent) / (100 - maxUnusedPercent),
    maxRepackBytes: Number.POSITIVE_INFINITY,
    repackTreesOnly: false,
    repackUncompressed: false,
    dryRun,
    waitMs: repository.lockWait.retryMs,
    onProgress: ({ phase, done, total }) =>
      onProgress({ phase, filesDone: done, bytesDone: 0, ...(total === undefined ? {} : { filesTotal: total }) }),
    onProblem,
    signal,
  });
  const { repacked, removed, statistics } = report;
  const durationMs = repository.clock.monotonicMs() - startedMs;
  if (dryRun) {
    const { repack, repackRemove, remove, unlisted } = statistics.bytes;
    return {
      kind: 'prune',
      dryRun,
      deletedPacks: removed.length + repacked.length,
      deletedBytes: remove + repack + unlisted,
      newPacks: 0,
      repackedPacks: repacked.length,
      freedBytes: remove + repackRemove + unlisted,
      spared: 0,
      retained: report.retained,
      durationMs,
    };
  }
  return {
    kind: 'prune',
    deletedPacks: report.deleted.packs,
    deletedBytes: report.deleted.bytes,
    newPacks: report.newPacks,
    spared: report.spared,
    retained: report.retained,
    durationMs,
  };
}
