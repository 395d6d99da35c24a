import { HoldfastError } from '@holdfast/core';
import { type ObjectId, parseObjectId, shortId } from '../format/object-id.ts';
import type { Snapshot } from '../format/snapshot.ts';
import { BlobWriter } from '../packs/blob-writer.ts';
import type { FoundSnapshot, OnProblem, Repository } from '../repository.ts';
import { refuseRetained } from '../snapshots/replace-snapshot.ts';
import { type Loss, TreeRepairer } from './repair-tree.ts';

export interface RepairSnapshotsOptions {
  /** Removes the damaged snapshots, when the repaired ones are durable. */
  readonly forget?: boolean | undefined;
  /** Changes nothing and tells what would be done. */
  readonly dryRun?: boolean | undefined;
  /** Each snapshot when it is done, also those that are whole. */
  readonly onSnapshot?: ((outcome: SnapshotRepair) => Promise<void> | void) | undefined;
  readonly onProblem?: OnProblem | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * 'sound': nothing is missing. 'repaired': `newId` has all that is there. 'lost': its first folder can't be read, so nothing of
 * it can be. `removed`: the damaged one is gone (with `dryRun`: would go).
 */
export type SnapshotRepair = { readonly id: ObjectId; readonly snapshot: Snapshot } & (
  | { readonly outcome: 'sound' }
  | {
      readonly outcome: 'repaired';
      /** Undefined with `dryRun`; what an earlier repair stored is not stored again. */
      readonly newId: ObjectId | undefined;
      readonly losses: readonly Loss[];
      readonly lossCount: number;
      readonly removed: boolean;
    }
  | { readonly outcome: 'lost'; readonly problem: HoldfastError; readonly removed: boolean }
);

/** The tag of repaired snapshots, as restic sets it. */
const repairedTag = 'repaired';

/**
 * Makes damaged snapshots usable: blobs that the index does not know are taken out of files, folders that can't be read are
 * emptied, and each loss is told. The new snapshot has the tag `repaired` and the first id in `original`. New trees and
 * their index are durable before a snapshot needs them, and a new snapshot before an old one is removed. Hold the exclusive
 * lock.
 * @throws repository.damaged, before anything is changed, when the index itself has to be repaired first: what a damaged
 * index file names would count as lost
 */
export async function repairSnapshots(
  repository: Repository,
  snapshots: readonly FoundSnapshot[],
  options: RepairSnapshotsOptions = {},
): Promise<void> {
  const { signal, forget = false, dryRun = false, onSnapshot, onProblem } = options;
  if (!dryRun) repository.requireWritable();
  const index = await repository.loadIndex({ signal, onProblem: (problem) => refuse(problem.message, problem) });
  await requirePacks(repository, signal);
  await using writer = dryRun ? undefined : new BlobWriter({ repository, index, signal });
  const repairer = new TreeRepairer({ repository, index, writer, signal });
  let earlier: ReadonlyMap<string, ObjectId> | undefined;
  for (const { id, snapshot } of snapshots) {
    const tree = await repairer.repair(snapshot.tree);
    if (tree === 'sound') {
      await onSnapshot?.({ id, snapshot, outcome: 'sound' });
      continue;
    }
    if ('unreadable' in tree) {
      const removed = forget && (dryRun || (await remove(repository, id, { signal, onProblem })));
      await onSnapshot?.({ id, snapshot, outcome: 'lost', problem: tree.unreadable, removed });
      continue;
    }
    const original = snapshot.original ?? id;
    earlier ??= await repairedBefore(repository, options);
    let newId = earlier.get(`${original} ${tree.id}`);
    if (writer !== undefined && newId === undefined) {
      await writer.settle();
      const tags = [...new Set([...(snapshot.tags ?? []), repairedTag])];
      newId = await repository.saveSnapshot({ ...snapshot, tree: tree.id, tags, original }, { signal });
    }
    const removed = forget && (dryRun || (await remove(repository, id, { signal, onProblem })));
    const { losses, lossCount } = tree;
    await onSnapshot?.({ id, snapshot, outcome: 'repaired', newId, losses, lossCount, removed });
  }
}

/** What an earlier repair stored: without this each one would store the same snapshots again, as the damaged ones may stay. */
async function repairedBefore(
  repository: Repository,
  { signal, onProblem = () => {} }: RepairSnapshotsOptions,
): Promise<ReadonlyMap<string, ObjectId>> {
  const found = new Map<string, ObjectId>();
  for await (const { id, snapshot } of repository.snapshots({ signal, onProblem }))
    if (snapshot.tags?.includes(repairedTag)) found.set(`${snapshot.original} ${snapshot.tree}`, id);
  return found;
}

/** False when the storage does not let it go yet. */
async function remove(
  repository: Repository,
  id: ObjectId,
  { signal, onProblem }: Pick<RepairSnapshotsOptions, 'signal' | 'onProblem'>,
): Promise<boolean> {
  try {
    await refuseRetained(repository, id, { signal });
    await repository.delete('snapshot', id, { signal });
    return true;
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'storage.immutable') throw error;
    onProblem?.(error, id);
    return false;
  }
}

/** Every pack that the index names is there; else what is in it would be taken for whole. */
async function requirePacks(repository: Repository, signal: AbortSignal | undefined): Promise<void> {
  const present = new Set<ObjectId>();
  for (const { id } of await repository.list('data', { signal })) present.add(parseObjectId(id, 'The list of packs'));
  for (let pack = 0; pack < repository.index.packCount; pack += 1) {
    const id = repository.index.packId(pack);
    if (!present.has(id)) refuse(`The index names pack ${shortId(id)}, which is missing.`);
  }
}

function refuse(message: string, cause?: unknown): never {
  throw new HoldfastError('repository.damaged', {
    message,
    guidance: 'Nothing was changed. Run `holdfast repair index` first.',
    cause,
  });
}
