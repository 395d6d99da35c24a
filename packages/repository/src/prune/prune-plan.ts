import { HoldfastError } from '@holdfast/core';
import type { Bitmap } from '../blob-index/bitmap.ts';
import type { ObjectId } from '../format/object-id.ts';
import { limits } from '../limits.ts';
import { type PruneIndex, packName } from './prune-index.ts';
import type { PruneLimits, PruneStatistics } from './prune-report.ts';

/** What becomes of a pack. 'gone': it is missing and nothing of it is needed, so that only its listing goes. */
export type PackAction = 'keep' | 'remove' | 'repack' | 'gone';

/** Sizes of the packs that are there, by their number in the index; 0 for one that is missing. */
export interface PackFiles {
  readonly sizes: Float64Array;
  /** Packs that no index file lists, with their sizes. */
  readonly unlisted: ReadonlyMap<ObjectId, number>;
}

/** Everything about packs that a plan is made of, by number: some ten words each. */
interface Facts {
  readonly usedBlobs: Uint32Array;
  readonly usedBytes: Float64Array;
  /** Blobs that nobody needs, or that are needed and kept at another copy. */
  readonly unusedBlobs: Uint32Array;
  readonly unusedBytes: Float64Array;
  readonly trees: Uint32Array;
  readonly plain: Uint32Array;
}

export interface PrunePlan {
  readonly actions: readonly PackAction[];
  readonly statistics: PruneStatistics;
}

/**
 * Decides for every pack, by restic's rules: what nothing needs goes; packs with waste are packed again, the worst first,
 * until no more waste than allowed remains; trees and mixed packs always, small ones when they are many. Lets every needed
 * blob be found at the copy that is to be kept.
 * @throws repository.damaged when something needed is missing
 */
export async function planPrune(
  index: PruneIndex,
  used: Bitmap,
  files: PackFiles,
  options: PruneLimits & {
    /** True when a pack must stay because of its date, whatever is in it. */
    readonly isRetained: (pack: ObjectId) => Promise<boolean>;
  },
): Promise<PrunePlan> {
  const { blobs } = index;
  const facts = countBlobs(index, used, files);
  const actions: PackAction[] = Array.from({ length: blobs.packCount }, () => 'keep');
  const statistics = emptyStatistics();
  const sizes = Array.from({ length: blobs.packCount }, (_, pack) => sizeOf(index, facts, pack));
  const smallBytes = smallPackBytes(sizes, options.repackSmallerThanBytes);
  const candidates: number[] = [];
  const small: number[] = [];
  for (const sizeBytes of files.unlisted.values()) {
    statistics.packs.unlisted += 1;
    statistics.bytes.unlisted += sizeBytes;
  }
  for (let pack = 0; pack < blobs.packCount; pack += 1) {
    const usedBlobs = facts.usedBlobs[pack] ?? 0;
    const unusedBlobs = facts.unusedBlobs[pack] ?? 0;
    const fileBytes = files.sizes[pack] ?? 0;
    if (fileBytes === 0) {
      if (usedBlobs > 0) throw damaged(`${packName(blobs, pack)} is needed and missing.`);
      if (unusedBlobs > 0) {
        actions[pack] = 'gone';
        statistics.packs.missing += 1;
      }
      continue;
    }
    if (usedBlobs > 0 && index.packSizeBytes(pack) !== fileBytes)
      throw damaged(`${packName(blobs, pack)} has ${fileBytes} bytes, which is not what index files say.`);
    const hasTrees = (facts.trees[pack] ?? 0) > 0;
    const isMixed = hasTrees && facts.trees[pack] !== usedBlobs + unusedBlobs;
    const mustCompress = options.repackUncompressed && (facts.plain[pack] ?? 0) > 0;
    if (usedBlobs === 0) statistics.packs.unused += 1;
    else if (unusedBlobs === 0) statistics.packs.used += 1;
    else statistics.packs.partlyUsed += 1;
    if (usedBlobs === 0) actions[pack] = 'remove';
    else if (options.repackTreesOnly && !hasTrees) continue;
    else if (unusedBlobs === 0 && !isMixed && !mustCompress) {
      if (fileBytes < smallBytes) small.push(pack);
    } else candidates.push(pack);
  }
  if (small.length >= limits.pruneSmallPacks) candidates.push(...small);
  const isFirst = (pack: number): boolean => (facts.trees[pack] ?? 0) > 0;
  const isSmall = (pack: number): boolean => (sizes[pack] ?? 0) < smallBytes;
  const waste = (pack: number): number => (facts.unusedBytes[pack] ?? 0) / (sizes[pack] || 1);
  candidates.sort(
    (a, b) =>
      Number(isFirst(b)) - Number(isFirst(a)) ||
      Number(isSmall(b)) - Number(isSmall(a)) ||
      waste(b) - waste(a) ||
      a - b,
  );
  for (const [pack, action] of actions.entries())
    if (action === 'remove' && (await options.isRetained(blobs.packId(pack)))) {
      actions[pack] = 'keep';
      statistics.packs.retained += 1;
      statistics.bytes.retained += sizes[pack] ?? 0;
    }
  const removable = (pack: number): boolean => actions[pack] === 'remove' || actions[pack] === 'gone';
  let wasteBytes = 0;
  let usedBytes = 0;
  for (let pack = 0; pack < actions.length; pack += 1) {
    if (!removable(pack)) wasteBytes += facts.unusedBytes[pack] ?? 0;
    usedBytes += facts.usedBytes[pack] ?? 0;
  }
  const allowedBytes = options.maxUnusedBytes(usedBytes);
  let repackBytes = 0;
  for (const pack of candidates) {
    const sizeBytes = sizes[pack] ?? 0;
    if (repackBytes + sizeBytes >= options.maxRepackBytes) continue;
    const isForced = isFirst(pack) || (options.repackUncompressed && (facts.plain[pack] ?? 0) > 0);
    if (!isForced && wasteBytes < allowedBytes && !isSmall(pack)) continue;
    if (await options.isRetained(blobs.packId(pack))) {
      statistics.packs.retained += 1;
      statistics.bytes.retained += sizeBytes;
      continue;
    }
    actions[pack] = 'repack';
    repackBytes += sizeBytes;
    wasteBytes -= facts.unusedBytes[pack] ?? 0;
  }
  preferKeptCopies(index, used, actions);
  summarise(statistics, { index, used, facts, actions, sizes });
  return { actions, statistics };
}

