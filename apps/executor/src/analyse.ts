import { hasCode } from '@holdfast/core';
import { type ExtensionChange, extensionChanges } from '@holdfast/engine/diff';
import { limits, type Task, type TaskOutcome } from '@holdfast/protocol/executor';
import type { Work } from './execute.ts';

type Compared = Extract<TaskOutcome, { kind: 'analysis' }>['comparisons'][number];

/**
 * Compares snapshots with earlier ones, and counts what ransomware would do to their files. What is an alarm the server decides. A pair
 * of which one was forgotten meanwhile is left out.
 */
export async function analyse({ comparisons }: Extract<Task, { kind: 'analysis' }>, work: Work): Promise<TaskOutcome> {
  const { repository, onProgress, onProblem } = work;
  const startedMs = repository.clock.monotonicMs();
  return repository.underLock({ exclusive: false, ...work }, async (lock) => {
    const signal = AbortSignal.any([work.signal, lock.signal]);
    await repository.loadIndex({ signal, ifChanged: true });
    const treeOf = async (id: string) => (await repository.loadSnapshot(id, { signal })).snapshot.tree;
    const compared: Compared[] = [];
    for (const pair of comparisons) {
      onProgress({ phase: 'analysis', filesDone: compared.length, filesTotal: comparisons.length, bytesDone: 0 });
      let changes: ExtensionChange[];
      try {
        const [before, after] = [await treeOf(pair.before), await treeOf(pair.after)];
        changes = await extensionChanges(repository, {
          ...{ before, after, onProblem, signal },
          ...{ minGone: limits.minGoneFiles, minRenamed: limits.minRenamedFiles },
          ...{ maxExtensions: limits.maxToldExtensions, maxExtensionBytes: limits.maxExtensionBytes },
        });
      } catch (error) {
        if (!hasCode(error, 'snapshot.missing', 'internal.limit')) throw error;
        // Told, so that nobody keeps a backup from being compared unnoticed; the others are.
        if (error.code === 'internal.limit') onProblem(error);
        continue;
      }
      compared.push({ ...pair, changes });
    }
    return { kind: 'analysis', comparisons: compared, durationMs: repository.clock.monotonicMs() - startedMs };
  });
}
