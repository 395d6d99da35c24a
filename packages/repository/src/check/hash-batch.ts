import type { Sha256Stream, Sha256Together, StreamPiece } from '@holdfast/native';
import { limits } from '../limits.ts';
import type { HeaderPlace, OpenPack } from './pack-windows.ts';

/** A blob whose bytes have all come, and the pack that it is in. */
interface BlobOfPack {
  readonly pack: OpenPack;
  readonly place: HeaderPlace;
}

/** What is hashed side by side in one step: parts of packs, whole blobs, and parts of long ones. Memory is used again. */
export class HashBatch {
  readonly #together: Sha256Together;
  readonly #plain = new Uint8Array(new SharedArrayBuffer(limits.checkBatchBytes));
  #usedBytes = 0;
  #pieces: StreamPiece[] = [];
  #whole: Uint8Array[] = [];
  #wholeBlobs: BlobOfPack[] = [];
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

  /** A part of something long; each stream at most once before `run`. */
  addPiece(stream: Sha256Stream, bytes: Uint8Array): void {
    this.#pieces.push({ stream, bytes });
  }

  addWhole(blob: BlobOfPack, plain: Uint8Array): void {
    this.#wholeBlobs.push(blob);
    this.#whole.push(plain);
  }

  /** The stream of a blob that ends with what was added. */
  addEnded(blob: BlobOfPack, stream: Sha256Stream): void {
    this.#ended.push({ ...blob, stream });
  }

  /** Hashes all that was added. Blobs that are not what their ids say become suspects of their packs. */
  run(): void {
    const digests = this.#together.add(this.#pieces, this.#whole);
    for (const [number, blob] of this.#wholeBlobs.entries())
      compare(blob, digests.subarray(number * 32, (number + 1) * 32));
    for (const blob of this.#ended) compare(blob, blob.stream.digest());
    this.#usedBytes = 0;
    this.#pieces = [];
    this.#whole = [];
    this.#wholeBlobs = [];
    this.#ended = [];
  }
}

function compare({ pack, place }: BlobOfPack, digest: Buffer): void {
  if (digest.compare(place.id) !== 0) pack.suspects.push(place);
}
