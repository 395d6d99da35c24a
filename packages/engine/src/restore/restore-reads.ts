import { Semaphore } from '@holdfast/core';
import {
  type BlobLocation,
  isDamage,
  type ObjectId,
  type PackRead,
  plainLength,
  planPackReads,
  type Repository,
} from '@holdfast/repository';
import { limits } from '../limits.ts';
import { reason } from '../problem.ts';
import type { TargetFolder } from './restore-folders.ts';
import {
  type BlobWrite,
  type FileWrite,
  type Outcome,
  type PackBytes,
  type RestoreJob,
  type RestoreResult,
  restored,
} from './restore-jobs.ts';
import type { SecondPlaces } from './restore-second-places.ts';
import { failedOutcome } from './restore-state.ts';

/** A place of a file that one blob is to be written to. */
export interface WriteTarget {
  /** The folder that has to be open for it, if it does. */
  readonly folder: TargetFolder | undefined;
  readonly at: number;
  /** Called before a thread writes to it; may throw what `onOutcome` is then told. */
  readonly begin: () => FileWrite;
  /** The counterpart of a `begin` that has not thrown. */
  readonly end: () => void;
  /** Called once, with the plain bytes that were written. */
  readonly onOutcome: (outcome: Outcome, bytes: number) => void;
}

interface WantedBlob extends BlobLocation {
  readonly id: ObjectId;
  readonly targets: WriteTarget[];
  /** Places where it was found damaged. */
  readonly tried?: readonly BlobLocation[];
}

type Read = PackRead<WantedBlob>;

interface RestoreReadsOptions {
  readonly repository: Repository;
  readonly signal: AbortSignal;
  readonly secondPlaces: SecondPlaces;
  /** Jobs at once, those being read included. */
  readonly jobs: number;
  readonly run: (job: RestoreJob, transfer: readonly ArrayBuffer[]) => Promise<RestoreResult>;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Collects blobs, reads them from their packs in few ranged requests, several at once, and hands them to threads. `add`
 * waits while enough is planned; bytes are in memory only for the jobs that run, in shared memory that is used again.
 */
export class RestoreReads {
  readonly #o: RestoreReadsOptions;
  readonly #reads: Semaphore;
  readonly #gapBytes: number;
  readonly #windowBlobs: number;
  readonly #running = new Set<Promise<void>>();
  readonly #spare: SharedArrayBuffer[] = [];
  #planned: Read[] = [];
  #wanted = new Map<ObjectId, WantedBlob>();
  #wantedBytes = 0;
  #wantedTargets = 0;
  /** Blobs that were damaged where the index says, and right in another place. */
  healed = 0;

  constructor(options: RestoreReadsOptions) {
    this.#o = options;
    const { target } = options.repository;
    this.#reads = new Semaphore(target.capabilities.maxParallelRequests);
    const remote = target.localFile === undefined;
    // A thread that reads by itself leaves out the gaps.
    this.#gapBytes = remote ? limits.restoreRemoteGapBytes : limits.restoreBytesPerJob;
    this.#windowBlobs = remote ? limits.restoreRemoteWindowBlobs : limits.restoreWindowBlobs;
  }

