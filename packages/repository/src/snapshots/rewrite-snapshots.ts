import { HoldfastError, isHoldfastError } from '@holdfast/core';
import { isDamage } from '../damage.ts';
import type { ObjectId } from '../format/object-id.ts';
import { parseTime } from '../format/rfc3339.ts';
import type { Snapshot, SnapshotSummary } from '../format/snapshot.ts';
import { limits } from '../limits.ts';
import { BlobWriter } from '../packs/blob-writer.ts';
import type { FoundSnapshot, OnProblem, Repository, WaitOptions } from '../repository.ts';
import { refuseRetained } from './replace-snapshot.ts';
import { type NodeFilter, type RewrittenTree, TreeRewriter } from './rewrite-tree.ts';

export interface RewriteOptions extends WaitOptions {
  readonly snapshots: readonly FoundSnapshot[];
  /** What stays of the trees; without it they stay as they are. A snapshot is left alone whose root is 'way', if nothing stays. */
  readonly filter?: NodeFilter | undefined;
  /** Counts files and bytes again and writes them to the summary; with a filter that is done in any case. */
  readonly withSummary?: boolean | undefined;
  readonly newHost?: string | undefined;
  /** RFC 3339. */
  readonly newTime?: string | undefined;
  /** The old snapshots are to go, so the new ones get no tag `rewrite`. They are removed by `removeRewritten`. */
  readonly replace: boolean;
  /** Nothing is written. */
  readonly dryRun?: boolean | undefined;
  readonly onRewritten?: ((rewritten: RewrittenSnapshot) => void) | undefined;
  readonly onStart?: ((snapshot: FoundSnapshot) => void) | undefined;
  /** Told of snapshots that stay as they are because the storage does not delete them yet. */
  readonly onProblem: OnProblem;
}

export interface RewrittenSnapshot {
  readonly oldId: ObjectId;
  /** Undefined in a dry run. */
  readonly newId: ObjectId | undefined;
}

/**
 * Writes changed snapshots beside the old ones: trees first, then the snapshot, each durable before the next. Hold a shared
 * lock; the index must be loaded. Where a run was stopped before it removed what it replaced, its new snapshots are found
 * again by `original` and not written twice.
 * @throws repository.damaged for a tree that can't be rewritten without loss; snapshots before it are done.
 */
export async function rewriteSnapshots(repository: Repository, options: RewriteOptions): Promise<RewrittenSnapshot[]> {
  const { signal, dryRun, filter } = options;
  if (!dryRun) repository.requireWritable();
  await using writer = new BlobWriter({ repository, index: repository.index, signal });
  const rewriter =
    filter === undefined && !options.withSummary
      ? undefined
      : new TreeRewriter({
          repository,
          filter: filter ?? (() => true),
          store: async (id, plain) => {
            if (!dryRun) await writer.add('tree', id, plain);
          },
        });
  const earlier = options.replace ? await snapshotsByOriginal(repository, options) : undefined;
  const rewritten: RewrittenSnapshot[] = [];
  let waiting: { readonly oldId: ObjectId; readonly next: Snapshot }[] = [];
  /** Several snapshots share packs and index files: one pair of each for every snapshot would be many small ones. */
  const save = async (): Promise<void> => {
    if (!dryRun && waiting.length > 0) await writer.settle();
    for (const { oldId, next } of waiting) {
      const known = earlier?.get(oldId)?.find(({ snapshot }) => isSame(snapshot, next));
      const newId = dryRun ? undefined : (known?.id ?? (await repository.saveSnapshot(next, { signal })));
      rewritten.push({ oldId, newId });
      options.onRewritten?.({ oldId, newId });
    }
    waiting = [];
  };
  try {
    for (const found of options.snapshots) {
      signal?.throwIfAborted();
      options.onStart?.(found);
      const tree = await rewriter?.rewrite(found.snapshot.tree, signal);
      // Nothing was chosen of it.
      if (tree?.empty && filter?.([]) === 'way') continue;
      const next = changedSnapshot(found, tree, options);
      if (next === undefined || !(await isReplaceable(found))) continue;
      waiting.push({ oldId: found.id, next });
      if (waiting.length === limits.rewriteBatch) await save();
    }
  } catch (error) {
    // A snapshot that can't be rewritten says nothing about those before it.
    if (isDamage(error)) await save();
    throw error;
  }
  await save();
  return rewritten;

  async function isReplaceable({ id }: FoundSnapshot): Promise<boolean> {
    try {
      if (options.replace) await refuseRetained(repository, id, { signal });
      return true;
    } catch (error) {
      if (!isHoldfastError(error) || error.code !== 'storage.immutable') throw error;
      options.onProblem(error, id);
      return false;
    }
  }
}

