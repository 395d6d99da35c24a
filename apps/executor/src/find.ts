import { FindPatterns, findEntries } from '@holdfast/engine/find';
import type { Task, TaskOutcome } from '@holdfast/protocol/executor';
import { EntryPage } from './entry-page.ts';
import type { Work } from './execute.ts';

/** A page of the entries of a snapshot that the patterns match. */
export async function find(task: Extract<Task, { kind: 'find' }>, work: Work): Promise<TaskOutcome> {
  const { repository, onProblem } = work;
  const patterns = new FindPatterns(task.patterns, { ignoreCase: task.ignoreCase });
  const page = new EntryPage(task);
  return repository.underLock({ exclusive: false, ...work }, async (lock) => {
    const signal = AbortSignal.any([work.signal, lock.signal]);
    const { snapshot } = await repository.loadSnapshot(task.snapshotId, { signal });
    await repository.loadIndex({ signal, ifChanged: true });
    for await (const entry of findEntries(repository, { tree: snapshot.tree, patterns, onProblem, signal }))
      if (!page.add(entry.path, entry.node)) return { kind: 'find', entries: page.entries, more: true };
    return { kind: 'find', entries: page.entries, more: false };
  });
}
