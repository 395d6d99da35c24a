import { deviceNumber } from './folder-probe.ts';
import { loadKernels } from './kernels.ts';
import { folderListSizeBytes } from './limits.ts';
import { holding, numericAddress } from './memory-address.ts';

/** What times of one day UTC have in common. */
export interface DayOfTimes {
  /** Local time's distance from UTC; undefined where it changes within the day. */
  readonly offsetSeconds: number | undefined;
  /** How times end: `+01:00`. */
  readonly zone: Uint8Array;
}

/** What the text of a node has beside what the system tells of the entry. */
export interface NodeParts {
  /** @param day since 1970 */
  readonly day: (day: number) => DayOfTimes;
  /** From the end of the last time to the inode's number. */
  readonly owner: (uid: number, gid: number) => Uint8Array;
}

export interface ComparisonRule {
  /** The number of the file system that all entries are on; any if left out. */
  readonly device: bigint | undefined;
  readonly maxSizeBytes: number;
  readonly maxEntries: number;
  /** Whether the blob of a file's content is there; the id is only lent. */
  readonly has: (id: Uint8Array) => boolean;
}

/** A folder that is what its tree says. */
export interface SameFolder {
  readonly entries: number;
  readonly files: number;
  readonly bytes: number;
  readonly folders: readonly FolderInTree[];
}

/** A folder in it: where in the tree its node and the id of its own tree begin, and the number of the file system it is on. */
export interface FolderInTree {
  readonly nodeAt: number;
  readonly treeAt: number;
  readonly device: bigint;
}

/** The same as in compare-folder.c: its answers, sizes, and the places of its fields in words of 32 bits. */
const [same, wantsDay, wantsOwner, wantsRoom, lacksCall] = [0, 2, 3, 4, 5];
const [days, ids, folders] = [4096, 1024, 256];
const [idSizeBytes, daySizeBytes, zoneMaxChars] = [32, 16, 6];
const at = {
  ...{ text: 0, length: 2, days: 4, owner: 6, list: 8, ids: 10, folders: 12, maxSize: 14, device: 16 },
  ...{ fd: 18, ownerLength: 19, uid: 20, gid: 21, maxEntries: 22, next: 24, entriesLeft: 26, files: 28, bytes: 30 },
  ...{ idCount: 36, folderCount: 38, wantedDay: 40, wantedUid: 42, wantedGid: 43, end: 46 },
} as const;
/** A node can want two days, an owner and room. More only when its days have one place in the table, which would go on for ever. */
const maxTries = 5;
const anyDevice = 2n ** 64n - 1n;

/**
 * Compares folders with their trees in a snapshot, in the kernel: one call for a folder, and no object for an entry. One per
 * thread. What it does not know of, such as links or names with quotes, it takes for a difference.
 */
export class FolderComparison {
  readonly #run: (comparison: number) => number;
  readonly #parts: NodeParts;
  readonly #words = new Uint32Array(at.end);
  readonly #longs = new BigUint64Array(this.#words.buffer);
  readonly #days = new Uint8Array(days * daySizeBytes);
  readonly #list = new Uint8Array(folderListSizeBytes);
  readonly #ids: readonly Uint8Array[];
  readonly #folders = new Uint32Array(folders * 4);
  #owner = new Uint8Array(0);
  #works = true;

  private constructor(run: (comparison: number) => number, parts: NodeParts) {
    this.#run = run;
    this.#parts = parts;
    const idBytes = new Uint8Array(ids * idSizeBytes);
    this.#ids = Array.from({ length: ids }, (_, id) => idBytes.subarray(id * idSizeBytes, (id + 1) * idSizeBytes));
    this.#put(at.days, numericAddress(this.#days));
    this.#put(at.list, numericAddress(this.#list));
    this.#put(at.ids, numericAddress(idBytes));
    this.#put(at.folders, numericAddress(this.#folders));
  }

  /** Undefined where there is no kernel. @param file another build of it, for tests */
  static create(parts: NodeParts, file?: string): FolderComparison | undefined {
    const run = loadKernels(file)?.bind<(comparison: number) => number>(
      'uint32_t holdfast_compare_folder(uint64_t comparison)',
    );
    return run && new FolderComparison(run, parts);
  }

  /**
   * Undefined when the folder is not known to be what the tree says; its entries can be listed after that.
   * @param folder just opened
   */
  compare(folder: number, tree: Uint8Array, rule: ComparisonRule): SameFolder | undefined {
    if (!this.#works) return undefined;
    const words = this.#words;
    this.#put(at.text, numericAddress(tree));
    this.#put(at.length, tree.byteLength);
    this.#put(at.maxSize, Math.min(rule.maxSizeBytes, Number.MAX_SAFE_INTEGER));
    this.#longs[at.device / 2] = rule.device ?? anyDevice;
    words[at.fd] = folder;
    this.#put(at.maxEntries, rule.maxEntries);
    this.#put(at.next, 0);
    const found: FolderInTree[] = [];
    for (let tries = 0, before = 0; tries < maxTries; ) {
      const answer = holding([this, tree], () => this.#run(numericAddress(words)));
      for (let id = 0; id < this.#number(at.idCount); id += 1)
        if (!rule.has(this.#ids[id] ?? new Uint8Array(0))) return undefined;
      this.#takeFolders(found);
      if (answer === same) {
        const files = this.#number(at.files);
        return { entries: files + found.length, files, bytes: this.#number(at.bytes), folders: found };
      }
      if (answer === wantsDay) this.#setDay(this.#number(at.wantedDay));
      else if (answer === wantsOwner) this.#setOwner(words[at.wantedUid] ?? 0, words[at.wantedGid] ?? 0);
      else if (answer !== wantsRoom) {
        if (answer === lacksCall) this.#works = false;
        return undefined;
      }
      const next = this.#number(at.next);
      tries = next === before ? tries + 1 : 1;
      before = next;
    }
    return undefined;
  }

  #takeFolders(found: FolderInTree[]): void {
    const list = this.#folders;
    for (let word = 0; word < this.#number(at.folderCount) * 4; word += 4)
      found.push({
        nodeAt: list[word] ?? 0,
        treeAt: list[word + 1] ?? 0,
        device: deviceNumber(list[word + 2] ?? 0, list[word + 3] ?? 0),
      });
  }

  #setDay(day: number): void {
    const { offsetSeconds, zone } = this.#parts.day(day);
    const isUsable = offsetSeconds !== undefined && zone.length <= zoneMaxChars;
    const start = (day % days) * daySizeBytes;
    const numbers = new DataView(this.#days.buffer, start, daySizeBytes);
    numbers.setInt32(0, day, true);
    numbers.setInt32(4, offsetSeconds ?? 0, true);
    numbers.setUint8(8, 1);
    numbers.setUint8(9, isUsable ? zone.length : 0);
    if (isUsable) this.#days.set(zone, start + 10);
  }

  #setOwner(uid: number, gid: number): void {
    this.#owner = new Uint8Array(this.#parts.owner(uid, gid));
    this.#put(at.owner, numericAddress(this.#owner));
    const words = this.#words;
    [words[at.ownerLength], words[at.uid], words[at.gid]] = [this.#owner.length, uid, gid];
  }

  #put(word: number, value: number): void {
    this.#words[word] = value;
    this.#words[word + 1] = value / 2 ** 32;
  }

  #number(word: number): number {
    return (this.#words[word] ?? 0) + (this.#words[word + 1] ?? 0) * 2 ** 32;
  }
}
