import fs from 'node:fs';
import { type ErrorReport, errnoOf, type HoldfastError, isHoldfastError } from '@holdfast/core';
import { discardMemory, type FileStatus, FolderComparison, FolderProbe } from '@holdfast/native';
import { type Node, type ObjectId, parseTime } from '@holdfast/repository/format';
import { BlobOpener, type SealedBlob } from '@holdfast/repository/packs';
import { joinPath, splitPath } from '../byte-path.ts';
import { FolderHandle } from '../folder-handle.ts';
import { limits } from '../limits.ts';
import { openToRead } from '../open-to-read.ts';
import { patternText } from '../patterns.ts';
import { problem, readProblem } from '../problem.ts';
import type {
  BackupSetup,
  Change,
  FolderToScan,
  ScanJob,
  ScannedFolder,
  ScanResult,
  UnchangedRule,
} from './backup-jobs.ts';
import type { BlobStore } from './blob-store.ts';
import { Chunker } from './chunker.ts';
import { describeFile, typeOf } from './describe-file.ts';
import { Exclusions } from './exclusions.ts';
import { FolderScan } from './folder-scan.ts';
import { dayOf } from './local-time.ts';
import { NodeText, ownerText } from './node-text.ts';
import { ParentFolder } from './parent-folder.ts';
import { ReadingPlaces } from './reading-places.ts';
import { fileVersion } from './source-file.ts';

/** A file that was read; its blobs lie in the scanner's buffer. */
interface PendingFile {
  readonly blobs: readonly Uint8Array[];
  readonly finish: (content: readonly ObjectId[]) => void;
}

/** An entry of a folder; its paths are made when they are needed. */
class Entry {
  readonly folder: FolderHandle;
  /** One character for each byte. */
  readonly name: string;
  readonly #folderPath: Buffer;

  constructor(folder: FolderHandle, folderPath: Buffer, name: string) {
    this.folder = folder;
    this.name = name;
    this.#folderPath = folderPath;
  }

  get path(): Buffer {
    return joinPath(this.#folderPath, Buffer.from(this.name, 'latin1'));
  }

  get accessPath(): Buffer {
    return this.folder.path(Buffer.from(this.name, 'latin1'));
  }
}

/** What a job has found in all of its folders. */
class ScanCounts {
  readonly problems: ErrorReport[] = [];
  readonly files: Record<Change, number> = { new: 0, changed: 0, unmodified: 0 };
  bytesDone = 0;
  bytesRead = 0;
  entries = 0;

  get enough(): boolean {
    return this.entries >= limits.entriesTogether || this.bytesRead >= limits.bytesPerJob;
  }

  report(problem: HoldfastError): void {
    this.problems.push(problem.toJSON());
  }

  addFile(change: Change, sizeBytes: number): void {
    this.files[change] += 1;
    this.bytesDone += sizeBytes;
  }
}

const nothingExcluded = new Exclusions({});

/** Looks at folders in one worker thread. */
export class FolderScanner {
  readonly #store: BlobStore;
  readonly #opener: BlobOpener;
  readonly #chunker: Chunker;
  readonly #exclusions: Exclusions;
  readonly #unchangedRule: UnchangedRule;
  readonly #oneFileSystem: boolean;
  readonly #withAtime: boolean;
  readonly #places: ReadingPlaces;
  readonly #probe = new FolderProbe();
  readonly #comparison = FolderComparison.create({ day: dayOf, owner: ownerText });
  readonly #text = new NodeText();
  readonly #has = (id: Uint8Array): boolean => this.#store.index.has(id, 'data');
  #counts = new ScanCounts();
  /** Files are read behind one another into the chunker's memory, and their blobs hashed together. */
  #used = 0;
  #pending: PendingFile[] = [];

  constructor(setup: BackupSetup, store: BlobStore) {
    this.#store = store;
    this.#opener = new BlobOpener(setup.key);
    this.#chunker = new Chunker(limits.scanBufferSizeBytes, setup.gear);
    this.#exclusions = new Exclusions(setup);
    this.#unchangedRule = setup;
    this.#oneFileSystem = setup.oneFileSystem;
    this.#withAtime = setup.withAtime === true;
    this.#places = new ReadingPlaces(setup.readingPlaces);
  }

