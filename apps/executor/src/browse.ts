import { listTree } from '@holdfast/engine';
import type { Task, TaskOutcome } from '@holdfast/protocol';
import { EntryPage } from './entry-page.ts';
import type { Work } from './execute.ts';

/** A page of what a folder of a snapshot holds. */
export async function browse(task: Extract<Task, { kind: 'browse' }>, work: Work): Promise<TaskOutcome> {
  const { snapshotId, path } = task;
  const page = new EntryPage(task);
  return work.repository.underLock({ exclusive: false, ...work }, async (lock) => {
    const signal = AbortSignal.any([work.signal, lock.signal]);
    for await (const entry of listTree(work.repository, { snapshotId, path, signal }))
      if (!page.add(entry.path, entry.node)) return { kind: 'browse', entries: page.entries, more: true };
    return { kind: 'browse', entries: page.entries, more: false };
  });
}
