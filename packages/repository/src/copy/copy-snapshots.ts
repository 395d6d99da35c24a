import { HoldfastError, hasCode } from '@holdfast/core';
import type { ObjectId } from '../format/object-id.ts';
import { parseTime } from '../format/rfc3339.ts';
import type { Snapshot } from '../format/snapshot.ts';
import { limits } from '../limits.ts';
import { BlobWriter } from '../packs/blob-writer.ts';
import { repack } from '../prune/repack.ts';
import type { FoundSnapshot, Repository, WaitOptions } from '../repository.ts';
import { readsOf } from './copy-blobs.ts';
import { BlobsOfTrees } from './copy-wanted.ts';

export interface CopyProgress {
  readonly snapshotsDone: number;
  readonly snapshotsTotal: number;
  /** Of the present snapshot, sealed bytes of the source; 0 of 0 while its folders are read. */
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

export interface CopyReport {
  /** In the order in which they were given. */
  readonly copied: readonly { readonly sourceId: ObjectId; readonly id: ObjectId }[];
  /** The target has them already. */
  readonly skipped: readonly { readonly sourceId: ObjectId; readonly id: ObjectId }[];
  readonly blobs: number;
  /** Sealed bytes of the source that were copied. */
  readonly bytes: number;
}

export interface CopyOptions extends WaitOptions {
  readonly source: Repository;
  readonly target: Repository;
  readonly snapshots: readonly FoundSnapshot[];
  /** Told as soon as a snapshot is durable in the target. */
  readonly onCopied?: (copied: CopyReport['copied'][number]) => void;
  readonly onProgress?: (progress: CopyProgress) => void;
}

/**
 * Copies snapshots with all they need. Blobs keep their bytes and so their ids; only what the target lacks is read, verified
 * and sealed with its key. Snapshots of the target that are copies already, by restic's rule, are skipped. Both indexes must
 * be loaded, under a shared lock in each repository.
 *
 * A copy that is stopped or fails makes durable what it has, as far as it can, so that the next one goes on from there;
 * snapshots appear in the target only when they are complete.
 */
export async function copySnapshots(options: CopyOptions): Promise<CopyReport> {
  if (options.target.config.version === 1)
    throw new HoldfastError('repository.version', {
      message: 'The repository to copy to has format version 1, which Holdfast reads but does not write.',
      guidance: 'Upgrade it with `holdfast migrate upgrade_repo_v2` first.',
    });
  return new Copy(options).run();
}

class Copy {
  readonly #options: CopyOptions;
  readonly #signal: AbortSignal;
  readonly #wanted: BlobsOfTrees;
  readonly #copied: { sourceId: ObjectId; id: ObjectId }[] = [];
  readonly #skipped: { sourceId: ObjectId; id: ObjectId }[] = [];
  /** Complete in the writer, not yet durable. */
  #unsaved: FoundSnapshot[] = [];
  #blobs = 0;
  #bytes = 0;
  #unsettledBytes = 0;
  #settledMs = 0;

  constructor(options: CopyOptions) {
    this.#options = options;
    this.#signal = options.signal ?? new AbortController().signal;
    this.#wanted = new BlobsOfTrees(options.source, options.target.index);
  }

