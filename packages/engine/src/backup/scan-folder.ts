import fs from 'node:fs';
import { errnoOf, isHoldfastError } from '@holdfast/core';
import { type FileStatus, FolderProbe, zstdContext } from '@holdfast/native';
import {
  BlobCipher,
  blobId,
  encodeNode,
  type Node,
  type ObjectId,
  objectIdOf,
  parseTime,
  unsealBlob,
  wrongBlob,
} from '@holdfast/repository';
import { asBuffer, joinPath, splitPath } from '../byte-path.ts';
import { FolderHandle } from '../folder-handle.ts';
import { limits } from '../limits.ts';
import { PatternList, patternText } from '../patterns.ts';
import { problem, readProblem } from '../problem.ts';
import type { BackupSetup, ParentTree, ScanJob, ScanResult } from './backup-jobs.ts';
import type { BlobStore } from './blob-store.ts';
import { Chunker } from './chunker.ts';
import { type DescribedFile, describeFile, typeOf } from './describe-file.ts';
import { FolderScan } from './folder-scan.ts';
import { ParentFolder } from './parent-folder.ts';
import { ReadingPlaces } from './reading-places.ts';
import { fileVersion, openToRead } from './source-file.ts';

/** A file that was read; its blobs lie in the scanner's buffer. */
interface PendingFile {
  readonly blobs: readonly Uint8Array[];
  readonly finish: (content: readonly ObjectId[]) => void;
}

/** An entry of a folder; its paths are made when they are needed. */
class Entry {
  readonly folder: FolderHandle;
  readonly name: Buffer;
  readonly #folderPath: Buffer;

  constructor(folder: FolderHandle, folderPath: Buffer, name: Buffer) {
    this.folder = folder;
    this.name = name;
    this.#folderPath = folderPath;
  }

  get path(): Buffer {
    return joinPath(this.#folderPath, this.name);
  }

  get accessPath(): Buffer {
    return this.folder.path(this.name);
  }
}

/** Looks at folders in one worker thread. */
export class FolderScanner {
  readonly #store: BlobStore;
  readonly #cipher: BlobCipher;
  readonly #chunker: Chunker;
  readonly #excludes: PatternList;
  readonly #oneFileSystem: boolean;
  readonly #places: ReadingPlaces;
  readonly #probe = new FolderProbe();
  /** Files are read behind one another into the chunker's memory, and their blobs hashed together. */
  #used = 0;
  #pending: PendingFile[] = [];

  constructor(setup: BackupSetup, store: BlobStore) {
    this.#store = store;
    this.#cipher = new BlobCipher(setup.key);
    this.#chunker = new Chunker(limits.scanBufferSizeBytes, setup.gear);
    this.#excludes = new PatternList(setup.excludes);
    this.#oneFileSystem = setup.oneFileSystem;
    this.#places = new ReadingPlaces(setup.readingPlaces);
  }

