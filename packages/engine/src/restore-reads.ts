import { Semaphore } from '@holdfast/core';
import {
  type BlobLocation,
  isDamage,
  type ObjectId,
  plainLength,
  planPackReads,
  type Repository,
} from '@holdfast/repository';
import { limits } from './limits.ts';
import { reason } from './problem.ts';
import type { BlobWrite, FileWrite, Outcome, RestoreJob } from './restore-jobs.ts';
import { failedOutcome } from './restore-state.ts';

/** A file that blobs are to be written to. */
export interface WriteTarget {
  readonly write: FileWrite;
  /** One of the reads that the file needs is done. */
  readonly onOutcome: (outcome: Outcome, bytes: number) => void;
}

interface WantedBlob extends BlobLocation {
  readonly id: ObjectId;
  readonly targets: { readonly target: WriteTarget; readonly at: number }[];
}

/**
 * Collects blobs, reads them from their packs in few ranged requests, several at once, and hands them to threads.
 * Bytes in memory are bounded: `add` waits while too many are on their way.
 */
export class RestoreReads {
  readonly #repository: Repository;
  readonly #signal: AbortSignal;
  readonly #run: (job: RestoreJob, transfer: readonly ArrayBuffer[]) => Promise<readonly Outcome[]>;
  readonly #onFailure: (error: unknown) => void;
  readonly #reads: Semaphore;
  readonly #running = new Set<Promise<void>>();
  #wanted = new Map<ObjectId, WantedBlob>();
  #wantedBytes = 0;
  #wantedTargets = 0;
  #bytesInFlight = 0;

  constructor(options: {
    readonly repository: Repository;
    readonly signal: AbortSignal;
    readonly run: (job: RestoreJob, transfer: readonly ArrayBuffer[]) => Promise<readonly Outcome[]>;
    readonly onFailure: (error: unknown) => void;
  }) {
    this.#repository = options.repository;
    this.#signal = options.signal;
    this.#run = options.run;
    this.#onFailure = options.onFailure;
    this.#reads = new Semaphore(
      Math.min(options.repository.target.capabilities.maxParallelRequests, limits.restoreParallelReads),
    );
  }

  async add(id: ObjectId, location: BlobLocation, target: WriteTarget, at: number): Promise<void> {
    const known = this.#wanted.get(id);
    if (known !== undefined) known.targets.push({ target, at });
    else {
      this.#wanted.set(id, { id, ...location, targets: [{ target, at }] });
      this.#wantedBytes += location.length;
    }
    this.#wantedTargets += 1;
    if (this.#wantedBytes < limits.restoreBytesPerJob && this.#wantedTargets < limits.restoreFilesPerJob) return;
    this.flush();
    while (
      this.#running.size >= limits.restoreJobsInFlight ||
      this.#bytesInFlight > limits.restoreBytesInFlight - limits.restoreBytesPerJob
    ) {
      this.#signal.throwIfAborted();
      await Promise.race(this.#running);
    }
  }

  /** Starts reading what was collected. */
  flush(): void {
    const reads = planPackReads(this.#wanted.values(), {
      gapBytes: limits.restoreGapBytes,
      maxBytes: limits.restoreBytesPerJob,
    });
    this.#wanted = new Map();
    this.#wantedBytes = 0;
    this.#wantedTargets = 0;
    for (const read of reads) {
      this.#bytesInFlight += read.length;
      const running: Promise<void> = this.#read(read).then(
        () => {
          this.#bytesInFlight -= read.length;
          this.#running.delete(running);
        },
        (error: unknown) => {
          this.#running.delete(running);
          this.#onFailure(error);
        },
      );
      this.#running.add(running);
    }
  }

  /** The reads on their way. */
  get running(): ReadonlySet<Promise<void>> {
    return this.#running;
  }

  async settle(): Promise<void> {
    this.flush();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #read(read: ReturnType<typeof planPackReads<WantedBlob>>[number]): Promise<void> {
    const targets: WriteTarget[] = [];
    const doneBytes: number[] = [];
    const numbers = new Map<WriteTarget, number>();
    const blobs: BlobWrite[] = read.blobs.map(({ id, offset, length, uncompressedLength, targets: wanted }) => ({
      id,
      offset,
      length,
      uncompressedLength,
      targets: wanted.map(({ target, at }) => {
        let file = numbers.get(target);
        if (file === undefined) {
          file = targets.push(target) - 1;
          numbers.set(target, file);
        }
        doneBytes[file] = (doneBytes[file] ?? 0) + plainLength({ offset, length, uncompressedLength });
        return { file, at };
      }),
    }));
    let bytes: Uint8Array;
    try {
      using _permit = await this.#reads.acquire(this.#signal);
      bytes = await this.#repository.target.read(
        { type: 'data', id: read.packId },
        { offset: read.offset, length: read.length, signal: this.#signal },
      );
    } catch (error) {
      // A pack that is gone or too short costs the files in it, not the others.
      if (!isDamage(error)) throw error;
      const outcome = failedOutcome(`it could not be restored (${reason(error)})`, error);
      for (const target of targets) target.onOutcome(outcome, 0);
      return;
    }
    const own = bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength;
    // What is a part of a larger buffer can't be handed over.
    const whole = own ? bytes : new Uint8Array(bytes);
    const files = targets.map((target) => target.write);
    const job: RestoreJob = { kind: 'write', bytes: whole, packOffset: read.offset, blobs, files };
    const outcomes = await this.#run(job, whole.buffer instanceof ArrayBuffer ? [whole.buffer] : []);
    for (const [file, target] of targets.entries()) {
      const outcome = outcomes[file];
      if (outcome === undefined) continue;
      target.onOutcome(outcome, doneBytes[file] ?? 0);
    }
  }
}
