import { type HoldfastError, isHoldfastError } from '@holdfast/core';
import type { ObjectId } from '../format/object-id.ts';
import type { FoundSnapshot, Repository, WaitOptions } from '../repository.ts';
import { replaceSnapshot } from './replace-snapshot.ts';

/** `set` replaces all tags, also by none; otherwise `add` comes before `remove`, as in restic. */
export type TagChange =
  | { readonly set: readonly string[] }
  | { readonly add: readonly string[]; readonly remove: readonly string[] };

export interface ReplacedSnapshot {
  readonly oldId: ObjectId;
  readonly newId: ObjectId;
}

/** The tags after a change; undefined when it changes nothing. Their order is restic's: the removed one's place is the last's. */
export function changedTags(tags: readonly string[], change: TagChange): readonly string[] | undefined {
  const next = 'set' in change ? [...new Set(change.set)] : [...tags];
  if ('add' in change) {
    for (const tag of change.add) if (!next.includes(tag)) next.push(tag);
    for (const tag of change.remove) {
      const at = next.indexOf(tag);
      const last = at < 0 ? undefined : next.pop();
      if (last !== undefined && at < next.length) next[at] = last;
    }
  }
  return next.length === tags.length && next.every((tag, at) => tag === tags[at]) ? undefined : next;
}

/**
 * Changes the tags of snapshots. A snapshot's id is its content, so each gets a new one, durable before the old one goes;
 * `original` keeps the first id through all changes. Hold the exclusive lock, and list the snapshots under it.
 * A snapshot that can't be replaced is reported and left as it was; the others go on.
 */
export async function tagSnapshots(
  repository: Repository,
  snapshots: readonly FoundSnapshot[],
  options: {
    readonly change: TagChange;
    readonly onReplaced?: (replaced: ReplacedSnapshot) => void;
    readonly onProblem: (problem: HoldfastError, id: ObjectId) => void;
  } & WaitOptions,
): Promise<{ readonly changed: number }> {
  let changed = 0;
  for (const { id, snapshot } of snapshots) {
    options.signal?.throwIfAborted();
    const tags = changedTags(snapshot.tags ?? [], options.change);
    if (tags === undefined) continue;
    try {
      const next = { ...snapshot, tags, original: snapshot.original ?? id };
      const newId = await replaceSnapshot(repository, { oldId: id, next }, options);
      changed += 1;
      options.onReplaced?.({ oldId: id, newId });
    } catch (error) {
      // What concerns this snapshot alone; storage that does not answer, or cancellation, ends the work.
      if (!isHoldfastError(error) || error.code !== 'storage.immutable') throw error;
      options.onProblem(error, id);
    }
  }
  return { changed };
}
