import { Bitmap } from '../blob-index/bitmap.ts';
import { BlobIndex } from '../blob-index/blob-index.ts';
import { isDamage } from '../damage.ts';
import { sealOverheadBytes } from '../format/blob-cipher.ts';
import type { IndexFilePack } from '../format/index-file.ts';
import type { Node } from '../format/node.ts';
import { idBytes, type ObjectId, parseObjectId, shortId } from '../format/object-id.ts';
import { encodeHeader, headerLengthSizeBytes } from '../format/pack-header.ts';
import { decodeTree, firstOutOfOrder } from '../format/tree.ts';
import { requireHash } from '../format/unpacked-file.ts';
import { limits } from '../limits.ts';
import { headerDigest } from '../packs/header-digest.ts';
import type { OnProblem, Repository } from '../repository.ts';
import { TreeSource } from '../tree-source.ts';
import { type CheckReport, ProblemList } from './check-report.ts';
import { choosePacks, type DataSubset } from './data-subset.ts';
import type { PackToVerify } from './pack-windows.ts';
import { verifyInThreads } from './verify-pool.ts';

export interface CheckProgress {
  readonly phase: 'index' | 'packs' | 'trees' | 'data';
  readonly done: number;
  /** Unknown for trees. */
  readonly total?: number;
  readonly bytesDone: number;
  readonly bytesTotal?: number;
}

export interface CheckOptions {
  /**
   * Reads packs and verifies every blob in them; otherwise only the structure. 'blobs' leaves out the hash of whole packs: all
   * their bytes are covered by the blobs' MACs and hashes and by the header's MAC.
   */
  readonly readData?: 'packs' | 'blobs' | undefined;
  /** With `readData`, only these packs. */
  readonly subset?: DataSubset | undefined;
  /** Only these snapshots are followed, and with `readData` only packs read that hold something of theirs; all if left out. */
  readonly snapshots?: ReadonlySet<ObjectId> | undefined;
  /** Draws packs at random for a subset; numbers from 0 to below 1. */
  readonly random?: (() => number) | undefined;
  readonly onProgress?: (progress: CheckProgress) => void;
  readonly signal?: AbortSignal | undefined;
}

/** What the index says about a pack. */
interface PackFacts {
  readonly digest: string;
  readonly sizeBytes: number;
  /** Sealed header and its length. */
  readonly tailBytes: number;
}

const progressEveryMs = 100;

/**
 * Checks a repository and reports every problem it finds; it only throws what keeps it from going on (storage that does
 * not answer, cancellation). Hold a lock while it runs, a shared one suffices: nobody may prune.
 *
 * The order lets backups go on beside it: snapshots are listed before the index is read, so all they need is in it, and
 * packs after, so all it names are there.
 */
export async function checkRepository(repository: Repository, options: CheckOptions = {}): Promise<CheckReport> {
  return new Check(repository, options).run();
}

class Check {
  readonly #repository: Repository;
  readonly #options: CheckOptions;
  readonly #found = new ProblemList();
  /** What reading packs finds, while the snapshots are followed. */
  readonly #foundInPacks = new ProblemList();
  readonly #packs = new Map<ObjectId, PackFacts>();
  readonly #index = BlobIndex.create();
  readonly #trees: TreeSource;
  #reportedMs = 0;
  #bytesRead = 0;
  #readingData = false;
  #indexIsWrong = false;
  #prunable = false;

