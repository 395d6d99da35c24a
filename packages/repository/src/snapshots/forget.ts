import { type HoldfastError, toHoldfastError } from '@holdfast/core';
import { isDamage } from '../damage.ts';
import { deleteEach } from '../delete-each.ts';
import type { ObjectId } from '../format/object-id.ts';
import type { FoundSnapshot, Repository } from '../repository.ts';

export interface ForgetOptions {
  /**
   * Says which of the snapshots are to go. It is asked about what is there when the repository is locked; what it throws
   * leaves everything as it is.
   */
  readonly choose: (snapshots: readonly FoundSnapshot[]) => Iterable<ObjectId>;
  /** Only asks `choose`. No lock is taken. */
  readonly dryRun?: boolean | undefined;
  /** Told of snapshots that cannot be read, which stay, and of locks. */
  readonly onProblem: (problem: HoldfastError) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface ForgetResult {
  /** Gone, or with a dry run what would go. */
  readonly removed: readonly ObjectId[];
  /** What could not be deleted, and why: under retention, for instance. */
  readonly failed: ReadonlyMap<ObjectId, HoldfastError>;
}

/**
 * Deletes snapshots. What they refer to stays until a prune. The repository is locked exclusively only for the short time
 * in which they are listed again and deleted: their contents, which never change, are read before.
 * @throws repository.locked, what `choose` throws, run.cancelled, storage errors
 */
export async function forgetSnapshots(repository: Repository, options: ForgetOptions): Promise<ForgetResult> {
  const { signal, onProblem } = options;
  if (!options.dryRun) repository.requireWritable();
  const known = new Map<string, FoundSnapshot | undefined>();
  const reading = {
    signal,
    onProblem: (problem: HoldfastError, id: ObjectId): void => {
      known.set(id, undefined);
      onProblem(problem);
    },
  };
  for await (const found of repository.snapshots(reading)) known.set(found.id, found);
  const readable = (ids: Iterable<string>): FoundSnapshot[] =>
    [...ids].map((id) => known.get(id)).filter((found) => found !== undefined);
  if (options.dryRun) return { removed: [...options.choose(readable(known.keys()))], failed: new Map() };

  await using lock = await repository.lock({ exclusive: true, signal, onProblem });
  const working = signal ? AbortSignal.any([signal, lock.signal]) : lock.signal;
  const present = (await repository.list('snapshot', { signal: working })).map(({ id }) => id);
  for (const id of present) {
    if (known.has(id)) continue;
    // Written since the first look.
    try {
      known.set(id, await repository.loadSnapshot(id, { signal: working }));
    } catch (error) {
      if (!isDamage(error)) throw error;
      onProblem(error);
    }
  }
  const failed = new Map<ObjectId, HoldfastError>();
  const removed: ObjectId[] = [];
  await deleteEach(repository, 'snapshot', options.choose(readable(present)), {
    signal: working,
    onDeleted: (id) => removed.push(id),
    onFailed: (id, error) => failed.set(id, toHoldfastError(error)),
  });
  return { removed, failed };
}
