import { HoldfastError } from '@holdfast/core';
import type { FoundSnapshot, Repository } from '@holdfast/repository';
import type { SnapshotFilter } from './snapshot-filter.ts';
import { byTime, matches, selectSnapshot } from './snapshot-selection.ts';

/** The snapshots that a person named, each once, or else all that the filter leaves; oldest first. */
export async function chosenSnapshots(
  repository: Repository,
  o: {
    readonly references: readonly string[];
    readonly filter: SnapshotFilter;
    readonly signal: AbortSignal;
    /** Told of snapshots that cannot be read. */
    readonly onProblem: (problem: HoldfastError) => void;
  },
): Promise<FoundSnapshot[]> {
  const { references, filter, signal, onProblem } = o;
  const found = new Map<string, FoundSnapshot>();
  for (const reference of references) {
    if (reference.includes(':'))
      throw new HoldfastError('usage.option', { message: `A folder cannot be given here: ${reference}.` });
    const snapshot = await selectSnapshot(repository, { reference, filter, signal, onProblem });
    found.set(snapshot.id, snapshot);
  }
  if (references.length === 0)
    for await (const snapshot of repository.snapshots({ signal, onProblem }))
      if (matches(snapshot, filter)) found.set(snapshot.id, snapshot);
  return [...found.values()].sort(byTime);
}