  scan(job: ScanJob): ScanResult {
    const counts = new ScanCounts();
    this.#counts = counts;
    const folders: ScanResult['folders'][number][] = job.folders.map(() => 'left');
    const sealed: { readonly number: number; readonly blob: SealedBlob }[] = [];
    for (const [number, folder] of job.folders.entries()) {
      const { parent } = folder;
      if (parent?.kind === 'sealed')
        sealed.push({ number, blob: { id: parent.id, ...parent.place, sealed: parent.bytes } });
      else if (!counts.enough) folders[number] = this.#folder(folder, parent?.bytes);
    }
    // Folders of the parent snapshot are opened and hashed side by side.
    this.#opener.open(
      sealed.map(({ blob }) => blob),
      (at, plain) => {
        const { number } = sealed[at] ?? { number: -1 };
        const folder = job.folders[number];
        if (folder !== undefined && !counts.enough) folders[number] = this.#folder(folder, plain);
      },
    );
    const { problems, files, bytesDone, bytesRead } = counts;
    return { kind: 'scan', folders, problems, files, bytesDone, bytesRead, stored: this.#store.takeStored() };
  }

  #folder(given: FolderToScan, parent: Uint8Array | Error | undefined): ScannedFolder | 'unchanged' {
    const path = Buffer.from(given.path, 'latin1');
    const scan = new FolderScan(given, this.#parentFolder(parent));
    let handle: FolderHandle;
    try {
      handle = FolderHandle.open(this.#places.of(path));
    } catch (error) {
      return this.#unreadable(scan, path, error);
    }
    using folder = handle;
    let names: readonly string[];
    try {
      // A snapshot of a file system is another one.
      if (given.device !== undefined && this.#places.begin(path))
        scan.device = fs.fstatSync(handle.fd, { bigint: true }).dev;
      if (this.#takeUnchanged(scan, handle)) return scan.result(this.#store);
      names = given.names ?? this.#probe.names(handle.fd, () => handle.prefix);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return this.#unreadable(scan, path, error);
    }
    // What the person named is wanted, as with restic.
    const exclusions = given.named ? nothingExcluded : this.#exclusions;
    names = exclusions.namesThatStay(folder, names);
    const parts = exclusions.anyPath ? [] : splitPath(path).map(patternText);
    const end = Math.min(names.length, limits.entriesPerJob);
    const bytesBefore = this.#counts.bytesRead;
    let at = 0;
    for (; at < end && this.#counts.bytesRead - bytesBefore < limits.bytesPerJob; at += 1) {
      const name = names[at] ?? '';
      if (!exclusions.anyPath && exclusions.leavesOut([...parts, patternText(Buffer.from(name, 'latin1'))])) continue;
      this.#entry(scan, new Entry(folder, path, name));
    }
    this.#counts.entries += at;
    this.#identifyPending();
    scan.leave(names.slice(at));
    return scan.result(this.#store);
  }

  /** Compares a whole folder at once and takes it; false when it is to be looked at entry by entry. */
  #takeUnchanged(scan: FolderScan, { fd }: FolderHandle): boolean {
    const { parent, folder, device } = scan;
    if (parent === undefined || folder.names !== undefined || this.#withAtime || !this.#exclusions.nothing)
      return false;
    const same = this.#comparison?.compare(fd, parent.bytes, {
      device: this.#oneFileSystem ? device : undefined,
      maxSizeBytes: this.#exclusions.maxSizeBytes,
      maxEntries: limits.entriesTogether,
      has: this.#has,
    });
    if (same === undefined) return false;
    scan.unchanged(same);
    this.#counts.entries += same.entries;
    this.#counts.files.unmodified += same.files;
    this.#counts.bytesDone += same.bytes;
    return true;
  }

  /** The end: gives its memory back; the store has sealed what it kept. */
  end(): void {
    discardMemory(this.#chunker.bytes);
  }

  #unreadable(scan: FolderScan, path: Buffer, error: unknown): ScannedFolder | 'unchanged' {
    this.#counts.report(readProblem(path, error));
    scan.failed = true;
    return scan.result(this.#store);
  }

  /** A folder of the parent snapshot; one that can't be read only costs time: everything in it is read again. */
  #parentFolder(tree: Uint8Array | Error | undefined): ParentFolder | undefined {
    if (tree === undefined) return undefined;
    try {
      if (tree instanceof Error) throw tree;
      return new ParentFolder(tree);
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      this.#counts.report(error);
      return undefined;
    }
  }

  #entry(scan: FolderScan, entry: Entry): void {
    const { folder, name } = entry;
    const [probe, text] = [this.#probe, this.#text];
    try {
      probe.look(folder.fd, name, () => entry.accessPath);
      const type = typeOf(probe.mode);
      const foreign = this.#oneFileSystem && scan.device !== undefined && probe.device !== scan.device;
      if (foreign && type !== 'dir') return;
      if (type === 'file' && probe.size > this.#exclusions.maxSizeBytes && !scan.folder.named) return;
      // Attributes are asked for even where the change time is what it was: not every file system sets it with them, and one that
      // was missed once would be missed for ever.
      const isPlain =
        !this.#withAtime && (type === 'file' || type === 'dir') && probe.exact && !probe.mayHaveXattrs(folder.fd);
      const node = isPlain ? undefined : this.#describe(entry, true);
      if (node === undefined) text.setPlain(name, probe);
      else text.setNode(node);
      if (type === 'dir') scan.subfolder(text, { name, device: probe.device, descend: !foreign });
      else if (type !== 'file') scan.node(text);
      else if (scan.unchangedFile(text, this.#has)) this.#counts.addFile('unmodified', probe.size);
      else this.#file(scan, entry, node ?? this.#describe(entry, false));
    } catch (error) {
      // Only what one file can cause: an index or memory that fails must end the run.
      if (errnoOf(error) === undefined) throw error;
      this.#counts.report(
        scan.folder.named && errnoOf(error) === 'ENOENT'
          ? problem('file.unreadable', entry.path, 'does not exist', error)
          : readProblem(entry.path, error),
      );
    }
  }

  /** The node of the entry that was looked at last. */
  #describe(entry: Entry, mayHaveXattrs: boolean): Node {
    const { name, path, accessPath } = entry;
    const withAtime = this.#withAtime;
    const stat = this.#probe.status();
    const file = { name: Buffer.from(name, 'latin1'), path, accessPath, stat, withAtime, mayHaveXattrs };
    return describeFile(file, (found) => this.#counts.report(found));
  }

  /** A file that is new, or differs from the parent snapshot in something. `#text` is its own. */
  #file(scan: FolderScan, entry: Entry, node: Node): void {
    const text = this.#text;
    const stat = this.#probe.status();
    const before = scan.parentNode(text);
    const parent = before?.type === 'file' ? before : undefined;
    if (parent !== undefined && isUnmodified(stat, parent, this.#unchangedRule) && this.#hasAll(parent.content ?? [])) {
      this.#counts.addFile('unmodified', Number(stat.size));
      scan.file(text.toString())(parent.content ?? []);
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
        this.#counts.report(problem('file.changed', entry.path, 'is no longer a file, and is left out'));
        return;
      }
      if (fileVersion(after) !== fileVersion(stat))
        this.#counts.report(problem('file.changed', entry.path, 'changed while it was being read'));
      this.#counts.bytesRead += length;
      const blobs = this.#cut(this.#used, this.#used + length);
      this.#used += length;
      const sizeBytes = BigInt(length);
      if (sizeBytes !== stat.size) text.setNode({ ...node, size: sizeBytes });
      const finish = scan.file(text.toString());
      this.#counts.addFile(change, length);
      this.#pending.push({ blobs, finish });
      if (this.#pending.length >= limits.filesStoredAtOnce) this.#identifyPending();
    } finally {
      fs.closeSync(fd);
    }
  }

  #cut(start: number, end: number): Uint8Array[] {
    const { bytes } = this.#chunker;
    if (end - start <= limits.chunkMinSizeBytes) return start === end ? [] : [bytes.subarray(start, end)];
    const chunks = this.#store.processing(() => this.#chunker.chunks({ start, end }, { last: true }));
    return chunks.map((chunk) => bytes.subarray(chunk.start, chunk.end));
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

/** restic's rule: nothing that the system keeps about the content has changed. */
function isUnmodified(stat: FileStatus, parent: Node, { ignoreInode, ignoreCtime }: UnchangedRule): boolean {
  return (
    (parent.size ?? 0n) === stat.size &&
    (ignoreInode || parent.inode === stat.ino) &&
    parseTime(parent.mtime) === stat.mtimeNs &&
    (ignoreInode || ignoreCtime || parseTime(parent.ctime) === stat.ctimeNs)
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
