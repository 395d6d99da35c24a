import fs from 'node:fs';
import { type ErrorReport, toHoldfastError } from '@holdfast/core';
import { sha256Each, zstdContext } from '@holdfast/native';
import { BlobCipher, objectIdOf, unsealBlob, wrongBlob } from '@holdfast/repository';
import { asBuffer } from './byte-path.ts';
import { reason } from './problem.ts';
import {
  createFile,
  itemPath,
  Kept,
  type RestoreItemOptions,
  restoreFileAttributes,
  restoreSpecial,
} from './restore-item.ts';
import type { FileWrite, Item, Outcome, RestoreJob, RestoreResult } from './restore-jobs.ts';
import { itemProblem } from './restore-state.ts';
import { writeSparse } from './sparse-write.ts';
import { serveJobs } from './worker-side.ts';

/** A worker thread of a restore: opens and verifies blobs, writes files, sets attributes. */

let tools: { readonly cipher: BlobCipher; readonly options: RestoreItemOptions } | undefined;

serveJobs<RestoreJob, RestoreResult, never>((job) => {
  if (job.kind === 'setup') {
    tools = { cipher: new BlobCipher(job.key), options: job };
    return { result: { outcomes: [] } };
  }
  if (tools === undefined) throw new Error('the thread was given work before its setup');
  const { cipher, options } = tools;
  switch (job.kind) {
    case 'items':
      return { result: { outcomes: job.items.map((item) => restoreItem(item, options)) } };
    case 'write':
      return { result: { outcomes: writeBlobs(job, cipher, options) } };
    case 'finish':
      return { result: { outcomes: [finishFile(job.fd, job.item, options)] } };
    case 'folder':
      return { result: { outcomes: [finishFolder(job, options)] } };
  }
});

/** Runs the work on one thing; its failure is an outcome, except for what is wrong with the whole run. */
function outcomeOf(work: (report: (what: string, cause: unknown) => void) => void): Outcome {
  const problems: ErrorReport[] = [];
  const report = (what: string, cause: unknown): void => {
    problems.push(itemProblem(what, cause).toJSON());
  };
  try {
    work(report);
    return { state: 'done', problems };
  } catch (error) {
    if (error instanceof Kept) return { state: 'kept', problems };
    report(`it could not be restored (${reason(error)})`, error);
    return { state: 'failed', problems };
  }
}

function restoreItem(item: Item, options: RestoreItemOptions): Outcome {
  return outcomeOf((report) => {
    if (item.attributes.type !== 'file') {
      restoreSpecial(item, options, report);
      return;
    }
    const path = itemPath(item);
    const fd = createFile(path, options.overwrite);
    try {
      restoreFileAttributes({ fd, path }, item.attributes, options, report);
    } finally {
      fs.closeSync(fd);
    }
  });
}

function finishFile(fd: number, item: Item, options: RestoreItemOptions): Outcome {
  try {
    return outcomeOf((report) => restoreFileAttributes({ fd, path: itemPath(item) }, item.attributes, options, report));
  } finally {
    fs.closeSync(fd);
  }
}

function finishFolder(job: Extract<RestoreJob, { kind: 'folder' }>, options: RestoreItemOptions): Outcome {
  return outcomeOf((report) => {
    const path = Buffer.concat([job.prefix, Buffer.from('.')]);
    restoreFileAttributes({ fd: job.fd, path }, job.attributes, options, report);
  });
}

function writeBlobs(
  job: Extract<RestoreJob, { kind: 'write' }>,
  cipher: BlobCipher,
  options: RestoreItemOptions,
): Outcome[] {
  const failures = new Map<number, unknown>();
  const outcomes = new Map<number, Outcome>();
  const plains = openBlobs(job, cipher);
  for (const [number, blob] of job.blobs.entries()) {
    const plain = plains[number];
    if (!(plain instanceof Uint8Array)) {
      for (const { file } of blob.targets) failures.set(file, plain);
      continue;
    }
    for (const { file, at } of blob.targets) {
      const write = job.files[file];
      if (write === undefined || failures.has(file)) continue;
      if ('item' in write) outcomes.set(file, writeWhole(write.item, plain, options));
      else {
        try {
          writeSparse(write.fd, plain, at);
        } catch (error) {
          failures.set(file, error);
        }
      }
    }
  }
  return job.files.map(
    (_: FileWrite, file) =>
      outcomes.get(file) ??
      outcomeOf(() => {
        if (failures.has(file)) throw failures.get(file);
      }),
  );
}

/** The plain bytes of each blob, verified side by side, or what is wrong with it. */
function openBlobs(job: Extract<RestoreJob, { kind: 'write' }>, cipher: BlobCipher): (Buffer | Error)[] {
  const zstd = zstdContext();
  const decompress = zstd && ((packed: Uint8Array, size: number): Buffer | undefined => zstd.decompress(packed, size));
  const opened = job.blobs.map((blob): Buffer | Error => {
    const from = blob.offset - job.packOffset;
    try {
      return unsealBlob(cipher, job.bytes.subarray(from, from + blob.length), blob, decompress);
    } catch (error) {
      return toHoldfastError(error);
    }
  });
  const hashes = sha256Each(opened.map((plain) => (plain instanceof Error ? new Uint8Array(0) : plain)));
  return opened.map((plain, at) => {
    const id = job.blobs[at]?.id;
    if (plain instanceof Error || id === undefined) return plain;
    return objectIdOf(hashes.subarray(at * 32, at * 32 + 32)) === id ? plain : wrongBlob(id);
  });
}

/** A file of one blob, from beginning to end. */
function writeWhole(item: Item, plain: Buffer, options: RestoreItemOptions): Outcome {
  return outcomeOf((report) => {
    const path = itemPath(item);
    const fd = createFile(path, options.overwrite);
    let whole = false;
    try {
      // Only a hole at the end needs it.
      if (writeSparse(fd, asBuffer(plain), 0) !== plain.length) fs.ftruncateSync(fd, plain.length);
      restoreFileAttributes({ fd, path }, item.attributes, options, report);
      whole = true;
    } finally {
      fs.closeSync(fd);
      // Nothing that looks whole and is not may stay behind.
      if (!whole) fs.unlinkSync(path);
    }
  });
}
