import { hkdfSync } from 'node:crypto';
import { type Clock, HoldfastError, isHoldfastError, toHoldfastError } from '@holdfast/core';
import type { ObjectInfo, ObjectType, StagedObject, Target } from '@holdfast/storage';
import { BlobIndex } from './blob-index/blob-index.ts';
import { type ListedFile, readListings } from './blob-index/index-reader.ts';
import { isDamage } from './damage.ts';
import { deleteObject } from './delete-object.ts';
import { type BlobPlace, type BlobType, openBlob } from './format/blob.ts';
import { BlobCipher } from './format/blob-cipher.ts';
import type { Compression } from './format/compression.ts';
import type { RepositoryConfig } from './format/config.ts';
import { decodeIndex, encodeIndex, type IndexedPack, type IndexFilePack } from './format/index-file.ts';
import type { Node } from './format/node.ts';
import { idSizeBytes, type ObjectId, parseObjectId, shortId } from './format/object-id.ts';
import type { RepositoryKey } from './format/repository-key.ts';
import { parseTime } from './format/rfc3339.ts';
import { decodeSnapshot, encodeSnapshot, type Snapshot } from './format/snapshot.ts';
import { decodeTree } from './format/tree.ts';
import { decodeFile, encodeFile, refuseLarge } from './format/unpacked-file.ts';
import { limits } from './limits.ts';
import { type LockContext, type LockOptions, RepositoryLock } from './locks/repository-lock.ts';
import type { FinishedPack } from './packs/pack-builder.ts';
import { TreeSource } from './tree-source.ts';

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface FoundSnapshot {
  readonly id: ObjectId;
  readonly snapshot: Snapshot;
}

/** A file that could not be read, opened or understood. */
export interface FileProblem {
  readonly id: ObjectId;
  readonly problem: HoldfastError;
}

/** Told of a file that was skipped, by its id. */
export type OnProblem = (problem: HoldfastError, id: ObjectId) => void;

/**
 * An open repository. The target stays the caller's: dispose it after the repository's last use.
 *
 * Durability order, which makes every crash harmless: a pack is durable before an index file names it (`savePack`, then
 * `saveIndex`), and every index file before a snapshot refers to what it holds (`saveSnapshot` last). What a crash leaves
 * behind is unreferenced, never broken.
 */
export class Repository {
  readonly target: Target;
  readonly config: RepositoryConfig;
  readonly clock: Clock;
  /** The key file whose password opened the repository; undefined when it was opened with the master key itself. */
  readonly keyId: ObjectId | undefined;
  readonly #key: RepositoryKey;
  readonly #cipher: BlobCipher;
  readonly #trees: TreeSource;
  #index: BlobIndex | undefined;
  /** The ids of the index files that it was loaded from. */
  #indexFiles = '';
  /** Locks that this process holds through this object, confirmed or not. */
  readonly #locks = new Set<RepositoryLock>();
  /** How `lock` waits for others where its options don't say: what a person asked for holds for all work on the repository. */
  lockWait: Pick<LockOptions, 'retryMs' | 'onWait'> = {};

  /** Of new blobs of a backup or a `BlobWriter`; the default if undefined. */
  compression: Compression | undefined;

  constructor(options: {
    target: Target;
    config: RepositoryConfig;
    key: RepositoryKey;
    keyId?: ObjectId | undefined;
    clock: Clock;
  }) {
    this.target = options.target;
    this.config = options.config;
    this.clock = options.clock;
    this.keyId = options.keyId;
    this.#key = options.key;
    this.#cipher = new BlobCipher(options.key);
    this.#trees = new TreeSource({ target: options.target, cipher: this.#cipher });
  }

  /** Opens everything: hand it to worker threads, never to logs. */
  get masterKey(): RepositoryKey {
    return this.#key;
  }

  /** Sealing and opening with the master key, for this thread. */
  get cipher(): BlobCipher {
    return this.#cipher;
  }