  async add(id: ObjectId, location: BlobLocation, target: WriteTarget): Promise<void> {
    const known = this.#wanted.get(id);
    if (known !== undefined) known.targets.push(target);
    else {
      this.#wanted.set(id, { ...location, id, targets: [target] });
      this.#wantedBytes += location.length;
    }
    this.#wantedTargets += 1;
    if (this.#wantedBytes < limits.restoreWindowBytes && this.#wantedTargets < this.#windowBlobs) return;
    this.flush();
    while (this.#planned.length > limits.restorePlannedReads) {
      this.#o.signal.throwIfAborted();
      await Promise.race(this.#running);
    }
  }

  /** Starts reading what was collected. */
  flush(): void {
    const wanted = this.#wanted.values();
    this.#wanted = new Map();
    this.#wantedBytes = 0;
    this.#wantedTargets = 0;
    this.#plan(wanted);
  }

  /** The reads on their way. */
  get running(): ReadonlySet<Promise<void>> {
    return this.#running;
  }

  async settle(): Promise<void> {
    this.flush();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #plan(wanted: Iterable<WantedBlob>): void {
    const reads = planPackReads(wanted, { gapBytes: this.#gapBytes, maxBytes: limits.restoreBytesPerJob });
    const maxFolders = Math.max(1, Math.floor(limits.restoreOpenFiles / this.#o.jobs));
    for (const read of reads) this.#planned.push(...splitRead(read, maxFolders));
    this.#start();
  }

  #start(): void {
    while (this.#running.size < this.#o.jobs) {
      const read = this.#planned.shift();
      if (read === undefined) return;
      const running: Promise<void> = this.#serve(read).then(
        () => {
          this.#running.delete(running);
          this.#start();
        },
        (error: unknown) => {
          this.#running.delete(running);
          this.#o.onFailure(error);
        },
      );
      this.#running.add(running);
    }
  }

  async #serve(read: Read): Promise<void> {
    const { packId: id, offset, length, blobs } = read;
    const { target } = this.#o.repository;
    const wantedBytes = blobs.reduce((sum, blob) => sum + blob.length, 0);
    // In one piece it is read while threads work on others.
    if (length - wantedBytes > limits.restoreGapBytes && length <= limits.restoreBytesPerJob) {
      const file = target.localFile?.({ type: 'data', id });
      if (file !== undefined && (await this.#write(read, { id, file }))) return;
    }
    const memory = length > limits.restoreBytesPerJob ? undefined : (this.#spare.pop() ?? newMemory());
    try {
      let bytes: Uint8Array;
      try {
        using _permit = await this.#reads.acquire(this.#o.signal);
        const into = memory && new Uint8Array(memory);
        bytes = await target.read({ type: 'data', id }, { offset, length, into, signal: this.#o.signal });
      } catch (error) {
        // A pack that is gone or too short costs the files in it, not the others.
        if (!isDamage(error)) throw error;
        const outcome = failedOutcome(`it could not be restored (${reason(error)})`, error);
        await this.#elsewhere(blobs, () => outcome);
        return;
      }
      await this.#write(read, { bytes, offset });
    } finally {
      if (memory !== undefined) this.#spare.push(memory);
    }
  }

  /** False when the thread could not read the pack. */
  async #write(read: Read, pack: PackBytes): Promise<boolean> {
    const targets: WriteTarget[] = [];
    const files: FileWrite[] = [];
    const sizes: number[] = [];
    const blobs: BlobWrite[] = [];
    const refused: { readonly target: WriteTarget; readonly error: unknown }[] = [];
    for (const { id, offset, length, uncompressedLength, targets: wanted } of read.blobs) {
      const pairs: number[] = [];
      for (const target of wanted) {
        try {
          files.push(target.begin());
        } catch (error) {
          refused.push({ target, error });
          continue;
        }
        pairs.push(targets.push(target) - 1, target.at);
        sizes.push(plainLength({ offset, length, uncompressedLength }));
      }
      if (pairs.length > 0) blobs.push({ id, offset, length, uncompressedLength, targets: pairs });
    }
    // Shared memory is seen by the threads as it is; what a target has made itself is handed over, or copied if it is a part.
    const bytes = 'bytes' in pack ? pack.bytes : undefined;
    const whole = bytes?.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength;
    const transfer = whole ? [bytes.buffer] : [];
    const { others, unread = false } = await this.#o.run({ kind: 'write', pack, blobs, files }, transfer);
    for (const target of targets) target.end();
    if (unread) return false;
    for (const { target, error } of refused)
      target.onOutcome(failedOutcome(`it could not be restored (${reason(error)})`, error), 0);
    const outcomes = new Map(others);
    const damaged = new Map<WriteTarget, Outcome>();
    for (const [file, target] of targets.entries()) {
      const outcome = outcomes.get(file) ?? restored;
      if (outcome.damaged === true) damaged.set(target, outcome);
      else target.onOutcome(outcome, outcome.state === 'restored' ? (sizes[file] ?? 0) : 0);
    }
    this.healed += read.blobs.filter(({ tried, targets: [first] }) => tried && first && !damaged.has(first)).length;
    if (damaged.size > 0) await this.#elsewhere(read.blobs, (target) => damaged.get(target));
    return true;
  }

  /** Looks for damaged blobs in other packs before they are given up. */
  async #elsewhere(
    blobs: readonly WantedBlob[],
    outcomeOf: (target: WriteTarget) => Outcome | undefined,
  ): Promise<void> {
    const again: WantedBlob[] = [];
    for (const { id, targets, tried = [], ...place } of blobs) {
      const failed = targets.filter((target) => outcomeOf(target) !== undefined);
      if (failed.length === 0) continue;
      const now = [...tried, place];
      const places = await this.#o.secondPlaces.of('data', id);
      const next = places.find(
        (one) => !now.some((other) => other.packId === one.packId && other.offset === one.offset),
      );
      if (next !== undefined) again.push({ ...next, id, targets: failed, tried: now });
      else for (const target of failed) target.onOutcome(outcomeOf(target) ?? failedOutcome('it is damaged'), 0);
    }
    this.#plan(again);
  }
}

function newMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(limits.restoreBytesPerJob);
}

/**
 * Many small blobs, or much to decompress, make several jobs of about the same size: so all threads have some, and few folders
 * have to be open for one.
 */
function splitRead(read: Read, maxFolders: number): Read[] {
  const parts: Read[] = [];
  const unpackedBytes = read.blobs.reduce((sum, blob) => sum + blob.uncompressedLength, 0);
  const partBytes = unpackedBytes / Math.ceil(unpackedBytes / limits.restoreUnpackedBytesPerJob);
  let blobs: WantedBlob[] = [];
  let bytes = 0;
  let files = 0;
  let folders = new Set<TargetFolder | undefined>();
  const close = (): void => {
    const [first] = blobs;
    if (first === undefined) return;
    const end = blobs.reduce((furthest, blob) => Math.max(furthest, blob.offset + blob.length), 0);
    parts.push({ packId: read.packId, offset: first.offset, length: end - first.offset, blobs });
    blobs = [];
    bytes = 0;
    files = 0;
    folders = new Set();
  };
  for (const blob of read.blobs) {
    if (bytes >= partBytes || files >= limits.restoreFilesPerJob || folders.size >= maxFolders) close();
    blobs.push(blob);
    bytes += blob.uncompressedLength;
    files += blob.targets.length;
    for (const { folder } of blob.targets) if (folder !== undefined) folders.add(folder);
  }
  close();
  return parts;
}