  constructor(repository: Repository, options: CheckOptions) {
    this.#repository = repository;
    this.#options = options;
    this.#trees = new TreeSource({
      target: repository.target,
      cipher: repository.cipher,
      readOnceBytes: limits.checkTreeCacheBytes,
    });
  }

  async run(): Promise<CheckReport> {
    const { signal } = this.#options;
    await this.#checkKeys();
    const roots = new Map<ObjectId, ObjectId>();
    let [snapshots, allSnapshots] = [0, 0];
    const onProblem: OnProblem = (problem, id) => this.#found.add('error', `snapshot ${id}`, problem.message);
    for await (const { id, snapshot } of this.#repository.snapshots({ onProblem, signal })) {
      allSnapshots += 1;
      if (this.#options.snapshots?.has(id) === false) continue;
      snapshots += 1;
      roots.set(snapshot.tree, id);
    }
    const indexFiles = await this.#readIndex();
    const present = await this.#comparePacks();
    const { trees, used } = await this.#followAndRead(roots, present);
    this.#found.append(this.#foundInPacks);
    return {
      problems: this.#found.problems,
      errors: this.#found.errors,
      warnings: this.#found.warnings,
      snapshots,
      allSnapshots,
      indexFiles,
      packs: this.#packs.size,
      blobs: this.#index.blobCount,
      trees,
      // What other snapshots use is not known then.
      unusedBlobs: this.#options.snapshots === undefined ? this.#index.blobCount - used.count : undefined,
      bytesRead: this.#bytesRead,
      brokenPacks: [...this.#found.brokenPacks].sort(),
      suggestRepairIndex: this.#indexIsWrong,
      suggestPrune: this.#prunable,
    };
  }

  /** The snapshots are followed in this thread while others verify packs. */
  async #followAndRead(
    roots: ReadonlyMap<ObjectId, ObjectId>,
    present: readonly PackToVerify[],
  ): Promise<{ trees: number; used: Bitmap }> {
    const { readData, snapshots } = this.#options;
    if (readData === undefined) return this.#walkTrees(roots, this.#options.signal);
    const failed = new AbortController();
    const signal = this.#options.signal ? AbortSignal.any([this.#options.signal, failed.signal]) : failed.signal;
    if (snapshots !== undefined) {
      // Which packs are to be read is known when they were followed.
      const walked = await this.#walkTrees(roots, signal);
      const needed = this.#packsOf(walked.used);
      await this.#readPacks(
        present.filter(({ id }) => needed.has(id)),
        readData,
        signal,
      );
      return walked;
    }
    const both = [this.#walkTrees(roots, signal), this.#readPacks(present, readData, signal)] as const;
    try {
      return (await Promise.all(both))[0];
    } catch (error) {
      // One's failure ends the other, and nothing goes on behind the caller's back.
      failed.abort(error);
      await Promise.allSettled(both);
      throw error;
    }
  }

  async #checkKeys(): Promise<void> {
    const { signal } = this.#options;
    for (const info of await this.#repository.list('key', { signal })) {
      const id = parseObjectId(info.id, 'The list of keys');
      try {
        const bytes = await this.#repository.target.read({ type: 'key', id }, { signal });
        requireHash(bytes, { id, what: `Key ${shortId(id)}` });
      } catch (error) {
        if (!isDamage(error)) throw error;
        this.#found.add('error', `key ${id}`, error.message);
      }
    }
  }

  async #readIndex(): Promise<number> {
    const infos = await this.#repository.list('index', { signal: this.#options.signal });
    let done = 0;
    for await (const file of this.#repository.readIndexFiles(infos, this.#options)) {
      if ('problem' in file) {
        this.#indexIsWrong = true;
        this.#found.add('error', `index ${file.id}`, file.problem.message);
      } else for (const pack of file.packs) this.#notePack(file.id, pack);
      done += 1;
      this.#progress({ phase: 'index', done, total: infos.length, bytesDone: 0 });
    }
    return infos.length;
  }

  #notePack(indexId: ObjectId, pack: IndexFilePack): void {
    const object = `pack ${pack.id}`;
    const blobs = pack.blobs.toSorted((a, b) => a.offset - b.offset);
    let end = 0;
    let gaps = false;
    for (const blob of blobs) {
      gaps ||= blob.offset !== end;
      end = blob.offset + blob.length;
      this.#index.addBlob(blob.id, blob.type, { ...blob, packId: pack.id });
    }
    if (gaps) {
      this.#indexIsWrong = true;
      this.#found.add('error', object, `index ${shortId(indexId)} lists its blobs with gaps or overlaps`);
    }
    if (blobs.some((blob) => blob.type !== blobs[0]?.type)) {
      this.#prunable = true;
      this.#found.add('warning', object, 'it mixes data and trees; `prune` separates them');
    }
    const header = encodeHeader(blobs.map((blob) => ({ ...blob, id: idBytes(blob.id) })));
    const tailBytes = header.byteLength + sealOverheadBytes + headerLengthSizeBytes;
    const facts: PackFacts = { digest: headerDigest(header), sizeBytes: end + tailBytes, tailBytes };
    const known = this.#packs.get(pack.id);
    if (known === undefined) this.#packs.set(pack.id, facts);
    else {
      this.#indexIsWrong = true;
      if (known.digest === facts.digest) this.#found.add('warning', object, 'several index files list it');
      else this.#found.add('error', object, 'index files disagree about its blobs');
    }
  }

  /** Compares the packs of the index with those that are there. Gives the ones to read. */
  async #comparePacks(): Promise<PackToVerify[]> {
    const infos = await this.#repository.list('data', { signal: this.#options.signal });
    const present: PackToVerify[] = [];
    const seen = new Set<string>();
    for (const info of infos) {
      const id = parseObjectId(info.id, 'The list of packs');
      const facts = this.#packs.get(id);
      if (facts === undefined) {
        this.#prunable = true;
        this.#found.add('warning', `pack ${id}`, 'no index file lists it: an interrupted backup leaves such packs');
        continue;
      }
      seen.add(id);
      present.push({ id, sizeBytes: info.sizeBytes, tailBytes: facts.tailBytes, indexDigest: facts.digest });
      if (facts.sizeBytes !== info.sizeBytes)
        this.#found.broken(id, `it has ${info.sizeBytes} bytes where the index expects ${facts.sizeBytes}`);
    }
    for (const id of this.#packs.keys()) {
      if (seen.has(id)) continue;
      this.#indexIsWrong = true;
      this.#found.add('error', `pack ${id}`, 'it is missing');
    }
    this.#progress({ phase: 'packs', done: infos.length, total: infos.length, bytesDone: 0 });
    return present;
  }

  #packsOf(blobs: Bitmap): Set<ObjectId> {
    const packs = new Bitmap(this.#index.packCount);
    for (let entry = 0; entry < this.#index.blobCount; entry += 1)
      if (blobs.has(entry)) packs.set(this.#index.packNumberOf(entry));
    const ids = new Set<ObjectId>();
    for (let pack = 0; pack < this.#index.packCount; pack += 1) if (packs.has(pack)) ids.add(this.#index.packId(pack));
    return ids;
  }

  /** Goes from the snapshots down. Each tree is loaded once; used blobs are one bit each. */
  async #walkTrees(
    roots: ReadonlyMap<ObjectId, ObjectId>,
    signal: AbortSignal | undefined,
  ): Promise<{ trees: number; used: Bitmap }> {
    const used = new Bitmap(this.#index.blobCount);
    const stack: ObjectId[] = [];
    const visit = (id: ObjectId, from: string): void => {
      const entry = this.#index.entryOf(id, 'tree');
      if (entry < 0) this.#found.add('error', from, `it needs tree ${id}, which is not in the index`);
      else if (used.set(entry)) stack.push(id);
    };
    for (const [tree, snapshot] of roots) visit(tree, `snapshot ${snapshot}`);
    let trees = 0;
    while (stack.length > 0) {
      signal?.throwIfAborted();
      const batch = stack.splice(-limits.parallelTreeLoads);
      const loaded = await Promise.all(batch.map((id) => this.#loadTree(id, signal)));
      for (const [at, id] of batch.entries())
        for (const node of loaded[at] ?? []) this.#checkNode(`tree ${id}`, node, used, visit);
      trees += batch.length;
      this.#progress({ phase: 'trees', done: trees, bytesDone: 0 });
    }
    return { trees, used };
  }

  async #loadTree(id: ObjectId, signal: AbortSignal | undefined): Promise<Node[]> {
    try {
      const tree = decodeTree(await this.#trees.load(this.#index, id, signal));
      const wrong = firstOutOfOrder(tree);
      if (wrong !== undefined)
        this.#found.add('error', `tree ${id}`, `its entries are not in order at ${JSON.stringify(wrong.toString())}`);
      return tree;
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#found.add('error', `tree ${id}`, error.message);
      return [];
    }
  }

  #checkNode(object: string, node: Node, used: Bitmap, visit: (id: ObjectId, from: string) => void): void {
    const name = JSON.stringify(node.name.toString());
    if (node.type === 'dir') {
      if (node.subtree === undefined) this.#found.add('error', object, `the folder ${name} has no tree`);
      else visit(node.subtree, object);
    }
    if (node.type !== 'file') return;
    if (node.content === null) this.#found.add('error', object, `the file ${name} has no content`);
    for (const id of node.content ?? []) {
      const entry = this.#index.entryOf(id, 'data');
      if (entry < 0) this.#found.add('error', object, `the file ${name} needs blob ${id}, which is not in the index`);
      else used.set(entry);
    }
  }

  async #readPacks(present: readonly PackToVerify[], readData: 'packs' | 'blobs', signal: AbortSignal): Promise<void> {
    const { subset, random = Math.random } = this.#options;
    const packs = subset === undefined ? present : choosePacks(present, subset, random);
    const bytesTotal = packs.reduce((sum, pack) => sum + pack.sizeBytes, 0);
    const { target, masterKey } = this.#repository;
    let done = 0;
    this.#readingData = true;
    await verifyInThreads({
      target,
      key: masterKey,
      packs,
      hashPacks: readData === 'packs',
      signal,
      onVerified: ({ id, sizeBytes, problems }) => {
        for (const message of problems) this.#foundInPacks.broken(id, message);
        done += 1;
        this.#bytesRead += sizeBytes;
        this.#progress({ phase: 'data', done, total: packs.length, bytesDone: this.#bytesRead, bytesTotal });
      },
    });
  }

  #progress(progress: CheckProgress): void {
    // The longer one of two that go on at once.
    if (this.#readingData && progress.phase === 'trees') return;
    const nowMs = this.#repository.clock.monotonicMs();
    if (progress.done !== progress.total && nowMs - this.#reportedMs < progressEveryMs) return;
    this.#reportedMs = nowMs;
    this.#options.onProgress?.(progress);
  }
}
