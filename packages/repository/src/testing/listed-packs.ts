import assert from 'node:assert/strict';
import type { IndexListing } from '../blob-index/index-listing.ts';
import type { PackedBlob } from '../format/blob.ts';
import { encodePackEntry, type IndexFilePack } from '../format/index-file.ts';
import { objectIdOf } from '../format/object-id.ts';

/** What a listing says, in the form of `decodeIndex`; its texts must say the same. */
export function listedPacks(listing: IndexListing): IndexFilePack[] {
  return listing.packs.map(({ id, first, end, endBytes, text }) => {
    const list = Array.from({ length: end - first }, (_, at): PackedBlob => {
      const blob = first + at;
      return {
        id: objectIdOf(listing.idOf(blob)),
        type: listing.isTree(blob) ? 'tree' : 'data',
        offset: listing.offsetOf(blob),
        length: listing.lengthOf(blob),
        uncompressedLength: listing.uncompressedLengthOf(blob),
      };
    });
    assert.equal(endBytes, Math.max(...list.map(({ offset, length }) => offset + length)));
    const pack = { id, blobs: list };
    assert.equal(Buffer.from(text).toString(), encodePackEntry(pack).toString());
    return pack;
  });
}
