import fs from 'node:fs';
import type { ErrorReport } from '@holdfast/core';
import { newFileMaker } from '@holdfast/native';
import { BlobOpener } from '@holdfast/repository/packs';
import { limits } from '../limits.ts';
import { reason } from '../problem.ts';
import { serveJobs } from '../threads/worker-side.ts';
import { readFromPack } from './pack-file.ts';
import { inspectFile } from './restore-inspect.ts';
import {
  changesOwner,
  createFile,
  itemPath,
  Kept,
  type RestoreItemOptions,
  restoreFileAttributes,
  restoreSpecial,
} from './restore-item.ts';
import {
  type BlobWrite,
  type Inspection,
  type Item,
  type Outcome,
  type PackBytes,
  type RestoreJob,
  type RestoreResult,
  restored,
} from './restore-jobs.ts';
import { itemProblem } from './restore-state.ts';
import { dataSegments, writeEverything, writeSparse } from './sparse-write.ts';
import { xattrRule } from './xattr-rule.ts';

/** A worker thread of a restore: opens and verifies blobs, compares, writes files, sets attributes. */

interface Tools {
  readonly opener: BlobOpener;
  readonly options: RestoreItemOptions;
}

const makeNewFile = newFileMaker();
const nothing = new Uint8Array(0);

let tools: Tools | undefined;

serveJobs<RestoreJob, RestoreResult, never>((job) => {
  if (job.kind === 'setup') {
    tools = {
      opener: new BlobOpener(job.key, limits.restoreUnpackedBytesPerJob),
      options: { ...job, hasXattr: xattrRule(job.xattrs) },
    };
    return { result: { others: [] } };
  }
  if (tools === undefined) throw new Error('the thread was given work before its setup');
  const begunMs = performance.now();
  const spent = { sourceMs: 0, targetMs: 0 };
  const outcomes = perform(job, tools, spent);
  if (outcomes === undefined) return { result: { others: [], unread: true } };
  const tookMs = performance.now() - begunMs;
  const { sourceMs, targetMs } = job.kind === 'write' ? spent : { sourceMs: 0, targetMs: tookMs };
  const processingMs = Math.max(0, tookMs - sourceMs - targetMs);
  return { result: { ...resultOf(outcomes), spent: { sourceMs, processingMs, targetMs } } };
});

/** What of the time of a job went where, as far as that is measured. */
interface SpentMs {
  sourceMs: number;
  targetMs: number;
}

function perform(
  job: Exclude<RestoreJob, { kind: 'setup' }>,
  { opener, options }: Tools,
  spent: SpentMs,
): Outcome[] | undefined {
  switch (job.kind) {
    case 'items':
      return job.items.map((item) => restoreItem(item, options));
    case 'write':
      return writeBlobs(job, { opener, options }, spent);
    case 'inspect':
      return job.files.map((file) => inspect(file, job.mode, options));
    case 'finish':
      return [finishFile(job, options)];
    case 'folder':
      return [finishFolder(job, options)];
  }
}

function resultOf(outcomes: readonly Outcome[]): RestoreResult {
  const others: [number, Outcome][] = [];
  for (const [number, outcome] of outcomes.entries()) if (outcome !== restored) others.push([number, outcome]);
  return { others };
}

/** Runs the work on one thing; its failure is an outcome, except for what is wrong with the whole run. */
function outcomeOf(work: (report: (what: string, cause: unknown) => void) => Outcome | undefined): Outcome {
  const problems: ErrorReport[] = [];
  const report = (what: string, cause: unknown): void => {
    problems.push(itemProblem(what, cause).toJSON());
  };
  try {
    const outcome = work(report) ?? restored;
    return problems.length === 0 ? outcome : { ...outcome, problems };
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
      return undefined;
    }
    const fd = createFile(itemPath(item), options);
    try {
      restoreFileAttributes({ fd, item, fresh: true }, options, report);
    } finally {
      fs.closeSync(fd);
    }
  });
}

function inspect(file: Inspection, mode: 'compare' | 'look' | 'verify', options: RestoreItemOptions): Outcome {
  return outcomeOf((report) =>
    inspectFile(file, { overwrite: options.overwrite, verify: mode === 'verify' }, (fd) => {
      if (mode === 'compare') restoreFileAttributes({ fd, item: file.item, fresh: false }, options, report);
    }),
  );
}