  /** The index that `loadIndex` has loaded. @throws internal.unexpected before */
  get index(): BlobIndex {
    if (this.#index === undefined)
      throw new HoldfastError('internal.unexpected', { message: 'The index of the repository was not loaded.' });
    return this.#index;
  }

  /**
   * The chunker's gear table: 256 words that only holders of the master key can compute (HKDF-SHA256, RFC 5869), so that
   * sizes of chunks tell nobody else which files are stored. Never to be changed: all deduplication would be lost.
   */
  gearTable(): Uint32Array {
    const { encrypt, macK, macR } = this.#key;
    const bytes = hkdfSync('sha256', Buffer.concat([encrypt, macK, macR]), '', 'holdfast-gear-1', 256 * 4);
    const view = new DataView(bytes);
    return Uint32Array.from({ length: 256 }, (_, at) => view.getUint32(at * 4, true));
  }

  /**
   * Reads all index files into memory that threads can share. With `onProblem` an unreadable index file is reported and
   * skipped, so that a planted or damaged one does not stop everything; its blobs then count as missing. With `ifChanged` an index
   * that was loaded before stays while the storage has the same index files: for who reads only, again and again.
   */
  async loadIndex(options: { onProblem?: OnProblem; ifChanged?: boolean } & WaitOptions = {}): Promise<BlobIndex> {
    const { onProblem, signal } = options;
    const infos = await this.#listAll('index', signal);
    const files = infos
      .map(({ id }) => id)
      .sort()
      .join();
    if (options.ifChanged && this.#index !== undefined && this.#indexFiles === files) return this.#index;
    const index = BlobIndex.forFiles(infos, this.config);
    for await (const file of this.listIndexFiles(infos, { signal })) {
      if (!('problem' in file)) for (const pack of file.listing.packs) index.addListed(file.listing, pack);
      else if (onProblem === undefined) throw file.problem;
      else onProblem(file.problem, file.id);
    }
    this.#index = index;
    this.#indexFiles = files;
    return index;
  }

  /** What every index file of the list says, in its order; in a fraction of the time and memory of `readIndexFiles`. */
  listIndexFiles(infos: readonly ObjectInfo[], options: WaitOptions = {}): AsyncGenerator<ListedFile | FileProblem> {
    return readListings({ target: this.target, cipher: this.#cipher }, infos, options.signal);
  }

  /** Every index file of the list, several being read ahead, in no particular order. */
  async *readIndexFiles(
    infos: readonly ObjectInfo[],
    options: WaitOptions = {},
  ): AsyncGenerator<{ id: ObjectId; packs: IndexFilePack[] } | FileProblem> {
    for await (const file of this.#readFiles('index', infos, limits.indexMaxSizeBytes, options.signal)) {
      const what = `Index ${shortId(file.id)}`;
      yield 'problem' in file ? file : attempt(file.id, () => ({ packs: decodeIndex(file.plain, what) }));
    }
  }

  /** Stores a pack durably. The order is: packs, then `saveIndex`, then `saveSnapshot`. */
  async savePack(pack: Pick<FinishedPack, 'id' | 'bytes'>, options: WaitOptions = {}): Promise<void> {
    this.requireWritable();
    await this.confirmLocks(options);
    const id = Buffer.from(pack.id).toString('hex');
    // Its builder has just hashed it.
    await this.target.create({ type: 'data', id }, [pack.bytes], { ...options, verified: true });
  }

  /** Stores a pack that lies in a file of the target's staging folder, durably. */
  async saveStagedPack(
    pack: { readonly id: Uint8Array; readonly file: StagedObject },
    options: WaitOptions = {},
  ): Promise<void> {
    this.requireWritable();
    await this.confirmLocks(options);
    const id = Buffer.from(pack.id).toString('hex');
    const { staging } = this.target;
    if (staging === undefined)
      throw new HoldfastError('storage.unsupported', { message: 'Packs cannot be staged here.' });
    await staging.create({ type: 'data', id }, pack.file, options);
  }

  /** Stores index files for packs that are durable, at most 50,000 blobs each; durable when it resolves. */
  async saveIndex(
    packs: readonly (IndexedPack & { readonly blobCount: number })[],
    options: WaitOptions = {},
  ): Promise<ObjectId[]> {
    this.requireWritable();
    const ids: ObjectId[] = [];
    let group: IndexedPack[] = [];
    let blobs = 0;
    const flush = async (): Promise<void> => {
      if (group.length === 0) return;
      ids.push(await this.#saveFile('index', encodeIndex(group), options.signal));
      group = [];
      blobs = 0;
    };
    for (const pack of packs) {
      if (blobs + pack.blobCount > limits.indexMaxBlobs) await flush();
      group.push(pack);
      blobs += pack.blobCount;
    }
    await flush();
    return ids;
  }

  /** Stores an index file whose text is there already; durable when it resolves. */
  async saveIndexText(plain: Uint8Array, options: WaitOptions = {}): Promise<ObjectId> {
    this.requireWritable();
    return this.#saveFile('index', plain, options.signal);
  }

  /** Stores a snapshot: the last step, when every pack and index file it needs is durable. Gives its id. */
  async saveSnapshot(snapshot: Snapshot, options: WaitOptions = {}): Promise<ObjectId> {
    this.requireWritable();
    return this.#saveFile('snapshot', encodeSnapshot(snapshot), options.signal);
  }

  /**
   * All snapshots in no particular order. With `onProblem` unreadable ones are reported and skipped, otherwise the first
   * one throws.
   */
  async *snapshots(options: { onProblem?: OnProblem } & WaitOptions = {}): AsyncGenerator<FoundSnapshot> {
    const infos = await this.#listAll('snapshot', options.signal);
    for await (const file of this.#readFiles('snapshot', infos, limits.snapshotMaxSizeBytes, options.signal)) {
      const what = `Snapshot ${shortId(file.id)}`;
      const found = 'problem' in file ? file : attempt(file.id, () => ({ snapshot: decodeSnapshot(file.plain, what) }));
      if ('problem' in found) {
        if (options.onProblem === undefined) throw found.problem;
        options.onProblem(found.problem, found.id);
      } else yield found;
    }
  }

  /**
   * A snapshot by its id, the beginning of its id, or `latest`.
   * @throws snapshot.missing, usage.option when several ids begin like that
   */
  async loadSnapshot(
    idOrPrefix: string,
    options: { onProblem?: OnProblem } & WaitOptions = {},
  ): Promise<FoundSnapshot> {
    if (idOrPrefix === 'latest') {
      let latest: FoundSnapshot | undefined;
      for await (const found of this.snapshots(options))
        if (latest === undefined || compareTimes(found.snapshot.time, latest.snapshot.time) > 0) latest = found;
      if (latest === undefined)
        throw new HoldfastError('snapshot.missing', { message: 'The repository has no snapshot yet.' });
      return latest;
    }
    if (!/^[0-9a-f]{1,64}$/.test(idOrPrefix))
      throw new HoldfastError('usage.option', {
        message: `${JSON.stringify(idOrPrefix.slice(0, 80))} is neither \`latest\` nor the beginning of a snapshot's id.`,
      });
    const infos = await this.#snapshotsLike(idOrPrefix, options.signal);
    const [info] = infos;
    if (info === undefined)
      throw new HoldfastError('snapshot.missing', { message: `No snapshot has an id that begins with ${idOrPrefix}.` });
    if (infos.length > 1)
      throw new HoldfastError('usage.option', {
        message: `${infos.length} snapshots have ids that begin with ${idOrPrefix}.`,
        guidance: 'Give more digits of the id.',
      });
    for await (const found of this.#readFiles('snapshot', [info], limits.snapshotMaxSizeBytes, options.signal)) {
      if ('problem' in found) throw found.problem;
      return { id: found.id, snapshot: decodeSnapshot(found.plain, `Snapshot ${shortId(found.id)}`) };
    }
    throw new HoldfastError('snapshot.missing', { message: `Snapshot ${idOrPrefix} vanished.` });
  }

  /** A whole id is asked for alone: there may be many other snapshots. */
  async #snapshotsLike(prefix: string, signal: AbortSignal | undefined): Promise<ObjectInfo[]> {
    if (prefix.length < 2 * idSizeBytes)
      return (await this.#listAll('snapshot', signal)).filter(({ id }) => id.startsWith(prefix));
    const info = await this.target.stat({ type: 'snapshot', id: prefix }, { signal });
    return info === undefined ? [] : [info];
  }

  /** One blob, verified. For many, `planPackReads` and `openBlob`. @throws repository.damaged, storage.tampered */
  async loadBlob(type: BlobType, id: ObjectId, options: WaitOptions = {}): Promise<Buffer> {
    if (type === 'tree') return this.#trees.load(this.index, id, options.signal);
    const location = this.index.lookup(id, type);
    if (location === undefined)
      throw new HoldfastError('repository.damaged', {
        message: `Blob ${shortId(id)} is not in the index of the repository.`,
        context: { blob: id },
      });
    const { packId, offset, length } = location;
    const sealed = await this.target.read({ type: 'data', id: packId }, { offset, length, signal: options.signal });
    return openBlob(this.#cipher, sealed, { id, ...location });
  }

  /** The bytes of a tree as it was stored. */
  loadTreeBytes(id: ObjectId, options: WaitOptions = {}): Promise<Buffer> {
    return this.#trees.load(this.index, id, options.signal);
  }

  /** A tree as it is stored, for another thread to open and verify. @throws repository.damaged */
  loadSealedTree(
    id: ObjectId,
    options: WaitOptions = {},
  ): Promise<{ readonly place: BlobPlace; readonly bytes: Uint8Array }> {
    return this.#trees.readSealed(this.index, id, options.signal);
  }

  /** The entries of a folder. Neighbouring trees are read ahead and kept, within bounds. */
  async loadTree(id: ObjectId, options: WaitOptions = {}): Promise<Node[]> {
    const plain = await this.loadTreeBytes(id, options);
    try {
      return decodeTree(plain);
    } catch (cause) {
      if (!isHoldfastError(cause)) throw cause;
      throw new HoldfastError(cause.code, {
        message: `Tree ${shortId(id)}: ${cause.message}`,
        context: { tree: id },
        cause,
      });
    }
  }

  /**
   * Takes the repository's lock. `await using lock = await repository.lock(…)`, and stop when `lock.signal` aborts.
   * @throws repository.locked
   */
  async lock(options: LockOptions): Promise<RepositoryLock> {
    const lock = await RepositoryLock.acquire(this.#lockContext(), { ...this.lockWait, ...options });
    this.#locks.add(lock);
    return lock;
  }

  /**
   * Works under the repository's lock, and reads while others may still refuse it: until the second look that `lock` waits for. What
   * is saved or deleted waits by itself; anything else that must not be done in vain awaits `lock.confirm()`. The work stops when
   * `lock.signal` aborts, and may be begun anew: see `RepositoryLock.under`.
   * @throws repository.locked, and what the work throws
   */
  underLock<Result>(options: LockOptions, work: (lock: RepositoryLock) => Promise<Result>): Promise<Result> {
    return RepositoryLock.under(this.#lockContext(), { ...this.lockWait, ...options }, (lock) => {
      this.#locks.add(lock);
      return work(lock);
    });
  }

  /** Before every change: others respect the locks that are held. @throws repository.locked */
  async confirmLocks(options: WaitOptions = {}): Promise<void> {
    for (const lock of this.#locks)
      if (lock.released) this.#locks.delete(lock);
      else await lock.confirm(options.signal);
  }

  #lockContext(): LockContext {
    return { target: this.target, cipher: this.#cipher, clock: this.clock };
  }

  /** Deletes an object. Hold the exclusive lock, for anything but a lock. */
  async delete(type: Exclude<ObjectType, 'config'>, id: ObjectId, options: WaitOptions = {}): Promise<void> {
    await this.confirmLocks(options);
    await deleteObject(this.target, { type, id }, options);
  }

  /** All objects of a type with their sizes. */
  list(type: Exclude<ObjectType, 'config'>, options: WaitOptions = {}): Promise<ObjectInfo[]> {
    return this.#listAll(type, options.signal);
  }

  /** @throws repository.version for a version 1 repository */
  requireWritable(): void {
    if (this.config.version === 1)
      throw new HoldfastError('repository.version', {
        message: 'The repository has format version 1, which Holdfast reads but does not write.',
      });
  }

  async #saveFile(type: 'index' | 'snapshot', plain: Uint8Array, signal: AbortSignal | undefined): Promise<ObjectId> {
    await this.confirmLocks({ signal });
    const file = encodeFile(this.#cipher, plain);
    // It was hashed for its name.
    await this.target.create({ type, id: file.id }, [file.bytes], { signal, verified: true });
    return file.id;
  }

  async #listAll(type: Exclude<ObjectType, 'config'>, signal: AbortSignal | undefined): Promise<ObjectInfo[]> {
    const infos: ObjectInfo[] = [];
    for await (const page of this.target.list(type, { signal })) infos.push(...page);
    return infos;
  }

  /** Reads and opens small files, a bounded number at once, and gives each in the order of the list. */
  async *#readFiles(
    type: 'index' | 'snapshot',
    infos: readonly ObjectInfo[],
    maxSizeBytes: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<{ id: ObjectId; plain: Buffer } | FileProblem> {
    type Outcome = { id: ObjectId; plain: Buffer } | FileProblem | { failure: unknown };
    // Never rejects: a rejection of what is read ahead would go unheard when the caller stops early.
    const read = async (info: ObjectInfo): Promise<Outcome> => {
      const id = parseObjectId(info.id, `The list of objects of type ${type}`);
      const what = `${type === 'index' ? 'Index' : 'Snapshot'} ${shortId(id)}`;
      try {
        refuseLarge(info, maxSizeBytes, what);
        const bytes = await this.target.read({ type, id }, { signal });
        return { id, plain: decodeFile(this.#cipher, bytes, { id, what }) };
      } catch (error) {
        return isDamage(error) ? { id, problem: error } : { failure: error };
      }
    };
    const running: Promise<Outcome>[] = [];
    const parallel = Math.min(limits.parallelFileReads, this.target.capabilities.maxParallelRequests);
    const waiting = infos.values();
    for (;;) {
      while (running.length < parallel) {
        const next = waiting.next();
        if (next.done) break;
        running.push(read(next.value));
      }
      const file = await running.shift();
      if (file === undefined) return;
      if ('failure' in file) throw toHoldfastError(file.failure);
      yield file;
    }
  }
}

function attempt<Result extends object>(id: ObjectId, decode: () => Result): ({ id: ObjectId } & Result) | FileProblem {
  try {
    return { id, ...decode() };
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { id, problem: error };
  }
}

function compareTimes(a: string, b: string): number {
  const difference = (parseTime(a) ?? 0n) - (parseTime(b) ?? 0n);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
