import type { PackedBlob } from '../format/blob.ts';
import { sealOverheadBytes } from '../format/blob-cipher.ts';
import type { IndexedPack, IndexFilePack } from '../format/index-file.ts';
import { idBytes } from '../format/object-id.ts';
import { encodeHeader, headerLengthSizeBytes, type PackHeader } from '../format/pack-header.ts';

/** What an index file says about a pack, compared with what a pack can be. */
export interface ImpliedPack {
  /** The header of a pack that holds these blobs in this order. */
  readonly header: PackHeader;
  readonly blobs: readonly PackedBlob[];
  /** Of the whole file. */
  readonly sizeBytes: number;
  /** The blobs follow each other from the beginning, as they do in every pack. */
  readonly contiguous: boolean;
}

export function impliedPack(pack: IndexFilePack): ImpliedPack {
  const blobs = pack.blobs.toSorted((a, b) => a.offset - b.offset);
  let end = 0;
  let contiguous = true;
  for (const { offset, length } of blobs) {
    contiguous &&= offset === end;
    end = offset + length;
  }
  const header = encodeHeader(blobs.map((blob) => ({ ...blob, id: idBytes(blob.id) })));
  const sizeBytes = end + header.byteLength + sealOverheadBytes + headerLengthSizeBytes;
  return { header, blobs, sizeBytes, contiguous };
}

/** For `Repository.saveIndex`. */
export interface PackForIndex extends IndexedPack {
  readonly blobCount: number;
}