function finishFile(job: Extract<RestoreJob, { kind: 'finish' }>, options: RestoreItemOptions): Outcome {
  const { fd, item } = job;
  try {
    return outcomeOf((report) => {
      // Until now it was longer than it is to be.
      fs.ftruncateSync(fd, job.sizeBytes);
      restoreFileAttributes({ fd, item, fresh: false }, options, report);
      return undefined;
    });
  } finally {
    fs.closeSync(fd);
  }
}

function finishFolder(job: Extract<RestoreJob, { kind: 'folder' }>, options: RestoreItemOptions): Outcome {
  return outcomeOf((report) => {
    const { fd, attributes } = job;
    const item: Item = { path: `${job.prefix}.`, folder: fd, attributes, ownGroup: false, inheritsAcls: true };
    restoreFileAttributes({ fd, item, fresh: false }, options, report);
    return undefined;
  });
}

/** Undefined when the pack could not be read. */
function writeBlobs(
  job: Extract<RestoreJob, { kind: 'write' }>,
  { opener, options }: Tools,
  spent: SpentMs,
): Outcome[] | undefined {
  const outcomes: Outcome[] = job.files.map(() => restored);
  const begunMs = performance.now();
  const bytes = bytesOf(job.pack, job.blobs);
  spent.sourceMs = performance.now() - begunMs;
  if (bytes === undefined) return undefined;
  const sealed = job.blobs.map((blob, number) => ({ ...blob, sealed: bytes[number] ?? nothing }));
  opener.open(sealed, (number, plain) => {
    const targets = job.blobs[number]?.targets ?? [];
    const writingMs = performance.now();
    for (let pair = 0; pair < targets.length; pair += 2) {
      const file = targets[pair] ?? 0;
      const at = targets[pair + 1] ?? 0;
      const write = job.files[file];
      if (write === undefined || outcomes[file]?.state === 'failed') continue;
      if (plain instanceof Error) {
        const problems = [itemProblem(`it could not be restored (${reason(plain)})`, plain).toJSON()];
        outcomes[file] = { state: 'failed', problems, damaged: true };
      } else if (!('item' in write)) {
        outcomes[file] = outcomeOf(() => {
          if (write.fresh) writeSparse(write.fd, plain, at);
          else writeEverything(write.fd, plain, at);
          return undefined;
        });
      } else if (!writeAtOnce(write.item, plain, options)) outcomes[file] = writeWhole(write.item, plain, options);
    }
    spent.targetMs += performance.now() - writingMs;
  });
  return outcomes;
}

function bytesOf(pack: PackBytes, blobs: readonly BlobWrite[]): readonly Uint8Array[] | undefined {
  if ('file' in pack) return readFromPack(pack, blobs);
  return blobs.map(({ offset, length }) => pack.bytes.subarray(offset - pack.offset, offset - pack.offset + length));
}

/** Most files of one blob; false, and nothing done, for one that has more to it, cannot be made, or is there. */
function writeAtOnce(item: Item, plain: Buffer, options: RestoreItemOptions): boolean {
  const { path, folder, attributes } = item;
  if (makeNewFile === undefined || item.inheritsAcls || attributes.extendedAttributes !== undefined) return false;
  const [first, ...others] = dataSegments(plain, 0);
  if (first?.start !== 0 || first.end !== plain.length || others.length > 0) return false;
  const name = path.slice(path.lastIndexOf('/') + 1);
  const owner = changesOwner(item, options) ? attributes : undefined;
  const { permissions, accessedNs, modifiedNs } = attributes;
  return makeNewFile({ folder, name, bytes: plain, owner, permissions, accessedNs, modifiedNs });
}

/** A file of one blob, from beginning to end. */
function writeWhole(item: Item, plain: Buffer, options: RestoreItemOptions): Outcome {
  return outcomeOf((report) => {
    const path = itemPath(item);
    const fd = createFile(path, options);
    try {
      try {
        // Only a hole at the end needs it.
        if (writeSparse(fd, plain, 0) !== plain.length) fs.ftruncateSync(fd, plain.length);
        restoreFileAttributes({ fd, item, fresh: true }, options, report);
      } finally {
        fs.closeSync(fd);
      }
    } catch (error) {
      // Nothing that looks whole and is not may stay behind, also where only closing told what could not be written.
      fs.unlinkSync(path);
      throw error;
    }
    return undefined;
  });
}
