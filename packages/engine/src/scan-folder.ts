import fs, { type BigIntStats } from 'node:fs';
import { type ErrorReport, errnoOf, type HoldfastError } from '@holdfast/core';
import { decodeTree, encodeNode, encodeTree, type Node, type ObjectId, parseTime } from '@holdfast/repository';
import type { BackupSetup, Change, FoundFile, FoundFolder, ScanJob, ScanResult } from './backup-jobs.ts';
import type { BlobStore } from './blob-store.ts';
import { asBuffer, joinPath, splitPath } from './byte-path.ts';
import { Chunker } from './chunker.ts';
import { describeFile, typeOf } from './describe-file.ts';
import { FolderHandle } from './folder-handle.ts';
import { limits } from './limits.ts';
import { PatternList, patternText } from './patterns.ts';
import { problem, readProblem } from './problem.ts';
import { fileVersion, openToRead } from './source-file.ts';

/** A file that was read; its blobs lie in the scanner's buffer. */
interface PendingFile {
  readonly blobs: readonly Uint8Array[];
  readonly finish: (content: readonly ObjectId[]) => void;
}

/** Looks at folders in one worker thread. */
export class FolderScanner {
  readonly #store: BlobStore;
  readonly #chunker: Chunker;
  readonly #excludes: PatternList;
  readonly #oneFileSystem: boolean;
  /** Files are read behind one another into the chunker's memory, and their blobs hashed together. */
  #used = 0;
  #pending: PendingFile[] = [];

  constructor(setup: BackupSetup, store: BlobStore) {
    this.#store = store;
    this.#chunker = new Chunker(limits.scanBufferSizeBytes, setup.gear);
    this.#excludes = new PatternList(setup.excludes);
    this.#oneFileSystem = setup.oneFileSystem;
  }

