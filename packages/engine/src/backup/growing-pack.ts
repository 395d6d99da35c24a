import { discardMemory, type Sha256Stream, type Sha256Together } from '@holdfast/native';
import type { PackBuilder, PartialPack, UnnamedPack } from '@holdfast/repository';
import { sealOverheadBytes } from '@holdfast/repository/format';
import { limits } from '../limits.ts';
import type { StagedPack } from './backup-jobs.ts';
import { StagedFile, type StagingPlace } from './pack-staging.ts';

/**
 * A pack that grows in a file, one after the other. What was added last is `pending` in memory, until its bytes have been
 * given to the hash and are written.
 */
export class GrowingPack {
  readonly #builder: PackBuilder;
  readonly #together: Sha256Together;
  readonly #place: StagingPlace;
  readonly #nowMs: () => number;
  readonly #onOpened: (fd: number) => void;
  #finished: UnnamedPack | undefined;
  #memory: SharedArrayBuffer | undefined;
  #file: StagedFile;
  /** The first pack ends at this size. */
  #endsAtBytes: number;
  stream: Sha256Stream;
  /** When its first blob came. */
  begunMs = Number.POSITIVE_INFINITY;

  constructor(options: {
    readonly builder: PackBuilder;
    readonly together: Sha256Together;
    readonly place: StagingPlace;
    readonly nowMs: () => number;
    /** Told of every file that was opened: it is the caller's to close, after its last use here. */
    readonly onOpened: (fd: number) => void;
    /** Where the first pack ends: packs that grow side by side shall not all be stored at the same time. */
    readonly firstSizeBytes: number;
  }) {
    this.#builder = options.builder;
    this.#together = options.together;
    this.#place = options.place;
    this.#nowMs = options.nowMs;
    this.#onOpened = options.onOpened;
    this.#endsAtBytes = options.firstSizeBytes;
    this.stream = this.#together.begin();
    this.#file = this.#newFile();
  }

  /** Nothing can be added until what is pending is written. */
  get finished(): boolean {
    return this.#finished !== undefined;
  }

  get pending(): Uint8Array<SharedArrayBuffer> {
    return this.#finished?.bytes ?? this.#builder.sealed;
  }

  get sizeBytes(): number {
    return this.#builder.blobCount === 0 ? 0 : this.#builder.sizeBytes;
  }

  /** An empty one takes whatever a pack can hold. */
  hasRoomFor(plain: Uint8Array): boolean {
    return this.#builder.blobCount === 0 || this.#builder.hasRoomFor(plain.byteLength + sealOverheadBytes);
  }

  /** Gives the sealed length. */
  add(id: Uint8Array, plain: Uint8Array): number {
    if (this.#builder.blobCount === 0) {
      this.begunMs = this.#nowMs();
      if (this.#memory !== undefined) this.#builder.reuse(this.#memory);
    }
    const { length } = this.#builder.add(id, plain);
    if (this.#builder.full || this.#builder.sizeBytes >= this.#endsAtBytes) this.finish();
    return length;
  }

  finish(): void {
    this.#finished ??= this.#builder.finishUnnamed();
    this.#endsAtBytes = Number.POSITIVE_INFINITY;
  }

  /** Writes what is pending, all of which `stream` has taken in; gives the pack if it is finished with that. */
  write(): StagedPack | undefined {
    this.#file.append(this.pending);
    // Some of the packs get large blobs sometimes; all of them would keep memory for that.
    discardMemory(this.pending.subarray(limits.pendingKeptBytes));
    const pack = this.#finished;
    if (pack === undefined) {
      this.#builder.take();
      return undefined;
    }
    const { header, blobCount } = pack;
    const staged = { id: new Uint8Array(this.stream.digest()), header, blobCount, file: this.#file.written };
    this.#memory = pack.bytes.buffer;
    this.#finished = undefined;
    this.#begin();
    return staged;
  }

  /** The end: the pack as it is, out of its file, without a header; undefined if there is nothing. */
  takePartial(): PartialPack | undefined {
    const partial = this.#builder.finishPartial();
    const memory = partial?.bytes.buffer ?? this.#memory;
    const whole = partial && { ...partial, bytes: this.#withFile(partial.bytes) };
    if (memory !== undefined) discardMemory(new Uint8Array(memory));
    return whole;
  }

  #withFile(pending: Uint8Array): Uint8Array<SharedArrayBuffer> {
    const { sizeBytes } = this.#file;
    const bytes = new Uint8Array(new SharedArrayBuffer(sizeBytes + pending.byteLength));
    this.#file.takeBack(bytes);
    bytes.set(pending, sizeBytes);
    this.#begin();
    return bytes;
  }

  #begin(): void {
    this.begunMs = Number.POSITIVE_INFINITY;
    this.stream = this.#together.begin();
    this.#file = this.#newFile();
  }

  #newFile(): StagedFile {
    return new StagedFile(this.#place, this.#onOpened);
  }
}
