import fs from 'node:fs';
import { errnoOf } from '@holdfast/core';
import { sha256Each } from '@holdfast/native';
import { type ObjectId, objectIdOf } from '@holdfast/repository/format';
import { limits } from '../limits.ts';
import { itemPath } from './restore-item.ts';
import type { Inspection, Outcome, Overwrite } from './restore-jobs.ts';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fs.constants;
// A fifo in the file's place must not block.
const openFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
const digestBytes = 32;

let memory: Buffer | undefined;

/**
 * Looks whether a file is there already, and how much of it is right. Never follows a link.
 * @param onRight told of an open file that is right
 * @throws errors of the system that say nothing about what is there
 */
export function inspectFile(
  file: Inspection,
  how: { readonly overwrite: Overwrite; readonly verify: boolean },
  onRight: (fd: number) => void,
): Outcome {
  const path = itemPath(file.item);
  const { overwrite, verify } = how;
  let stat: fs.BigIntStats;
  try {
    stat = fs.lstatSync(path, { bigint: true });
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    return { state: 'missing', problems: [] };
  }
  const { modifiedNs } = file.item.attributes;
  if (!verify && (overwrite === 'never' || (overwrite === 'if-newer' && stat.mtimeNs >= modifiedNs)))
    return { state: 'kept', problems: [] };
  // Another name of it may lie outside of the target, or belong to something else in it: it is made anew.
  if (!stat.isFile() || (!verify && stat.nlink > 1n && !file.linked))
    return { state: 'missing', problems: [], exists: true };
  let fd: number;
  try {
    fd = fs.openSync(path, openFlags);
  } catch (error) {
    if (verify) throw error;
    // What this user may not read is made anew, if the folder allows that.
    return { state: 'missing', problems: [], exists: true };
  }
  try {
    const sizeBytes = file.blobs.reduce((sum, blob) => sum + blob.sizeBytes, 0);
    const sameSize = stat.size === BigInt(sizeBytes);
    const believed = !verify && overwrite === 'if-changed' && sameSize && stat.mtimeNs === modifiedNs;
    const right = believed ? [] : rightBlobs(fd, file.blobs, Number(stat.size));
    if (sameSize && !right.includes(false)) {
      onRight(fd);
      return { state: 'unchanged', problems: [] };
    }
    const inPlace = stat.nlink === 1n && right.includes(true);
    return { state: 'missing', problems: [], exists: true, right: inPlace ? right : undefined };
  } finally {
    fs.closeSync(fd);
  }
}

/** Which blobs the file has at their places. Neighbours are hashed side by side. */
function rightBlobs(fd: number, blobs: Inspection['blobs'], fileBytes: number): boolean[] {
  const right: boolean[] = [];
  let at = 0;
  for (let first = 0; first < blobs.length; ) {
    const batch: { readonly id: ObjectId; readonly sizeBytes: number }[] = [];
    let batchBytes = 0;
    for (let blob = blobs[first]; blob !== undefined; blob = blobs[first + batch.length]) {
      if (batch.length > 0 && batchBytes + blob.sizeBytes > limits.restoreCompareBytes) break;
      batchBytes += blob.sizeBytes;
      batch.push(blob);
    }
    // Nothing behind the end of the file has to be read, nor memory to be had for it.
    const there = Math.max(0, Math.min(batchBytes, fileBytes - at));
    const bytes = scratch(there);
    const read = readFully(fd, bytes, at);
    const plains: Buffer[] = [];
    let from = 0;
    for (const { sizeBytes } of batch) {
      plains.push(from + sizeBytes <= read ? bytes.subarray(from, from + sizeBytes) : bytes.subarray(0, 0));
      from += sizeBytes;
    }
    const hashes = sha256Each(plains);
    for (const [number, { id, sizeBytes }] of batch.entries()) {
      const hash = hashes.subarray(number * digestBytes, (number + 1) * digestBytes);
      right.push(plains[number]?.byteLength === sizeBytes && objectIdOf(hash) === id);
    }
    at += batchBytes;
    first += batch.length;
  }
  return right;
}

function scratch(sizeBytes: number): Buffer {
  if (sizeBytes > limits.restoreCompareBytes) return Buffer.allocUnsafeSlow(sizeBytes);
  memory ??= Buffer.allocUnsafeSlow(limits.restoreCompareBytes);
  return memory.subarray(0, sizeBytes);
}

function readFully(fd: number, bytes: Buffer, at: number): number {
  let done = 0;
  while (done < bytes.byteLength) {
    const read = fs.readSync(fd, bytes, done, bytes.byteLength - done, at + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}
