import type { ObjectType } from '@holdfast/storage';
import type { ObjectId } from './format/object-id.ts';
import { limits } from './limits.ts';
import type { Repository } from './repository.ts';

/**
 * Deletes objects of one type, a few at once. What can't be deleted is told and does not stop the others; an abort does.
 * The caller holds the exclusive lock, whose signal is part of `signal`: no deletion is under way any more when this ends, also
 * with an error.
 */
export async function deleteEach(
  repository: Repository,
  type: Exclude<ObjectType, 'config'>,
  ids: Iterable<ObjectId>,
  o: {
    readonly signal: AbortSignal;
    readonly onDeleted: (id: ObjectId) => void;
    readonly onFailed: (id: ObjectId, error: unknown) => void;
  },
): Promise<void> {
  const { signal, onDeleted, onFailed } = o;
  const waiting = ids[Symbol.iterator]();
  let failure: { readonly error: unknown } | undefined;
  const deleteAll = async (): Promise<void> => {
    for (let next = waiting.next(); !next.done && failure === undefined; next = waiting.next()) {
      signal.throwIfAborted();
      try {
        await repository.delete(type, next.value, { signal });
      } catch (error) {
        signal.throwIfAborted();
        onFailed(next.value, error);
        continue;
      }
      onDeleted(next.value);
    }
  };
  const parallel = Math.min(repository.target.capabilities.maxParallelRequests, limits.parallelDeletes);
  const worker = async (): Promise<void> => {
    try {
      await deleteAll();
    } catch (error) {
      failure ??= { error };
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  if (failure !== undefined) throw failure.error;
}