/** Counts each pack's blobs, after letting every needed blob be found at the copy with the least waste around it. */
function countBlobs(index: PruneIndex, used: Bitmap, files: PackFiles): Facts {
  const { blobs } = index;
  const packs = blobs.packCount;
  const facts: Facts = {
    usedBlobs: new Uint32Array(packs),
    usedBytes: new Float64Array(packs),
    unusedBlobs: new Uint32Array(packs),
    unusedBytes: new Float64Array(packs),
    trees: new Uint32Array(packs),
    plain: new Uint32Array(packs),
  };
  const add = (counts: Uint32Array | Float64Array, pack: number, value: number): void => {
    counts[pack] = (counts[pack] ?? 0) + value;
  };
  const note = (pack: number, entry: number, isCompressed: boolean): void => {
    if (blobs.isTree(entry)) add(facts.trees, pack, 1);
    if (!isCompressed) add(facts.plain, pack, 1);
  };
  /** Bytes of each pack that nobody needs, at whatever copy. */
  const needless = new Float64Array(packs);
  for (let entry = 0, end = blobs.blobCount; entry < end; entry += 1) {
    const pack = blobs.packNumberOf(entry);
    const { length, uncompressedLength } = blobs.placeOf(entry);
    const isUsed = used.has(entry);
    add(isUsed ? facts.usedBlobs : facts.unusedBlobs, pack, 1);
    add(isUsed ? facts.usedBytes : facts.unusedBytes, pack, length);
    if (!isUsed) add(needless, pack, length);
    note(pack, entry, uncompressedLength !== 0);
  }
  index.forEachCopy(({ entry, pack, length, uncompressedLength }) => {
    add(facts.unusedBlobs, pack, 1);
    add(facts.unusedBytes, pack, length);
    if (!used.has(entry)) add(needless, pack, length);
    note(pack, entry, uncompressedLength !== 0);
    return undefined;
  });
  // The same order for all blobs: of two packs with the same blobs one becomes useless as a whole.
  const cost = (pack: number): number =>
    files.sizes[pack] ? (needless[pack] ?? 0) / (index.packSizeBytes(pack) ?? 1) : Number.POSITIVE_INFINITY;
  index.forEachCopy(({ entry, pack, ...place }) => {
    if (!used.has(entry)) return undefined;
    const present = blobs.packNumberOf(entry);
    const [ours, theirs] = [cost(pack), cost(present)];
    if (ours > theirs || (ours === theirs && pack >= present)) return undefined;
    const before = { pack: present, ...blobs.placeOf(entry) };
    add(facts.usedBlobs, present, -1);
    add(facts.usedBytes, present, -before.length);
    add(facts.unusedBlobs, present, 1);
    add(facts.unusedBytes, present, before.length);
    add(facts.usedBlobs, pack, 1);
    add(facts.usedBytes, pack, place.length);
    add(facts.unusedBlobs, pack, -1);
    add(facts.unusedBytes, pack, -place.length);
    blobs.relocate(entry, pack, place);
    return before;
  });
  return facts;
}

