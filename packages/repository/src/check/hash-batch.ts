import type { Sha256Stream, Sha256Together, StreamPiece } from '@holdfast/native';
import { limits } from '../limits.ts';
import type { HeaderPlace, OpenPack } from './pack-windows.ts';

/** A blob whose bytes have all come, and the pack that it is in. */
interface BlobOfPack {
  readonly pack: OpenPack;
  readonly place: HeaderPlace;
}

/** A blob, or what is not hashed yet of one. */
interface WaitingBlob extends BlobOfPack {
  /** Undefined before its first part is hashed. */
  readonly stream: Sha256Stream | undefined;
  readonly left: Uint8Array;
}

/** SHA-256 takes whole blocks, so that nothing of a cut is copied. */
const blockBytes = 64;

/**
 * What is hashed side by side in one step: parts of packs, whole blobs, and parts of long ones. The ends of blobs that are longer
 * than the others stay for the next step, instead of being hashed with all other lanes empty. Memory is used again.
 */
export class HashBatch {
  readonly #together: Sha256Together;
  readonly #plain = new Uint8Array(limits.checkBatchBytes);
  #usedBytes = 0;
  #pieces: StreamPiece[] = [];
  #blobs: WaitingBlob[] = [];
  #ended: (BlobOfPack & { readonly stream: Sha256Stream })[] = [];

  constructor(together: Sha256Together) {
    this.#together = together;
  }

  /** Room for plain bytes, valid until `run`; undefined when there is none before that. A large blob gets memory of its own. */
  room(sizeBytes: number): Uint8Array | undefined {
    if (sizeBytes > this.#plain.byteLength && this.#usedBytes === 0) {
      this.#usedBytes = this.#plain.byteLength;
      return new Uint8Array(new SharedArrayBuffer(sizeBytes));
    }
    if (this.#usedBytes + sizeBytes > this.#plain.byteLength) return undefined;
    this.#usedBytes += sizeBytes;
    return this.#plain.subarray(this.#usedBytes - sizeBytes, this.#usedBytes);
  }

  begin(): Sha256Stream {
    return this.#together.begin();
  }

  /** A part of something long, of at most a window; each stream at most once before `run`. */
  addPiece(stream: Sha256Stream, bytes: Uint8Array): void {
    this.#pieces.push({ stream, bytes });
  }

  addWhole(blob: BlobOfPack, plain: Uint8Array): void {
    blob.pack.waitingBlobs += 1;
    this.#blobs.push({ ...blob, stream: undefined, left: plain });
  }

  /** The stream of a blob that ends with what was added. */
  addEnded(blob: BlobOfPack, stream: Sha256Stream): void {
    blob.pack.waitingBlobs += 1;
    this.#ended.push({ ...blob, stream });
  }

  /** Blobs are not hashed to their end. */
  get isWaiting(): boolean {
    return this.#blobs.length > 0;
  }

  /** Hashes all pieces, and of each blob at least as much. Blobs that are not what their ids say become suspects of their packs. */
  run(): void {
    const bound = this.#evenBytes();
    const whole: WaitingBlob[] = [];
    const waiting: WaitingBlob[] = [];
    for (const blob of this.#blobs) {
      const { stream, left } = blob;
      if (left.byteLength > bound) {
        const begun = stream ?? this.begin();
        this.#pieces.push({ stream: begun, bytes: left.subarray(0, bound) });
        waiting.push({ ...blob, stream: begun, left: left.subarray(bound) });
      } else if (stream === undefined) whole.push(blob);
      else {
        this.#pieces.push({ stream, bytes: left });
        this.#ended.push({ ...blob, stream });
      }
    }
    const digests = this.#together.add(
      this.#pieces,
      whole.map(({ left }) => left),
    );
    for (const [number, blob] of whole.entries()) compare(blob, digests.subarray(number * 32, (number + 1) * 32));
    for (const blob of this.#ended) compare(blob, blob.stream.digest());
    this.#pieces = [];
    this.#ended = [];
    this.#usedBytes = 0;
    this.#blobs = waiting.map((blob) => ({ ...blob, left: this.#moveToFront(blob.left) }));
  }

  /** The bytes of a lane if all had the same, but no less than a window: pieces of packs cannot wait. */
  #evenBytes(): number {
    const bytes =
      this.#pieces.reduce((sum, piece) => sum + piece.bytes.byteLength, 0) +
      this.#blobs.reduce((sum, { left }) => sum + left.byteLength, 0);
    const even = Math.ceil(bytes / limits.checkHashLanes / blockBytes) * blockBytes;
    return Math.max(even, limits.checkWindowBytes);
  }

  /** In the order of their places, so that nothing is overwritten that still waits. */
  #moveToFront(left: Uint8Array): Uint8Array {
    const at = this.#usedBytes;
    if (left.buffer !== this.#plain.buffer) {
      // Memory of its own, as if it had all of the batch's.
      this.#usedBytes = this.#plain.byteLength;
      return left;
    }
    this.#plain.copyWithin(at, left.byteOffset, left.byteOffset + left.byteLength);
    this.#usedBytes += left.byteLength;
    return this.#plain.subarray(at, this.#usedBytes);
  }
}

function compare({ pack, place }: BlobOfPack, digest: Buffer): void {
  pack.waitingBlobs -= 1;
  if (digest.compare(place.id) !== 0) pack.suspects.push(place);
}