  scan(job: ScanJob): ScanResult {
    const path = asBuffer(job.path);
    const scan = new Scan(job);
    let handle: FolderHandle;
    let names: Buffer[];
    try {
      handle = FolderHandle.open(path);
    } catch (error) {
      scan.report(readProblem(path, error));
      return scan.result({ failed: true, stored: this.#store.takeStored() });
    }
    using folder = handle;
    try {
      names = job.names === undefined ? folder.names() : unpackNames(job.names);
    } catch (error) {
      scan.report(readProblem(path, error));
      return scan.result({ failed: true, stored: this.#store.takeStored() });
    }
    const parents = job.parentTree === undefined ? undefined : parentNodes(job.parentTree);
    const parts = this.#excludes.empty ? [] : splitPath(path).map(patternText);
    let at = 0;
    const end = Math.min(names.length, limits.entriesPerJob);
    for (; at < end && scan.bytesRead < limits.bytesPerJob; at += 1) {
      const name = names[at];
      if (name === undefined) break;
      if (!this.#excludes.empty && this.#excludes.matches([...parts, patternText(name)])) continue;
      this.#entry(scan, { folder, name, path: joinPath(path, name), parent: parents?.get(name.toString('latin1')) });
    }
    this.#identifyPending();
    scan.leave(names.slice(at), parents);
    return scan.result({ failed: false, stored: this.#store.takeStored() });
  }

  #entry(
    scan: Scan,
    entry: {
      readonly folder: FolderHandle;
      readonly name: Buffer;
      readonly path: Buffer;
      readonly parent: Node | undefined;
    },
  ): void {
    const { name, path, parent } = entry;
    const accessPath = entry.folder.path(name);
    try {
      const stat = fs.lstatSync(accessPath, { bigint: true });
      const type = typeOf(stat);
      const foreign = this.#oneFileSystem && scan.job.device !== undefined && stat.dev !== scan.job.device;
      if (foreign && type !== 'dir') return;
      const node = describeFile({ name, path, accessPath, stat }, (found) => scan.report(found));
      if (type === 'dir') scan.folder(node, { device: stat.dev, parent, descend: !foreign });
      else if (type === 'file') this.#file(scan, { ...entry, accessPath, node, stat });
      else scan.node(node);
    } catch (error) {
      // Only what one file can cause: an index or memory that fails must end the run.
      if (errnoOf(error) === undefined) throw error;
      scan.report(
        scan.job.named && errnoOf(error) === 'ENOENT'
          ? problem('file.unreadable', path, 'does not exist', error)
          : readProblem(path, error),
      );
    }
  }

  #file(
    scan: Scan,
    file: {
      readonly path: Buffer;
      readonly accessPath: Buffer;
      readonly parent: Node | undefined;
      readonly node: Node;
      readonly stat: BigIntStats;
    },
  ): void {
    const { stat, node } = file;
    const parent = file.parent?.type === 'file' ? file.parent : undefined;
    if (parent !== undefined && isUnmodified(stat, parent) && this.#hasAll(parent.content ?? [])) {
      scan.file(node, 'unmodified')(parent.content ?? []);
      return;
    }
    const change = parent === undefined ? 'new' : 'changed';
    if (stat.size > BigInt(limits.smallFileMaxSizeBytes)) {
      scan.largeFile(node, change);
      return;
    }
    const { bytes } = this.#chunker;
    if (bytes.length - this.#used <= Number(stat.size)) this.#sealPending();
    const fd = openToRead(file.accessPath);
    try {
      // One byte more than a small file has, so that one read shows whether it grew.
      const room = (): Buffer => bytes.subarray(this.#used, this.#used + limits.smallFileMaxSizeBytes + 1);
      let length = readAll(fd, room(), stat.size);
      if (length === bytes.length - this.#used && this.#used > 0) {
        this.#sealPending();
        length = readAll(fd, room(), stat.size);
      }
      if (length > limits.smallFileMaxSizeBytes) {
        scan.largeFile(node, change);
        return;
      }
      const after = fs.fstatSync(fd, { bigint: true });
      if (!after.isFile()) {
        scan.report(problem('file.changed', file.path, 'is no longer a file, and is left out'));
        return;
      }
      if (fileVersion(after) !== fileVersion(stat))
        scan.report(problem('file.changed', file.path, 'changed while it was being read'));
      scan.bytesRead += length;
      const blobs = this.#cut(this.#used, this.#used + length);
      this.#used += length;
      const finish = scan.file({ ...node, size: BigInt(length) }, change);
      this.#pending.push({ blobs, finish });
      if (this.#pending.length >= limits.filesStoredAtOnce) this.#identifyPending();
    } finally {
      fs.closeSync(fd);
    }
  }

  #cut(start: number, end: number): Uint8Array[] {
    const { bytes } = this.#chunker;
    if (end - start <= limits.chunkMinSizeBytes) return start === end ? [] : [bytes.subarray(start, end)];
    return this.#chunker.chunks({ start, end }, { last: true }).map((chunk) => bytes.subarray(chunk.start, chunk.end));
  }

  #identifyPending(): void {
    const ids = this.#store.keepData(this.#pending.flatMap((file) => file.blobs));
    let at = 0;
    for (const { blobs, finish } of this.#pending) {
      finish(ids.slice(at, at + blobs.length));
      at += blobs.length;
    }
    this.#pending = [];
  }

  /** Makes room for more files. Until then the blobs stay, from job to job, so that many can change their order. */
  #sealPending(): void {
    this.#identifyPending();
    this.#store.sealKept();
    this.#used = 0;
  }

  #hasAll(ids: readonly ObjectId[]): boolean {
    return ids.every((id) => this.#store.index.has(id, 'data'));
  }
}

/** The result of one job while it grows. */
class Scan {
  readonly job: ScanJob;
  bytesRead = 0;
  readonly #found: (string | FoundFolder | FoundFile)[] = [];
  #rest: ScanResult['rest'] = [];
  readonly #problems: ErrorReport[] = [];
  readonly #files: Record<Change, number> = { new: 0, changed: 0, unmodified: 0 };
  #bytesDone = 0;

  constructor(job: ScanJob) {
    this.job = job;
  }

  report(found: HoldfastError): void {
    this.#problems.push(found.toJSON());
  }

  node(node: Node): void {
    this.#found.push(encodeNode(node));
  }

  /** Gives the function that puts the file in its place when its content is known. */
  file(node: Node, change: Change): (content: readonly ObjectId[]) => void {
    this.#files[change] += 1;
    this.#bytesDone += Number(node.size ?? 0n);
    const at = this.#found.push('') - 1;
    return (content) => {
      this.#found[at] = encodeNode({ ...node, content });
    };
  }

  largeFile(node: Node, change: Change): void {
    this.#found.push({ kind: 'file', node, change });
  }

  folder(
    node: Node,
    options: { readonly device: bigint; readonly parent: Node | undefined; readonly descend: boolean },
  ): void {
    this.#found.push({
      kind: 'folder',
      name: node.name,
      json: folderJson(node),
      device: options.device,
      parentTree: options.parent?.type === 'dir' ? options.parent.subtree : undefined,
      descend: options.descend,
    });
  }

  /** Names that this job did not come to, in pieces for other jobs. */
  leave(names: readonly Buffer[], parents: ReadonlyMap<string, Node> | undefined): void {
    const rest: { names: Uint8Array; parentTree: Uint8Array | undefined }[] = [];
    for (let start = 0; start < names.length; start += limits.entriesPerJob) {
      const part = names.slice(start, start + limits.entriesPerJob);
      const nodes = parents === undefined ? undefined : part.map((name) => parents.get(name.toString('latin1')));
      rest.push({
        names: packNames(part),
        parentTree: nodes && encodeTree(nodes.filter((node) => node !== undefined)),
      });
    }
    this.#rest = rest;
  }

  result(outcome: Pick<ScanResult, 'failed' | 'stored'>): ScanResult {
    return {
      kind: 'scan',
      found: joinTexts(this.#found),
      rest: this.#rest,
      problems: this.#problems,
      files: this.#files,
      bytesDone: this.#bytesDone,
      bytesRead: this.bytesRead,
      ...outcome,
    };
  }
}

/** Nodes in a row become one text: fewer pieces for the other thread. */
function joinTexts(found: readonly (string | FoundFolder | FoundFile)[]): (string | FoundFolder | FoundFile)[] {
  const joined: (string | FoundFolder | FoundFile)[] = [];
  let texts: string[] = [];
  const flush = (): void => {
    if (texts.length > 0) joined.push(texts.join(','));
    texts = [];
  };
  for (const piece of found) {
    if (typeof piece === 'string') texts.push(piece);
    else {
      flush();
      joined.push(piece);
    }
  }
  flush();
  return joined;
}

/** A folder's node up to the place of its tree's id, which is its last field. */
export function folderJson(node: Node): string {
  return `${encodeNode(node).slice(0, -1)},"subtree":"`;
}

/** restic's rule: nothing that the system keeps about the content has changed. */
function isUnmodified(stat: BigIntStats, parent: Node): boolean {
  return (
    (parent.size ?? 0n) === stat.size &&
    parent.inode === stat.ino &&
    parseTime(parent.mtime) === stat.mtimeNs &&
    parseTime(parent.ctime) === stat.ctimeNs
  );
}

function parentNodes(tree: Uint8Array): Map<string, Node> {
  return new Map(decodeTree(tree).map((node) => [node.name.toString('latin1'), node]));
}

/** Reads until the buffer is full or the file ends; a file as long as it was said to be needs one call and one look at its end. */
function readAll(fd: number, into: Buffer, expectedBytes: bigint): number {
  let length = 0;
  while (length < into.length) {
    // A short first read keeps the system from preparing for the whole buffer.
    const want = length === 0 ? Math.min(into.length, Number(expectedBytes) + 1) : into.length - length;
    const count = fs.readSync(fd, into, length, want, length);
    length += count;
    // Some file systems give less than was asked for in the middle of a file.
    if (count === 0 || (count < want && length >= Number(expectedBytes))) break;
  }
  return length;
}

export function packNames(names: readonly Buffer[]): Uint8Array {
  const packed = new Uint8Array(names.reduce((size, name) => size + name.length + 1, 0));
  let at = 0;
  for (const name of names) {
    packed.set(name, at);
    at += name.length + 1;
  }
  return packed;
}

function unpackNames(packed: Uint8Array): Buffer[] {
  const bytes = asBuffer(packed);
  const names: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0, start);
    names.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return names;
}
