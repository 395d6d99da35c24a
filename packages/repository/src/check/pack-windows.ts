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

export const nonceBytes = 16;
export const macBytes = 16;
const sha256BlockBytes = 64;

/** A pack that a check reads, and what the index says about it. */
export interface PackToVerify {
  readonly id: ObjectId;
  readonly sizeBytes: number;
  /** The sealed header and its length, by the index: so much is read at once to find the blobs. */
  readonly tailBytes: number;
  /** `headerDigest` of the header that the index implies. */
  readonly indexDigest: string;
  /** Where it is a file of this computer. */
  readonly file?: string | undefined;
}

/** A pack that is being verified. */
export interface OpenPack {
  readonly pack: PackToVerify;
  readonly problems: string[];
  /** The hash of all of it; undefined where its blobs and its header alone are verified. */
  readonly stream: Sha256Stream | undefined;
  /** Blobs that are not what they should be. Why is found out at the end, by reading them once more. */
  readonly suspects: HeaderPlace[];
  /** Blobs of it that came whole and are not hashed to their end. */
  waitingBlobs: number;
  /** A part could not be read, so the hash says nothing. */
  unreadable: boolean;
}

export interface HeaderPlace extends BlobPlace {
  /** A view of the header. */
  readonly id: Uint8Array;
}

/** A blob, or a part of it, in a window. A blob is cut inside of its body only: nonce and MAC are in one piece. */
export interface Segment {
  readonly place: HeaderPlace;
  /** Bytes of the sealed blob. */
  readonly from: number;
  readonly to: number;
}

/** A part of a pack. */
export interface PackWindow {
  readonly pack: OpenPack;
  /** Of `bytes` in the pack. */
  readonly offset: number;
  /** Valid until the next but one window of the same reader. */
  readonly bytes: Uint8Array;
  readonly segments: readonly Segment[];
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
      // Only a header can be longer than a window.
      buffer = new Uint8Array(new SharedArrayBuffer(Math.max(limits.checkWindowBytes, length)));
      buffers[turn] = buffer;
    }
    return options.read(pack, { offset, length }, buffer.subarray(0, length));
  };
  for (let pack = await options.next(); pack !== undefined; pack = await options.next()) {
    const toRead = pack;
    const open: OpenPack = {
      pack,
      problems: [],
      stream: options.begin?.(),
      suspects: [],
      waitingBlobs: 0,
      unreadable: false,
    };
    try {
      const places = await findBlobs(open, options.cipher, (offset, length) => read(toRead, offset, length));
      // The header has been read; it is read again only to be hashed with all the rest.
      const end = open.stream === undefined ? blobsEnd(places) : pack.sizeBytes;
      for (const { offset, length, segments } of planWindows(end, places)) {
        const bytes = await read(pack, offset, length);
        yield { pack: open, offset, bytes, segments, last: offset + length === end };
      }
      if (end === 0) yield lastOf(open);
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
  return { pack, offset: 0, bytes: new Uint8Array(0), segments: [], last: true };
}

/** The blobs by the pack's own header; none if it is not to be trusted. */
async function findBlobs(
  open: OpenPack,
  cipher: BlobCipher,
  read: (offset: number, length: number) => Promise<Uint8Array>,
): Promise<HeaderPlace[]> {
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
    return [];
  }
}

function blobsEnd(places: readonly HeaderPlace[]): number {
  const last = places.at(-1);
  return last === undefined ? 0 : last.offset + last.length;
}

/** Divides the bytes before `end` into windows of about one size, so that packs that are hashed side by side end together. */
function* planWindows(
  end: number,
  places: readonly HeaderPlace[],
): Generator<{ offset: number; length: number; segments: readonly Segment[] }> {
  let next = 0;
  for (let offset = 0; offset < end; ) {
    const segments: Segment[] = [];
    let stop = Math.min(offset + limits.checkWindowBytes, end);
    for (let place = places[next]; place !== undefined && place.offset < stop; place = places[next]) {
      const from = Math.max(0, offset - place.offset);
      if (place.offset + place.length > stop) {
        const cut = cutBefore(stop - place.offset, place.length);
        if (cut > from) segments.push({ place, from, to: cut });
        stop = place.offset + cut;
        break;
      }
      segments.push({ place, from, to: place.length });
      next += 1;
    }
    yield { offset, length: stop - offset, segments };
    offset = stop;
  }
}

/** Where a sealed blob may be cut: before it, or after nonce and whole blocks of SHA-256, before its MAC. */
function cutBefore(at: number, length: number): number {
  const blocks = Math.floor((Math.min(at, length - macBytes) - nonceBytes) / sha256BlockBytes);
  return blocks > 0 ? nonceBytes + blocks * sha256BlockBytes : 0;
}
