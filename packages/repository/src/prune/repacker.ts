import { randomInt } from 'node:crypto';
import { HoldfastError, isHoldfastError } from '@holdfast/core';
import { sealedBytes, zstdContext } from '@holdfast/native';
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

export interface RepackKeys {
  readonly source: RepositoryKey;
  /** Of another repository: blobs are sealed again with it. Left out, they go on as they are. */
  readonly target?: RepositoryKey | undefined;
}

/**
 * Verifies sealed blobs by MAC and hash, and puts them into new packs as they are, or sealed with another key, then compressed as
 * before. One per thread.
 */
export class Repacker {
  readonly #opener: BlobOpener;
  /** Seals again; undefined where blobs go on as they are. */
  readonly #sealer: BlobCipher | undefined;
  readonly #builders: Readonly<Record<BlobType, PackBuilder>>;
  readonly #spare: SharedArrayBuffer[] = [];
  #isVerified = true;

  constructor({ source, target }: RepackKeys) {
    const key = target ?? source;
    const cipher = new BlobCipher(key, sealedBytes(key.encrypt));
    const zstd = zstdContext();
    const compress = zstd && ((plain: Uint8Array, level: number): Uint8Array => zstd.compress(plain, level));
    this.#opener = new BlobOpener(source);
    this.#sealer = target && cipher;
    this.#builders = {
      data: new PackBuilder({ cipher, type: 'data', compress }),
      tree: new PackBuilder({ cipher, type: 'tree', compress }),
    };
  }

  /** Gives the packs that got full. @throws storage.tampered and the like, naming the pack that holds a bad blob */
  add(part: PackPart): FinishedPack[] {
    // A builder may hold what failed, from a part before this one.
    if (!this.#isVerified && this.#sealer === undefined)
      throw new HoldfastError('storage.tampered', {
        message: 'A blob that was packed before failed its verification.',
      });
    const { bytes, offset, compress } = part;
    const blobs = inRandomOrder(part.blobs);
    const packs: FinishedPack[] = [];
    this.#spare.push(...part.spare);
    const sealedIn = (blob: BlobToCopy): Uint8Array =>
      bytes.subarray(blob.offset - offset, blob.offset - offset + blob.length);
    const put = ({ type }: BlobToCopy, add: (builder: PackBuilder) => void): void => {
      const builder = this.#builders[type];
      add(builder);
      if (!builder.full) return;
      const finished = builder.finish();
      if (finished !== undefined) packs.push(finished);
      const memory = this.#spare.pop();
      if (memory !== undefined) builder.reuse(memory);
    };
    const staysSealed = ({ uncompressedLength }: BlobToCopy): boolean =>
      this.#sealer === undefined && !(compress && uncompressedLength === 0);
    // The opener decrypts in place, so that what goes on sealed is packed before; unless all are verified, nobody gets the packs.
    this.#isVerified = false;
    for (const blob of blobs)
      if (staysSealed(blob))
        put(blob, (builder) =>
          builder.addSealed({ id: idBytes(blob.id), uncompressedLength: blob.uncompressedLength }, sealedIn(blob)),
        );
    const toOpen = blobs.map((blob) => ({ ...blob, sealed: sealedIn(blob) }));
    this.#opener.open(toOpen, (number, plain, body) => {
      const blob = blobs[number];
      if (blob === undefined) throw new RangeError('a blob that was not asked for');
      if (!(plain instanceof Uint8Array)) throw unreadable(blob, plain);
      if (staysSealed(blob)) return;
      const { uncompressedLength } = blob;
      const id = idBytes(blob.id);
      put(blob, (builder) => {
        if (compress && uncompressedLength === 0) builder.add(id, plain);
        else if (this.#sealer !== undefined) builder.addSealed({ id, uncompressedLength }, this.#sealer.seal(body));
      });
    });
    this.#isVerified = true;
    return packs;
  }

  /** What is in no full pack. Nothing where a part was bad: some of its blobs may be in there as they were. */
  flush(): PartialPack[] {
    if (!this.#isVerified && this.#sealer === undefined) return [];
    const partials = Object.values(this.#builders).map((builder) => builder.finishPartial());
    return partials.filter((partial) => partial !== undefined);
  }
}

/** By numbers that nobody can guess: sizes in the order of a folder would tell without the key which folder it is. */
function inRandomOrder<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, key: randomInt(2 ** 47) }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

function unreadable(blob: BlobToCopy, error: Error): HoldfastError {
  return new HoldfastError(isHoldfastError(error) ? error.code : 'repository.damaged', {
    message: `Pack ${shortId(blob.packId)} holds data that is needed and damaged: ${error.message}`,
    guidance:
      'Nothing was deleted. Run `holdfast check --read-data`; `holdfast repair packs` saves what is whole in it. Prune again afterwards.',
    context: { pack: blob.packId, blob: blob.id },
  });
}
