import { isHoldfastError } from '@holdfast/core';
import type { Sha256Stream } from '@holdfast/native';
import { isDamage } from '../damage.ts';
import type { BlobPlace } from '../format/blob.ts';
import type { BlobCipher } from '../format/blob-cipher.ts';
import type { ObjectId } from '../format/object-id.ts';
import { visitHeader } from '../format/pack-header.ts';
import { limits } from '../limits.ts';
import { headerDigest } from '../packs/header-digest.ts';
import { readPackTail } from '../packs/pack-tail.ts';

/** A pack that a check reads, and what the index says about it. */
export interface PackToVerify {
  readonly id: ObjectId;
  readonly sizeBytes: number;
  /** The sealed header and its length, by the index: so much is read at once to find the blobs. */
  readonly tailBytes: number;
  /** `headerDigest` of the header that the index implies. */
  readonly indexDigest: string;
}

/** A pack that is being verified. */
export interface OpenPack {
  readonly pack: PackToVerify;
  readonly problems: string[];
  /** The hash of all of it; undefined where its blobs and its header alone are verified. */
  readonly stream: Sha256Stream | undefined;
  /** A part could not be read, so the hash says nothing. */
  unreadable: boolean;
}

export interface HeaderPlace extends BlobPlace {
  /** A view of the header. */
  readonly id: Uint8Array;
}

/** Neighbouring blobs of a pack, whole, and in the last window of a pack what follows them. */
export interface PackWindow {
  readonly pack: OpenPack;
  /** Of `bytes` in the pack. */
  readonly offset: number;
  /** Valid until the next but one window of the same reader. */
  readonly bytes: Uint8Array;
  readonly places: readonly HeaderPlace[];
  readonly last: boolean;
}

export interface WindowReaderOptions {
  readonly cipher: BlobCipher;
  /** The next pack to verify; undefined when there is none any more. */
  readonly next: () => Promise<PackToVerify | undefined>;
  readonly read: (
    pack: PackToVerify,
    range: { readonly offset: number; readonly length: number },
    into: Uint8Array,
  ) => Promise<Uint8Array>;
  /** Undefined where packs need not be hashed. */
  readonly begin: (() => Sha256Stream) | undefined;
}

/**
 * Goes through one pack after the other in windows. Two buffers take turns, so that one window can be worked on while the
 * next one is being read. Whatever is wrong with a pack's header is among its problems when its last window comes.
 */
export async function* readWindows(options: WindowReaderOptions): AsyncGenerator<PackWindow> {
  const buffers = [emptyBuffer(), emptyBuffer()];
  let turn = 0;
  const read = async (pack: PackToVerify, offset: number, length: number): Promise<Uint8Array> => {
    turn = 1 - turn;
    let buffer = buffers[turn] ?? emptyBuffer();
    if (buffer.byteLength < length) {
      // Of few sizes: each one that is outgrown stays until the garbage collector looks.
      const sizeBytes = Math.max(2 * limits.checkWindowBytes, 2 ** Math.ceil(Math.log2(length)));
      buffer = new Uint8Array(new SharedArrayBuffer(sizeBytes));
      buffers[turn] = buffer;
    }
    return options.read(pack, { offset, length }, buffer.subarray(0, length));
  };
  for (let pack = await options.next(); pack !== undefined; pack = await options.next()) {
    const toRead = pack;
    const open: OpenPack = { pack, problems: [], stream: options.begin?.(), unreadable: false };
    try {
      const places = await findBlobs(open, options.cipher, (offset, length) => read(toRead, offset, length));
      for (const { offset, length, blobs } of planWindows(pack.sizeBytes, places, open.stream !== undefined)) {
        const bytes = await read(pack, offset, length);
        yield { pack: open, offset, bytes, places: blobs, last: offset + length === pack.sizeBytes };
      }
      if (places === undefined && open.stream === undefined) yield lastOf(open);
    } catch (error) {
      if (!isDamage(error)) throw error;
      open.problems.push(error.message);
      open.unreadable = true;
      yield lastOf(open);
    }
  }
}

function emptyBuffer(): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(0));
}

/** What ends a pack of which nothing more can be read. */
function lastOf(pack: OpenPack): PackWindow {
  return { pack, offset: 0, bytes: new Uint8Array(0), places: [], last: true };
}

/** The blobs by the pack's own header; undefined if it is not to be trusted. */
async function findBlobs(
  open: OpenPack,
  cipher: BlobCipher,
  read: (offset: number, length: number) => Promise<Uint8Array>,
): Promise<HeaderPlace[] | undefined> {
  const { sizeBytes, tailBytes, indexDigest } = open.pack;
  try {
    const { header } = await readPackTail(cipher, { sizeBytes, guessBytes: tailBytes }, read);
    if (headerDigest(header) !== indexDigest) open.problems.push('its header and the index disagree about its blobs');
    const places: HeaderPlace[] = [];
    visitHeader(header, (_type, id, place) => places.push({ id, ...place }));
    return places;
  } catch (error) {
    if (!isHoldfastError(error) || (error.code !== 'repository.damaged' && error.code !== 'storage.tampered'))
      throw error;
    open.problems.push(error.message);
    return undefined;
  }
}

/** Where packs are not hashed as well (`toTheEnd`), windows have twice as many blobs, so that these alone fill the lanes. */
function* planWindows(
  sizeBytes: number,
  places: readonly HeaderPlace[] | undefined,
  toTheEnd: boolean,
): Generator<{ offset: number; length: number; blobs: readonly HeaderPlace[] }> {
  if (places === undefined) {
    // Without a header all that is left to do is to hash it.
    if (!toTheEnd) return;
    for (let offset = 0; offset < sizeBytes; offset += limits.checkWindowBytes)
      yield { offset, length: Math.min(limits.checkWindowBytes, sizeBytes - offset), blobs: [] };
    return;
  }
  const windowBytes = toTheEnd ? limits.checkWindowBytes : 2 * limits.checkWindowBytes;
  let offset = 0;
  let first = 0;
  for (const [at, place] of places.entries()) {
    const end = place.offset + place.length;
    const isLast = at + 1 === places.length;
    if (!isLast && end - offset < windowBytes) continue;
    yield { offset, length: (isLast ? sizeBytes : end) - offset, blobs: places.slice(first, at + 1) };
    offset = end;
    first = at + 1;
  }
}
