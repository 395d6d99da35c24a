import { type StreamPiece, sha256OneByOne, sha256Together } from '@holdfast/native';
import type { BlobCipher } from '../format/blob-cipher.ts';
import { objectIdOf } from '../format/object-id.ts';
import type { RepositoryKey } from '../format/repository-key.ts';
import { limits } from '../limits.ts';
import { BlobBatch } from './blob-batch.ts';
import { type PackToVerify, type PackWindow, readWindows, type WindowReaderOptions } from './pack-windows.ts';

export interface PackVerifierOptions extends Pick<WindowReaderOptions, 'next' | 'read'> {
  readonly cipher: BlobCipher;
  readonly key: RepositoryKey;
  /** Packs that are read at the same time. Four fill eight lanes: as many bytes of packs are hashed as of blobs. */
  readonly lanes: number;
  /** Compares the hash of each pack with its name, too. */
  readonly hashPacks: boolean;
  /** 'node': without anything but Node's own API, as where its build exports nothing. */
  readonly kernels?: 'native' | 'node';
  /** Everything that is wrong with a pack, one message each. */
  readonly onVerified: (pack: PackToVerify, problems: readonly string[]) => void;
}

/** A window that is being worked on: blobs before `next` and bytes before `done` have been taken. */
interface OpenWindow {
  readonly window: PackWindow;
  next: number;
  done: number;
}

/**
 * Verifies packs: name, header, whether the index tells the same, each blob. Several packs are read in windows at the same
 * time, so that they and their blobs are hashed side by side in memory that does not grow with packs.
 */
export async function verifyPacks(options: PackVerifierOptions): Promise<void> {
  const { cipher, key, kernels = 'native' } = options;
  const together = kernels === 'native' ? sha256Together() : sha256OneByOne();
  const batch = new BlobBatch({ cipher, key, together, kernels });
  const begin = options.hashPacks ? () => together.begin() : undefined;
  const readers = Array.from({ length: options.lanes }, () => readWindows({ ...options, begin }));
  let coming = readers.map((reader) => ({ reader, result: reader.next() }));
  while (coming.length > 0) {
    const results = await Promise.all(coming.map(async ({ reader, result }) => ({ reader, result: await result })));
    const going = results.filter(({ result }) => result.done !== true);
    // The next windows are read while these are worked on.
    coming = going.map(({ reader }) => ({ reader, result: reader.next() }));
    const windows = going.flatMap(({ result }) => (result.done === true ? [] : [result.value]));
    verifyWindows(batch, windows);
    for (const { pack, last } of windows) {
      if (!last) continue;
      if (pack.stream !== undefined && !pack.unreadable && objectIdOf(pack.stream.digest()) !== pack.pack.id)
        pack.problems.unshift('its content is not what its name says: it was damaged or changed');
      options.onVerified(pack.pack, pack.problems);
    }
  }
}

function verifyWindows(batch: BlobBatch, windows: readonly PackWindow[]): void {
  const open = windows.map((window): OpenWindow => ({ window, next: 0, done: 0 }));
  while (open.some(({ window, done }) => done < window.bytes.byteLength)) {
    const pieces: StreamPiece[] = [];
    for (const one of open) {
      const bytes = takeBlobs(batch, one);
      const { stream } = one.window.pack;
      if (stream !== undefined && bytes.byteLength > 0) pieces.push({ stream, bytes });
    }
    batch.verify(pieces);
  }
}

/** Moves blobs of about the same number of bytes from each window into the batch, as far as it has room; gives those bytes. */
function takeBlobs(batch: BlobBatch, open: OpenWindow): Uint8Array {
  const { window, done } = open;
  const { bytes, places, offset, pack } = window;
  // Where packs are not hashed as well, twice as many bytes of blobs fill the lanes.
  const stepBytes = pack.stream === undefined ? 2 * limits.checkStepBytes : limits.checkStepBytes;
  for (; open.done - done < stepBytes; open.next += 1) {
    const place = places[open.next];
    if (place === undefined) {
      // The header follows the last blob; without blobs it is all one piece.
      open.done = bytes.byteLength;
      break;
    }
    const start = place.offset - offset;
    if (!batch.add(pack, place, bytes.subarray(start, start + place.length))) break;
    open.done = start + place.length;
  }
  return bytes.subarray(done, open.done);
}