  async run(): Promise<CopyReport> {
    const { target, snapshots } = this.#options;
    const present = await this.#presentSnapshots();
    const hard = new AbortController();
    await using writer = new BlobWriter({
      repository: target,
      index: target.index,
      parallelWrites: limits.copyPackWrites,
      signal: hard.signal,
    });
    this.#settledMs = target.clock.monotonicMs();
    try {
      for (const found of snapshots) {
        const known = present.get(originalOf(found))?.find(({ snapshot }) => isCopy(snapshot, found.snapshot));
        if (known !== undefined) {
          this.#skipped.push({ sourceId: found.id, id: known.id });
          continue;
        }
        await this.#copyTree(found, writer);
        this.#unsaved.push(found);
        const ageMs = target.clock.monotonicMs() - this.#settledMs;
        if (this.#unsettledBytes >= limits.copySettleBytes || ageMs >= limits.copySettleAgeMs)
          await this.#settle(writer, this.#signal);
      }
      await this.#settle(writer, this.#signal);
    } catch (error) {
      await this.#settleAfter(error, writer, hard);
      throw error;
    }
    return { copied: this.#copied, skipped: this.#skipped, blobs: this.#blobs, bytes: this.#bytes };
  }

  /** Snapshots of the target by the first id of each, under which a copy is found again. */
  async #presentSnapshots(): Promise<Map<ObjectId, FoundSnapshot[]>> {
    const present = new Map<ObjectId, FoundSnapshot[]>();
    // An unreadable one is a copy of nothing: at worst a snapshot is copied once more.
    const onProblem = (): void => {};
    for await (const found of this.#options.target.snapshots({ onProblem, signal: this.#signal }))
      for (const id of new Set([found.id, originalOf(found)])) present.set(id, [...(present.get(id) ?? []), found]);
    return present;
  }

  async #copyTree(found: FoundSnapshot, writer: BlobWriter): Promise<void> {
    const { source, target } = this.#options;
    this.#progress(0, 0);
    const { entries, sizeBytes } = await this.#wanted.below(found.snapshot.tree, this.#signal);
    let bytesDone = 0;
    const reads = readsOf(source.index, entries);
    // In portions: between them everything can be made durable.
    for (let more = true; more; ) {
      let portion = 0;
      more = false;
      const next = function* () {
        for (let read = reads.next(); !read.done; read = reads.next()) {
          portion += read.value.length;
          yield read.value;
          if (portion >= limits.copySettleBytes) {
            more = true;
            return;
          }
        }
      };
      await repack({
        repository: source,
        targetKey: target.masterKey,
        reads: next(),
        totalBytes: Math.min(sizeBytes - bytesDone, limits.copySettleBytes),
        writer,
        // Repositories of version 1 compress nothing.
        compress: true,
        keepUnfinished: true,
        signal: this.#signal,
        onRead: ({ blobs }) => {
          const bytes = blobs.reduce((sum, blob) => sum + blob.length, 0);
          this.#blobs += blobs.length;
          this.#bytes += bytes;
          this.#unsettledBytes += bytes;
          bytesDone += bytes;
          this.#progress(bytesDone, sizeBytes);
        },
      });
      if (more) await this.#settle(writer, this.#signal);
    }
  }

  /** Makes everything durable that was added, and then saves the snapshots that are complete by that. */
  async #settle(writer: BlobWriter, signal: AbortSignal): Promise<void> {
    const { target, clock } = { target: this.#options.target, clock: this.#options.target.clock };
    await writer.settle();
    this.#unsettledBytes = 0;
    this.#settledMs = clock.monotonicMs();
    for (let found = this.#unsaved[0]; found !== undefined; found = this.#unsaved[0]) {
      // The parent means nothing in the other repository; the original is the snapshot's lasting name.
      const next = { ...found.snapshot, parent: undefined, original: originalOf(found) };
      const id = await target.saveSnapshot(next, { signal });
      this.#unsaved = this.#unsaved.slice(1);
      this.#copied.push({ sourceId: found.id, id });
      this.#options.onCopied?.({ sourceId: found.id, id });
      this.#progress(0, 0);
    }
  }

  /**
   * After Ctrl-C, or a source that is damaged somewhere, the target is as good as before: what it got is kept for the next
   * attempt. After anything else (a lost lock, a target that does not answer) nothing more may be written.
   */
  async #settleAfter(cause: unknown, writer: BlobWriter, hard: AbortController): Promise<void> {
    if (!hasCode(cause, 'run.cancelled', 'storage.tampered', 'repository.damaged', 'storage.missing')) {
      hard.abort(cause);
      return;
    }
    const limit = AbortSignal.timeout(limits.copyLastSettleTimeoutMs);
    limit.addEventListener('abort', () => hard.abort(limit.reason), { once: true });
    try {
      await this.#settle(writer, limit);
    } catch (second) {
      // The first error is what is told; the next copy finds out what is there.
      hard.abort(second);
    }
  }

  #progress(bytesDone: number, bytesTotal: number): void {
    this.#options.onProgress?.({
      snapshotsDone: this.#copied.length + this.#skipped.length + this.#unsaved.length,
      snapshotsTotal: this.#options.snapshots.length,
      bytesDone,
      bytesTotal,
    });
  }
}

function originalOf({ id, snapshot }: FoundSnapshot): ObjectId {
  return snapshot.original ?? id;
}

/** restic's `similarSnapshots`: everything but parent, original and what the summary says. */
function isCopy(a: Snapshot, b: Snapshot): boolean {
  return (
    parseTime(a.time) === parseTime(b.time) &&
    a.tree === b.tree &&
    (a.hostname ?? '') === (b.hostname ?? '') &&
    (a.username ?? '') === (b.username ?? '') &&
    (a.uid ?? 0) === (b.uid ?? 0) &&
    (a.gid ?? 0) === (b.gid ?? 0) &&
    sameMembers(a.paths, b.paths) &&
    sameMembers(a.tags ?? [], b.tags ?? []) &&
    sameSequence(a.excludes ?? [], b.excludes ?? [])
  );
}

function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && b.every((member) => a.includes(member));
}

function sameSequence(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && b.every((member, at) => member === a[at]);
}
