import { sha256OneByOne, sha256Together } from '@holdfast/native';
import { isDamage } from '../damage.ts';
import { openBlob } from '../format/blob.ts';
import type { BlobCipher } from '../format/blob-cipher.ts';
import { objectIdOf, shortId } from '../format/object-id.ts';
import type { RepositoryKey } from '../format/repository-key.ts';
import { HashBatch } from './hash-batch.ts';
import {
  type HeaderPlace,
  type OpenPack,
  type PackToVerify,
  type PackWindow,
  readWindows,
  type WindowReaderOptions,
} from './pack-windows.ts';
import { SegmentOpener } from './segment-opener.ts';

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

/** A window that is being worked on: segments before `next` have been taken. */
interface OpenWindow {
  readonly window: PackWindow;
  readonly opener: SegmentOpener;
  next: number;
}

/**
 * Verifies packs: name, header, whether the index tells the same, each blob. Several packs are read in windows at the same
 * time, so that they and their blobs are hashed side by side in memory that does not grow with packs or blobs.
 */
export async function verifyPacks(options: PackVerifierOptions): Promise<void> {
  const { key, kernels = 'native' } = options;
  const together = kernels === 'native' ? sha256Together() : sha256OneByOne();
  const batch = new HashBatch(together);
  const begin = options.hashPacks ? () => together.begin() : undefined;
  /** All of them has been read. */
  const ended = new Set<OpenPack>();
  const concludeAll = async (): Promise<void> => {
    for (const pack of ended) {
      if (pack.waitingBlobs > 0) continue;
      ended.delete(pack);
      await conclude(pack, options);
    }
  };
  let coming = Array.from({ length: options.lanes }, () => {
    const reader = readWindows({ ...options, begin });
    return { reader, opener: new SegmentOpener({ key, batch, kernels }), result: reader.next() };
  });
  while (coming.length > 0) {
    const results = await Promise.all(coming.map(async (one) => ({ ...one, result: await one.result })));
    const going = results.filter(({ result }) => result.done !== true);
    // The next windows are read while these are worked on.
    coming = going.map(({ reader, opener }) => ({ reader, opener, result: reader.next() }));
    const windows = going.flatMap(({ result, opener }) =>
      result.done === true ? [] : [{ window: result.value, opener, next: 0 }],
    );
    verifyWindows(batch, windows);
    for (const { window } of windows) if (window.last) ended.add(window.pack);
    await concludeAll();
  }
  while (batch.isWaiting) batch.run();
  await concludeAll();
}

function verifyWindows(batch: HashBatch, windows: readonly OpenWindow[]): void {
  for (const { bytes, pack } of windows.map(({ window }) => window))
    if (pack.stream !== undefined && bytes.byteLength > 0) batch.addPiece(pack.stream, bytes);
  do {
    for (const one of windows) one.next = one.opener.open(one.window, one.next);
    batch.run();
  } while (windows.some(({ window, next }) => next < window.segments.length));
}

async function conclude(open: OpenPack, options: PackVerifierOptions): Promise<void> {
  const { pack, problems, stream, suspects, unreadable } = open;
  for (const place of suspects)
    problems.push(`blob ${shortId(objectIdOf(place.id))}: ${await judge(pack, place, options)}`);
  if (stream !== undefined && !unreadable && objectIdOf(stream.digest()) !== pack.id)
    problems.unshift('its content is not what its name says: it was damaged or changed');
  options.onVerified(pack, problems);
}

/** What is wrong with a blob. */
async function judge(pack: PackToVerify, place: HeaderPlace, options: PackVerifierOptions): Promise<string> {
  const { offset, length } = place;
  try {
    const sealed = await options.read(pack, { offset, length }, new Uint8Array(new SharedArrayBuffer(length)));
    openBlob(options.cipher, sealed, { ...place, id: objectIdOf(place.id) });
    return 'it was read with wrong bytes, and then with the right ones: disk, memory or connection cannot be relied on';
  } catch (error) {
    if (!isDamage(error)) throw error;
    return error.message;
  }
}
