import { HoldfastError, isHoldfastError } from '@holdfast/core';
import { sealedBytes } from '@holdfast/native';
import type { BlobToCopy } from '../copy/copy-blobs.ts';
import type { BlobType } from '../format/blob.ts';
import { BlobCipher } from '../format/blob-cipher.ts';
import { idBytes, shortId } from '../format/object-id.ts';
import type { RepositoryKey } from '../format/repository-key.ts';
import { BlobOpener } from '../packs/blob-opener.ts';
import { type FinishedPack, PackBuilder, type PartialPack } from '../packs/pack-builder.ts';

/** A part of a pack, and the blobs in it that are wanted. */
export interface PackPart {
  /** Begins at `offset` of the pack. */
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly blobs: readonly BlobToCopy[];
  /** Compresses what is not compressed. */
  readonly compress: boolean;
  /** Memory of packs that are stored, to build others in. */
  readonly spare: readonly SharedArrayBuffer[];
}

/** Verifies sealed blobs by MAC and hash, and puts them into new packs as they are. One per thread. */
export class Repacker {
  readonly #opener: BlobOpener;
  readonly #builders: Readonly<Record<BlobType, PackBuilder>>;
  readonly #spare: SharedArrayBuffer[] = [];
  /** As large as the largest part, and used again. */
  #opened = new Uint8Array(new SharedArrayBuffer(0));

  constructor(key: RepositoryKey) {
    const cipher = new BlobCipher(key, sealedBytes(key.encrypt));
    this.#opener = new BlobOpener(key);
    this.#builders = {
      data: new PackBuilder({ cipher, type: 'data' }),
      tree: new PackBuilder({ cipher, type: 'tree' }),
    };
  }

  /** Gives the packs that got full. @throws storage.tampered and the like, naming the pack that holds a bad blob */
  add(part: PackPart): FinishedPack[] {
    const { bytes, offset, blobs, compress } = part;
    const packs: FinishedPack[] = [];
    this.#spare.push(...part.spare);
    // The opener decrypts in place, and what goes on are the sealed bytes: it works on a copy.
    if (bytes.byteLength > this.#opened.byteLength)
      this.#opened = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
    this.#opened.set(bytes);
    const sealedIn = (memory: Uint8Array, blob: BlobToCopy): Uint8Array =>
      memory.subarray(blob.offset - offset, blob.offset - offset + blob.length);
    const toOpen = blobs.map((blob) => ({ ...blob, sealed: sealedIn(this.#opened, blob) }));
    this.#opener.open(toOpen, (number, plain) => {
      const blob = blobs[number];
      if (blob === undefined) throw new RangeError('a blob that was not asked for');
      if (!(plain instanceof Uint8Array)) throw unreadable(blob, plain);
      const builder = this.#builders[blob.type];
      if (compress && blob.uncompressedLength === 0) builder.add(idBytes(blob.id), plain);
      else
        builder.addSealed({ id: idBytes(blob.id), uncompressedLength: blob.uncompressedLength }, sealedIn(bytes, blob));
      if (!builder.full) return;
      const finished = builder.finish();
      if (finished !== undefined) packs.push(finished);
      const memory = this.#spare.pop();
      if (memory !== undefined) builder.reuse(memory);
    });
    return packs;
  }

  /** What is in no full pack. */
  flush(): PartialPack[] {
    const partials = Object.values(this.#builders).map((builder) => builder.finishPartial());
    return partials.filter((partial) => partial !== undefined);
  }
}

function unreadable(blob: BlobToCopy, error: Error): HoldfastError {
  return new HoldfastError(isHoldfastError(error) ? error.code : 'repository.damaged', {
    message: `Pack ${shortId(blob.packId)} holds data that is needed and damaged: ${error.message}`,
    guidance:
      'Nothing was deleted. Run `holdfast check --read-data`; `holdfast repair packs` saves what is whole in it. Prune again afterwards.',
    context: { pack: blob.packId, blob: blob.id },
  });
}