/** Removes what `rewriteSnapshots` replaced. Hold the exclusive lock. A snapshot that is gone already is fine. */
export async function removeRewritten(
  repository: Repository,
  rewritten: readonly RewrittenSnapshot[],
  options: WaitOptions,
): Promise<void> {
  const present = new Set((await repository.list('snapshot', options)).map(({ id }) => id));
  for (const { oldId, newId } of rewritten) {
    // Somebody forgot the new one since its shared lock ended: then the old one must not go as well.
    if (newId === undefined || !present.has(newId))
      throw new HoldfastError('snapshot.missing', {
        message: `The rewritten snapshot ${newId ?? ''} was removed meanwhile, so the old one ${oldId} stays.`,
      });
    await repository.delete('snapshot', oldId, { signal: options.signal });
  }
}

/** The snapshot to save; undefined when nothing of it changes. */
function changedSnapshot(
  { id, snapshot }: FoundSnapshot,
  tree: RewrittenTree | undefined,
  options: RewriteOptions,
): Snapshot | undefined {
  const summary = tree === undefined ? snapshot.summary : countedSummary(snapshot.summary, tree);
  const treeId = tree?.id ?? snapshot.tree;
  const time = options.newTime ?? snapshot.time;
  const hostname = options.newHost ?? snapshot.hostname;
  const same =
    treeId === snapshot.tree && hostname === snapshot.hostname && parseTime(time) === parseTime(snapshot.time);
  if (same && summary === snapshot.summary) return undefined;
  const tags = snapshot.tags ?? [];
  return {
    ...snapshot,
    tree: treeId,
    time,
    hostname,
    tags: options.replace || tags.includes('rewrite') ? tags : [...tags, 'rewrite'],
    // Not the first one of a chain, as with tags: the content is another.
    original: id,
    summary,
  };
}

/** Go's zero time, which restic writes where it knows nothing. */
const zeroTime = '0001-01-01T00:00:00Z';
const emptySummary: SnapshotSummary = {
  backupStart: zeroTime,
  backupEnd: zeroTime,
  filesNew: 0,
  filesChanged: 0,
  filesUnmodified: 0,
  dirsNew: 0,
  dirsChanged: 0,
  dirsUnmodified: 0,
  dataBlobs: 0,
  treeBlobs: 0,
  dataAdded: 0,
  dataAddedPacked: 0,
  totalFilesProcessed: 0,
  totalBytesProcessed: 0,
};

/** The same object when the counts are right already. */
function countedSummary(summary: SnapshotSummary | undefined, { files, bytes }: RewrittenTree): SnapshotSummary {
  const totalBytesProcessed = Number(bytes);
  if (summary?.totalFilesProcessed === files && summary.totalBytesProcessed === totalBytesProcessed) return summary;
  return { ...(summary ?? emptySummary), totalFilesProcessed: files, totalBytesProcessed };
}

async function snapshotsByOriginal(
  repository: Repository,
  { signal }: WaitOptions,
): Promise<Map<ObjectId, FoundSnapshot[]>> {
  const found = new Map<ObjectId, FoundSnapshot[]>();
  // An unreadable one is the result of nothing that could be used again.
  for await (const one of repository.snapshots({ signal, onProblem: () => {} }))
    if (one.snapshot.original !== undefined)
      found.set(one.snapshot.original, [...(found.get(one.snapshot.original) ?? []), one]);
  return found;
}

/** What an earlier attempt with the same options would have written. */
function isSame(a: Snapshot, b: Snapshot): boolean {
  return (
    parseTime(a.time) === parseTime(b.time) &&
    a.tree === b.tree &&
    (a.hostname ?? '') === (b.hostname ?? '') &&
    JSON.stringify(a.tags ?? []) === JSON.stringify(b.tags ?? []) &&
    JSON.stringify(a.paths) === JSON.stringify(b.paths)
  );
}
