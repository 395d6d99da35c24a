import { HoldfastError } from '@holdfast/core';
import { type ObjectId, shortId } from '../format/object-id.ts';
import type { Snapshot } from '../format/snapshot.ts';
import type { Repository, WaitOptions } from '../repository.ts';

/**
 * Stores a snapshot in place of another: the new one is durable before the old one goes, so that a crash leaves both and
 * never neither. Hold the exclusive lock.
 * @throws storage.immutable, before anything is written, when the storage does not delete the old one yet
 */
export async function replaceSnapshot(
  repository: Repository,
  { oldId, next }: { readonly oldId: ObjectId; readonly next: Snapshot },
  options: WaitOptions,
): Promise<ObjectId> {
  await refuseRetained(repository, oldId, options);
  const newId = await repository.saveSnapshot(next, { signal: options.signal });
  await repository.delete('snapshot', oldId, { signal: options.signal });
  return newId;
}

/** @throws storage.immutable for a snapshot that the storage does not delete yet: better known before a second one is made. */
export async function refuseRetained(repository: Repository, id: ObjectId, options: WaitOptions): Promise<void> {
  const { retention } = repository.target;
  if (retention === undefined) return;
  const until = await retention.get({ type: 'snapshot', id }, { signal: options.signal });
  const now = await repository.target.serverTime({ signal: options.signal });
  if (until !== undefined && until > now)
    throw new HoldfastError('storage.immutable', {
      message: `Snapshot ${shortId(id)} may not be deleted before ${until.toISOString()}, so it is left as it is.`,
      context: { snapshot: id },
    });
}
