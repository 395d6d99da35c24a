import {
  type BigIntStats,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { listXattrs, readXattr } from '@holdfast/native';

/**
 * Compares a folder with its restored copy: every byte and every attribute that a restore can bring back. It shares no
 * code with the engine, so that a mistake there cannot hide itself here.
 *
 * Not compared, because no restore can set or keep them: ctime, inode numbers, atime (reading the source to compare it
 * changes it), and, without root, owners and the `security.` and `trusted.` attributes.
 */

export interface Difference {
  readonly path: string;
  /** What differs: `content`, `mode`, `owner`, `mtime`, `missing` … */
  readonly what: string;
  readonly source: string;
  readonly restored: string;
}

export interface ComparisonReport {
  readonly files: number;
  readonly directories: number;
  /** Symbolic links, devices, fifos, sockets. */
  readonly others: number;
  readonly bytes: number;
  readonly attributes: number;
  readonly differenceCount: number;
  /** The first hundred. */
  readonly differences: readonly Difference[];
  /** Entries of the source that changed after the backup began: they differ for a good reason and are not compared. The first hundred. */
  readonly changedSince: readonly string[];
  readonly changedSinceCount: number;
  readonly ownersCompared: boolean;
}

export interface ComparisonOptions {
  readonly source: string;
  readonly restored: string;
  /** Whole paths of the source that were not backed up. */
  readonly leftOut: ReadonlySet<string>;
  /** When the backup began. */
  readonly since: Date;
  readonly signal?: AbortSignal | undefined;
  onProgress?(done: { readonly files: number; readonly bytes: number }): void;
}

const listedAtMost = 100;
const pieceBytes = 1024 * 1024;
const yieldEvery = 64;

export async function compareFolders(options: ComparisonOptions): Promise<ComparisonReport> {
  return new Comparison(options).run();
}

/** One entry on both sides: how to open it, and how to name it. Opened through their folders, so that no path is too long. */
interface Pair {
  readonly path: Buffer;
  readonly source: Buffer;
  readonly restored: Buffer;
}

class Comparison {
  readonly #options: ComparisonOptions;
  readonly #isRoot = process.getuid?.() === 0;
  readonly #sinceNs: bigint;
  /** inode of a hard-linked file of the source, to the inode that its first name has in the copy. */
  readonly #links = new Map<string, string>();
  readonly #differences: Difference[] = [];
  readonly #changed: string[] = [];
  readonly #left = Buffer.allocUnsafe(pieceBytes);
  readonly #right = Buffer.allocUnsafe(pieceBytes);
  #counts = { files: 0, directories: 0, others: 0, bytes: 0, attributes: 0, differences: 0, changed: 0, steps: 0 };

  constructor(options: ComparisonOptions) {
    this.#options = options;
    this.#sinceNs = BigInt(options.since.getTime()) * 1_000_000n;
  }

  async run(): Promise<ComparisonReport> {
    const source = Buffer.from(this.#options.source);
    await this.#entry({ path: source, source, restored: Buffer.from(this.#options.restored) });
    const { files, directories, others, bytes, attributes } = this.#counts;
    return {
      files,
      directories,
      others,
      bytes,
      attributes,
      differenceCount: this.#counts.differences,
      differences: this.#differences,
      changedSince: this.#changed,
      changedSinceCount: this.#counts.changed,
      ownersCompared: this.#isRoot,
    };
  }

  async #entry(pair: Pair): Promise<void> {
    this.#options.signal?.throwIfAborted();
    if (this.#counts.steps++ % yieldEvery === 0) {
      this.#options.onProgress?.({ files: this.#counts.files, bytes: this.#counts.bytes });
      await yieldToOthers();
    }
    const source = lstatSync(pair.source, { bigint: true });
    const restored = lstatSync(pair.restored, { bigint: true });
    const changed = source.ctimeNs >= this.#sinceNs || source.mtimeNs >= this.#sinceNs;
    if (changed) this.#noteChanged(pair.path);
    if (typeOf(source) !== typeOf(restored)) {
      if (!changed) this.#differ(pair.path, 'type', typeOf(source), typeOf(restored));
      return;
    }
    if (!changed) this.#compareAttributes(pair, source, restored);
    if (source.isDirectory()) await this.#directory(pair, changed);
    else if (source.isFile()) await this.#file(pair, source, changed);
    else this.#other(pair, source, restored, changed);
  }

  async #directory(pair: Pair, changed: boolean): Promise<void> {
    this.#counts.directories++;
    using source = openDirectory(pair.source);
    using restored = openDirectory(pair.restored);
    const sourceNames = new Map(source.names().map((name) => [name.toString('latin1'), name]));
    const restoredNames = new Map(restored.names().map((name) => [name.toString('latin1'), name]));
    for (const [key, name] of sourceNames) {
      const path = Buffer.concat([pair.path, Buffer.from('/'), name]);
      if (this.#options.leftOut.has(path.toString())) continue;
      if (restoredNames.has(key))
        await this.#entry({ path, source: source.child(name), restored: restored.child(name) });
      else if (changed || createdSince(source.child(name), this.#sinceNs)) this.#noteChanged(path);
      else this.#differ(path, 'missing', 'there', 'not restored');
    }
    for (const [key, name] of restoredNames) {
      if (sourceNames.has(key)) continue;
      const path = Buffer.concat([pair.path, Buffer.from('/'), name]);
      if (changed) this.#noteChanged(path);
      else this.#differ(path, 'extra', 'not there', 'restored');
    }
  }

  async #file(pair: Pair, source: BigIntStats, changed: boolean): Promise<void> {
    this.#counts.files++;
    if (changed) return;
    const left = openSync(pair.source, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const right = openSync(pair.restored, constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        const at = await this.#firstDifference(left, right);
        if (at !== undefined) this.#differ(pair.path, 'content', `${source.size} bytes`, `differs from byte ${at}`);
      } finally {
        closeSync(right);
      }
    } finally {
      closeSync(left);
    }
  }

  async #firstDifference(left: number, right: number): Promise<number | undefined> {
    for (let offset = 0; ; ) {
      const leftCount = readFully(left, this.#left, offset);
      const rightCount = readFully(right, this.#right, offset);
      const count = Math.min(leftCount, rightCount);
      if (this.#left.compare(this.#right, 0, count, 0, count) !== 0) {
        for (let index = 0; index < count; index++) if (this.#left[index] !== this.#right[index]) return offset + index;
      }
      if (leftCount !== rightCount) return offset + count;
      offset += count;
      this.#counts.bytes += count;
      if (count < pieceBytes) return undefined;
      this.#options.signal?.throwIfAborted();
      this.#options.onProgress?.({ files: this.#counts.files, bytes: this.#counts.bytes });
      await yieldToOthers();
    }
  }

  #other(pair: Pair, source: BigIntStats, restored: BigIntStats, changed: boolean): void {
    this.#counts.others++;
    if (changed) return;
    if (source.isSymbolicLink()) {
      const [from, to] = [readlinkSync(pair.source, 'buffer'), readlinkSync(pair.restored, 'buffer')];
      if (!from.equals(to)) this.#differ(pair.path, 'link target', from.toString(), to.toString());
    } else if ((source.isBlockDevice() || source.isCharacterDevice()) && source.rdev !== restored.rdev) {
      this.#differ(pair.path, 'device', String(source.rdev), String(restored.rdev));
    }
  }

  #compareAttributes(pair: Pair, source: BigIntStats, restored: BigIntStats): void {
    const compare = (what: string, left: bigint | string, right: bigint | string): void => {
      this.#counts.attributes++;
      if (left !== right) this.#differ(pair.path, what, String(left), String(right));
    };
    if (!source.isSymbolicLink()) compare('mode', source.mode.toString(8), restored.mode.toString(8));
    if (this.#isRoot) {
      compare('owner', source.uid, restored.uid);
      compare('group', source.gid, restored.gid);
    }
    compare('mtime', source.mtimeNs, restored.mtimeNs);
    if (source.isFile()) {
      compare('size', source.size, restored.size);
      if (source.nlink > 1n) this.#compareLinks(pair, source, restored);
    }
    const [left, right] = [this.#xattrs(pair.source), this.#xattrs(pair.restored)];
    for (const name of new Set([...left.keys(), ...right.keys()])) {
      compare(`attribute ${name}`, left.get(name) ?? '(none)', right.get(name) ?? '(none)');
    }
  }

  /** Two names of one file in the source are two names of one file in the copy. */
  #compareLinks(pair: Pair, source: BigIntStats, restored: BigIntStats): void {
    const key = `${source.dev}:${source.ino}`;
    const inode = `${restored.dev}:${restored.ino}`;
    const seen = this.#links.get(key);
    if (seen === undefined) this.#links.set(key, inode);
    else if (seen !== inode) this.#differ(pair.path, 'hard link', 'one file with several names', 'a file of its own');
    this.#counts.attributes++;
  }

  /** Extended attributes by name, as hexadecimal text. POSIX ACLs are among them. */
  #xattrs(path: Buffer): Map<string, string> {
    const found = new Map<string, string>();
    for (const name of listXattrs(path)) {
      const text = name.toString('latin1');
      if (!this.#isRoot && /^(security|trusted)\./.test(text)) continue;
      found.set(text, readXattr(path, name)?.toString('hex') ?? '(gone)');
    }
    return found;
  }

  #differ(path: Buffer, what: string, source: string, restored: string): void {
    this.#counts.differences++;
    if (this.#differences.length < listedAtMost)
      this.#differences.push({ path: path.toString(), what, source, restored });
  }

  #noteChanged(path: Buffer): void {
    this.#counts.changed++;
    if (this.#changed.length < listedAtMost) this.#changed.push(path.toString());
  }
}

interface OpenDirectory extends Disposable {
  names(): Buffer[];
  child(name: Buffer): Buffer;
}

/** A folder whose children are named through its descriptor, so that neither a long path nor a swapped link matters (Linux); by path elsewhere. */
function openDirectory(path: Buffer): OpenDirectory {
  const fd = openSync(path, constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0));
  const base = process.platform === 'linux' ? Buffer.from(`/proc/self/fd/${fd}`) : path;
  return {
    names: () => readdirSync(base, { encoding: 'buffer' }),
    child: (name) => Buffer.concat([base, Buffer.from('/'), name]),
    [Symbol.dispose]: () => closeSync(fd),
  };
}

function createdSince(path: Buffer, sinceNs: bigint): boolean {
  return lstatSync(path, { bigint: true }).ctimeNs >= sinceNs;
}

function readFully(fd: number, into: Buffer, position: number): number {
  let count = 0;
  while (count < into.length) {
    const got = readSync(fd, into, count, into.length - count, position + count);
    if (got === 0) break;
    count += got;
  }
  return count;
}

function typeOf(stats: BigIntStats): string {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'folder';
  if (stats.isSymbolicLink()) return 'symbolic link';
  if (stats.isFIFO()) return 'fifo';
  if (stats.isSocket()) return 'socket';
  if (stats.isBlockDevice()) return 'block device';
  return 'character device';
}
