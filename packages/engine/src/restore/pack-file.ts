import fs from 'node:fs';
import { adviseReading } from '@holdfast/native';
import type { BlobPlace, ObjectId } from '@holdfast/repository';
import { planPackReads } from '@holdfast/repository/packs';
import { limits } from '../limits.ts';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fs.constants;
// As the target opens it: no link, and without O_NONBLOCK a pipe would hold up the open for ever.
const openFlags = O_RDONLY | (O_NONBLOCK ?? 0) | (O_NOFOLLOW ?? 0);

let memory: Buffer | undefined;

/**
 * Reads blobs of a pack that is a file of this computer, in the thread that opens them: those of small files lie apart, and a
 * job for each piece would cost more than the piece. Gives the sealed bytes of each, valid until the next call. Undefined says
 * nothing: the target is asked, which knows what is wrong.
 * @param blobs by ascending offset; from the first to the end of the last at most `restoreBytesPerJob`
 */
export function readFromPack(
  { id, file }: { readonly id: ObjectId; readonly file: string },
  blobs: readonly BlobPlace[],
): Buffer[] | undefined {
  const wanted = blobs.map(({ offset, length, uncompressedLength }) => ({
    offset,
    length,
    uncompressedLength,
    packId: id,
  }));
  const pieces = planPackReads(wanted, { gapBytes: limits.restoreGapBytes, maxBytes: limits.restoreBytesPerJob });
  memory ??= Buffer.allocUnsafeSlow(limits.restoreBytesPerJob);
  const sealed: Buffer[] = [];
  let fd: number | undefined;
  try {
    fd = fs.openSync(file, openFlags);
    if (!fs.fstatSync(fd).isFile()) return undefined;
    // All of them at once, so that a disk can choose its way.
    for (const piece of pieces) adviseReading(fd, 'willNeed', piece);
    let at = 0;
    for (const { offset, length, blobs } of pieces) {
      if (fs.readSync(fd, memory, at, length, offset) < length) return undefined;
      for (const blob of blobs) {
        const from = at + blob.offset - offset;
        sealed.push(memory.subarray(from, from + blob.length));
      }
      at += length;
    }
    return sealed;
  } catch {
    // The target says why.
    return undefined;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}