/** A blob whose pack is to be packed again need not be, when a pack that stays has it too. */
function preferKeptCopies(index: PruneIndex, used: Bitmap, actions: readonly PackAction[]): void {
  const { blobs } = index;
  index.forEachCopy(({ entry, pack, ...place }) => {
    const present = blobs.packNumberOf(entry);
    if (!used.has(entry) || actions[present] !== 'repack' || actions[pack] !== 'keep') return undefined;
    const before = { pack: present, ...blobs.placeOf(entry) };
    blobs.relocate(entry, pack, place);
    return before;
  });
}

function sizeOf(index: PruneIndex, facts: Facts, pack: number): number {
  return index.packSizeBytes(pack) ?? (facts.usedBytes[pack] ?? 0) + (facts.unusedBytes[pack] ?? 0);
}

/** Below this a pack counts as small: four fifths of the third percentile, so that few are packed again, or what is asked for. */
function smallPackBytes(sizes: readonly number[], askedBytes: number | undefined): number {
  if (askedBytes !== undefined) return askedBytes;
  const sorted = Float64Array.from(sizes).sort();
  const percentile = sorted[Math.floor((sorted.length * 3) / 100)] ?? 0;
  return sorted.length === 0 ? 0 : (Math.max(limits.pruneSmallPackBytes, percentile) * 4) / 5;
}

function emptyStatistics(): PruneStatistics {
  return {
    blobs: { used: 0, duplicate: 0, unused: 0, remove: 0, repack: 0, repackRemove: 0 },
    bytes: {
      used: 0,
      duplicate: 0,
      unused: 0,
      unlisted: 0,
      remove: 0,
      repack: 0,
      repackRemove: 0,
      retained: 0,
    },
    packs: { used: 0, partlyUsed: 0, unused: 0, unlisted: 0, missing: 0, keep: 0, repack: 0, remove: 0, retained: 0 },
  };
}

function summarise(
  statistics: PruneStatistics,
  o: {
    readonly index: PruneIndex;
    readonly used: Bitmap;
    readonly facts: Facts;
    readonly actions: readonly PackAction[];
    readonly sizes: readonly number[];
  },
): void {
  const { index, used, facts, actions } = o;
  const { blobs, bytes, packs } = statistics;
  for (let pack = 0; pack < actions.length; pack += 1) {
    const counts = { used: facts.usedBlobs[pack] ?? 0, unused: facts.unusedBlobs[pack] ?? 0 };
    const unusedBytes = facts.unusedBytes[pack] ?? 0;
    blobs.used += counts.used;
    blobs.unused += counts.unused;
    bytes.used += facts.usedBytes[pack] ?? 0;
    bytes.unused += unusedBytes;
    if (actions[pack] === 'repack') {
      packs.repack += 1;
      blobs.repack += counts.used + counts.unused;
      bytes.repack += o.sizes[pack] ?? 0;
      blobs.repackRemove += counts.unused;
      bytes.repackRemove += unusedBytes;
    } else if (actions[pack] === 'keep') {
      if (counts.used + counts.unused > 0) packs.keep += 1;
    } else {
      if (actions[pack] === 'remove') packs.remove += 1;
      blobs.remove += counts.unused;
      bytes.remove += actions[pack] === 'remove' ? (o.sizes[pack] ?? 0) : unusedBytes;
    }
  }
  index.forEachCopy(({ entry, length }) => {
    if (!used.has(entry)) return undefined;
    blobs.unused -= 1;
    blobs.duplicate += 1;
    bytes.unused -= length;
    bytes.duplicate += length;
    return undefined;
  });
}

function damaged(message: string): HoldfastError {
  return new HoldfastError('repository.damaged', {
    message,
    guidance: 'Nothing was deleted. Run `holdfast check`, then `holdfast repair index`, and prune again.',
  });
}
