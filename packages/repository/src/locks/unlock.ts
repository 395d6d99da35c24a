import { type HoldfastError, toHoldfastError } from '@holdfast/core';
import { deleteEach } from '../delete-each.ts';
import { isStale } from '../format/lock-file.ts';
import type { ObjectId } from '../format/object-id.ts';
import type { Repository } from '../repository.ts';
import { listLocks } from './repository-lock.ts';

/**
 * Deletes locks whose holders are gone (restic's rule: older than 30 minutes, or of a process of this computer that does not
 * exist any more); with `all` every lock, also those that nobody can read: whoever holds one may then lose its work.
 * Gives how many are gone.
 */
export async function removeLocks(
  repository: Repository,
  o: {
    readonly all: boolean;
    /** Told of locks that could not be read or deleted. */
    readonly onProblem: (problem: HoldfastError) => void;
    readonly signal: AbortSignal;
  },
): Promise<number> {
  const { target, cipher, clock } = repository;
  const doomed: ObjectId[] = [];
  for await (const found of listLocks({ target, cipher }, o.signal)) {
    if (o.all || ('lock' in found && isStale(found.lock, clock.now()))) doomed.push(found.id);
    else if ('problem' in found) o.onProblem(found.problem);
  }
  let removed = 0;
  await deleteEach(repository, 'lock', doomed, {
    signal: o.signal,
    onDeleted: () => {
      removed += 1;
    },
    onFailed: (_id, error) => o.onProblem(toHoldfastError(error)),
  });
  return removed;
}