  scan(job: ScanJob): ScanResult {
    const path = asBuffer(job.path);
    const scan = new FolderScan(job);
    let handle: FolderHandle;
    let names: Buffer[];
    try {
      handle = FolderHandle.open(this.#places.of(path));
    } catch (error) {
      return this.#unreadable(scan, path, error);
    }
    using folder = handle;
    try {
      // A snapshot of a file system is another one.
      if (job.device !== undefined && this.#places.begin(path))
        scan.device = fs.fstatSync(handle.fd, { bigint: true }).dev;
      names = job.names === undefined ? folder.names() : unpackNames(job.names);
    } catch (error) {
      return this.#unreadable(scan, path, error);
    }
    scan.parent = this.#parentFolder(scan, job.parent);
    const parts = this.#excludes.empty ? [] : splitPath(path).map(patternText);
    let at = 0;
    const end = Math.min(names.length, limits.entriesPerJob);
    for (; at < end && scan.bytesRead < limits.bytesPerJob; at += 1) {
      const name = names[at];
      if (name === undefined) break;
      if (!this.#excludes.empty && this.#excludes.matches([...parts, patternText(name)])) continue;
      this.#entry(scan, new Entry(folder, path, name));
    }
    this.#identifyPending();
    scan.leave(names.slice(at));
    return scan.result(this.#store);
  }

  #unreadable(scan: FolderScan, path: Buffer, error: unknown): ScanResult {
    scan.report(readProblem(path, error));
    scan.failed = true;
    return scan.result(this.#store);
  }

  /** A folder of the parent snapshot; one that can't be read only costs time: everything in it is read again. */
  #parentFolder(scan: FolderScan, tree: ParentTree | undefined): ParentFolder | undefined {
    if (tree === undefined) return undefined;
    try {
      if (tree.kind === 'plain') return new ParentFolder(tree.bytes);
      const blob = { id: tree.id, ...tree.place };
      const zstd = zstdContext();
      const plain = unsealBlob(this.#cipher, tree.bytes, blob, zstd && ((from, size) => zstd.decompress(from, size)));
      if (objectIdOf(blobId(plain)) !== tree.id) throw wrongBlob(tree.id);
      return new ParentFolder(plain);
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      scan.report(error);
      return undefined;
    }
  }

  #entry(scan: FolderScan, entry: Entry): void {
    const { folder, name } = entry;
    try {
      const stat = this.#probe.status(folder.fd, name, () => entry.accessPath);
      const type = typeOf(stat);
      const foreign = this.#oneFileSystem && scan.device !== undefined && stat.dev !== scan.device;
      if (foreign && type !== 'dir') return;
      const node = describeFile(new StatusOfEntry(entry, stat, this.#probe.mayHaveXattrs(folder.fd, name)), (found) =>
        scan.report(found),
      );
      if (type === 'dir') scan.folder(node, { device: stat.dev, descend: !foreign });
      else if (type === 'file') this.#file(scan, { entry, node, stat });
      else scan.node(node);
    } catch (error) {
      // Only what one file can cause: an index or memory that fails must end the run.
      if (errnoOf(error) === undefined) throw error;
      scan.report(
        scan.job.named && errnoOf(error) === 'ENOENT'
          ? problem('file.unreadable', entry.path, 'does not exist', error)
          : readProblem(entry.path, error),
      );
    }
  }

  #file(scan: FolderScan, file: { readonly entry: Entry; readonly node: Node; readonly stat: FileStatus }): void {
    const { entry, stat, node } = file;
    const json = encodeNode(node);
    const known = scan.unchangedContent(json);
    if (known !== undefined && this.#hasAll(known)) {
      scan.file(json, { change: 'unmodified', sizeBytes: stat.size })(known);
      return;
    }
    scan.same = false;
    const before = scan.parentNode(json);
    const parent = before?.type === 'file' ? before : undefined;
    if (parent !== undefined && isUnmodified(stat, parent) && this.#hasAll(parent.content ?? [])) {
      scan.file(json, { change: 'unmodified', sizeBytes: stat.size })(parent.content ?? []);
      return;
    }
    const change = parent === undefined ? 'new' : 'changed';
    if (stat.size > BigInt(limits.smallFileMaxSizeBytes)) {
      scan.largeFile(node, change);
      return;
    }
    const { bytes } = this.#chunker;
    if (bytes.length - this.#used <= Number(stat.size)) this.#sealPending();
    const fd = openToRead(entry.accessPath);
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
        scan.report(problem('file.changed', entry.path, 'is no longer a file, and is left out'));
        return;
      }
      if (fileVersion(after) !== fileVersion(stat))
        scan.report(problem('file.changed', entry.path, 'changed while it was being read'));
      scan.bytesRead += length;
      const blobs = this.#cut(this.#used, this.#used + length);
      this.#used += length;
      const sizeBytes = BigInt(length);
      const stored = sizeBytes === stat.size ? json : encodeNode({ ...node, size: sizeBytes });
      const finish = scan.file(stored, { change, sizeBytes });
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

/** What `describeFile` wants to know. */
class StatusOfEntry implements DescribedFile {
  readonly #entry: Entry;
  readonly stat: FileStatus;
  readonly mayHaveXattrs: boolean;

  constructor(entry: Entry, stat: FileStatus, mayHaveXattrs: boolean) {
    this.#entry = entry;
    this.stat = stat;
    this.mayHaveXattrs = mayHaveXattrs;
  }

  get name(): Buffer {
    return this.#entry.name;
  }

  get path(): Buffer {
    return this.#entry.path;
  }

  get accessPath(): Buffer {
    return this.#entry.accessPath;
  }
}

/** restic's rule: nothing that the system keeps about the content has changed. */
function isUnmodified(stat: FileStatus, parent: Node): boolean {
  return (
    (parent.size ?? 0n) === stat.size &&
    parent.inode === stat.ino &&
    parseTime(parent.mtime) === stat.mtimeNs &&
    parseTime(parent.ctime) === stat.ctimeNs
  );
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
