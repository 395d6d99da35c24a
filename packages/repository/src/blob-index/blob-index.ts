import { HoldfastError } from '@holdfast/core';
import type { BlobLocation, BlobPlace, BlobType } from '../format/blob.ts';
import type { RepositoryConfig } from '../format/config.ts';
import { shortestBlobEntryBytes } from '../format/index-file.ts';
import { idSizeBytes, type ObjectId, objectIdOf } from '../format/object-id.ts';
import { type PackHeader, visitHeader } from '../format/pack-header.ts';
import { limits } from '../limits.ts';
import type { IndexListing, ListedPack } from './index-listing.ts';
import { PackNumbers } from './pack-numbers.ts';
import { lockMutex, unlockMutex } from './shared-mutex.ts';
import { SharedTable } from './shared-table.ts';
import { slotEntryMask, slotTagShift, slotWord, smallestTable, tableFirst, tableSlots, tableWord } from './slots.ts';

/**
 * Which blobs the repository has, and where. It lives in shared memory: every thread that attaches to the handle sees
 * the same index, and threads agree by compare-and-swap who stores a blob.
 *
 * Layout. `entries`: 12 words each (48 bytes): id (8), state and pack number, offset, length, uncompressed length.
 * `slots`: open-addressing tables, one for each of 256 shards by the id's first byte, at most 3/4 full; a full one is
 * replaced by one twice the size, the old stays for readers that are still in it. A slot has the number of an entry + 1
 * (0 is empty) and four bits of its id, so that a reader seldom looks at an entry in vain.
 * `packs`: see `PackNumbers`. `control`: counters, then 3 words for each shard; a shard's table
 * is one word (where it starts and how large it is), so that a reader always sees a whole one.
 *
 * Invariants: an entry never moves and its id never changes. A slot once set keeps its entry. A state only goes
 * claimed → stored, and the place is written before the state says stored. Writers of one shard hold its mutex;
 * readers take none: a hit is always right, a miss is looked up again when the shard's table changed meanwhile.
 */

const entryWords = 12;
const entryIdWords = 8;

const atState = 8;
const atOffset = 9;
const atLength = 10;
const atUncompressed = 11;

/** The state word: the number of the pack (`limits.indexMaxPacks`), one of two states, and the type's bit. An entry is born claimed. */
const packNumberMask = 2 ** 24 - 1;
const stateClaimed = 2 ** 24;
const stateStored = 2 ** 25;
const stateTree = 2 ** 26;

/** The word of an id that says where its slots begin (by its lower bits) and what a slot has of it (the highest). */
const hashWord = 1;

const shardCount = 256;
const controlEntries = 0;
const controlPacks = 1;
const controlSlots = 2;
const controlPackMutex = 3;
const controlShards = 16;
/** Words of a shard: mutex, table, entries. */
const shardWords = 3;

/** Structured-clonable: post it to a worker and `BlobIndex.attach` it there. */
export interface BlobIndexHandle {
  readonly control: SharedArrayBuffer;
  readonly entries: SharedArrayBuffer;
  readonly slots: SharedArrayBuffer;
  readonly packs: SharedArrayBuffer;
}

/** 'new': the caller must store it. 'claimed': another thread does, in this run. 'stored': it is in a pack. */
export type Claim = 'new' | 'claimed' | 'stored';

/** Bytes in hot paths, text elsewhere. */
export type BlobKey = Uint8Array | ObjectId;

export class BlobIndex {
  readonly #control: Int32Array;
  readonly #entries: SharedTable;
  readonly #slots: SharedTable;
  readonly #packs: PackNumbers;
  readonly #handle: BlobIndexHandle;
  readonly #key = Buffer.alloc(idSizeBytes);
  readonly #words = new Uint32Array(this.#key.buffer, this.#key.byteOffset, entryIdWords);

  private constructor(handle: BlobIndexHandle) {
    this.#handle = handle;
    this.#control = new Int32Array(handle.control);
    this.#entries = new SharedTable(handle.entries);
    this.#slots = new SharedTable(handle.slots);
    const places = { countAt: controlPacks, mutexAt: controlPackMutex };
    this.#packs = new PackNumbers(handle.packs, { words: this.#control, ...places });
  }

  /** An empty index. `expectedBlobs`, a guess, makes its tables the right size at once; more may come. */
  static create(options: { expectedBlobs?: number; maxBlobs?: number } = {}): BlobIndex {
    const maxBlobs = Math.min(options.maxBlobs ?? limits.indexMaxEntries, limits.indexMaxEntries);
    const index = new BlobIndex({
      control: new SharedArrayBuffer((controlShards + shardCount * shardWords) * 4),
      entries: SharedTable.reserve(maxBlobs * entryWords),
      // Tables double: all that a shard ever had sum up to twice its last one, which is at least 3/8 full.
      slots: SharedTable.reserve(maxBlobs * 6 + shardCount * smallestTable * 2),
      packs: PackNumbers.reserve(Math.min(limits.indexMaxPacks, maxBlobs)),
    });
    const perShard = Math.min(options.expectedBlobs ?? 0, maxBlobs) / shardCount;
    // A tenth more than the average, because hashes do not spread evenly.
    const slots = Math.max(smallestTable, 2 ** Math.ceil(Math.log2(Math.max(1, (perShard * 1.1) / 0.75))));
    for (let shard = 0; shard < shardCount; shard += 1) index.#newTable(shard, slots);
    return index;
  }

  /** An empty index of about the right size for what these index files list: those of format version 1 are not compressed. */
  static forFiles(
    infos: readonly { readonly sizeBytes: number }[],
    { version }: Pick<RepositoryConfig, 'version'>,
  ): BlobIndex {
    const totalBytes = infos.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const blobBytes = version === 1 ? shortestBlobEntryBytes : limits.indexBytesPerBlob;
    return BlobIndex.create({ expectedBlobs: Math.ceil(totalBytes / blobBytes) });
  }

  static attach(handle: BlobIndexHandle): BlobIndex {
    return new BlobIndex(handle);
  }

  handle(): BlobIndexHandle {
    return this.#handle;
  }

  get packCount(): number {
    return this.#packs.count;
  }

  /** Blobs that are stored or claimed. Their entries are numbered from 0, so it is also the size of a bitmap of blobs. */
  get blobCount(): number {
    return Atomics.load(this.#control, controlEntries);
  }

  /** Memory in use, in bytes. */
  get sizeBytes(): number {
    return this.#entries.sizeBytes + this.#slots.sizeBytes + this.#packs.sizeBytes;
  }

  /** Decides who stores a blob: exactly one caller, in whatever thread, is told 'new'. */
  claim(key: BlobKey, type: BlobType): Claim {
    this.#take(key);
    const tree = type === 'tree' ? stateTree : 0;
    let entry = this.#find(tree);
    if (entry < 0) {
      const shard = this.#key[0] ?? 0;
      lockMutex(this.#control, this.#shardAt(shard));
      try {
        entry = this.#find(tree);
        if (entry < 0) {
          this.#insert(shard, tree);
          return 'new';
        }
      } finally {
        unlockMutex(this.#control, this.#shardAt(shard));
      }
    }
    return (this.#state(entry) & stateStored) === 0 ? 'claimed' : 'stored';
  }

  /** Where a stored blob is; undefined when it is unknown or only claimed. */
  lookup(key: BlobKey, type: BlobType): BlobLocation | undefined {
    const entry = this.entryOf(key, type);
    return entry < 0 ? undefined : this.location(entry);
  }

  /** True when the blob is stored: cheaper than `lookup`. */
  has(key: BlobKey, type: BlobType): boolean {
    const entry = this.entryOf(key, type);
    return entry >= 0 && (this.#state(entry) & stateStored) !== 0;
  }

  /** The number of a blob's entry, below `blobCount`; -1 when it is unknown. */
  entryOf(key: BlobKey, type: BlobType): number {
    this.#take(key);
    return this.#find(type === 'tree' ? stateTree : 0);
  }

  /** The place of an entry; undefined while it is only claimed. */
  location(entry: number): BlobLocation | undefined {
    return this.isStored(entry) ? { packId: this.packId(this.packNumberOf(entry)), ...this.placeOf(entry) } : undefined;
  }

  /** The blob of an entry. */
  blobAt(entry: number): { id: ObjectId; type: BlobType } {
    return {
      id: objectIdOf(this.#entries.bytes(entry * entryWords, entryIdWords)),
      type: (this.#state(entry) & stateTree) === 0 ? 'data' : 'tree',
    };
  }

  /** Number of the pack that holds an entry; meaningful once the entry is stored. */
  packNumberOf(entry: number): number {
    return this.#state(entry) & packNumberMask;
  }

  /** Offset, sealed length and uncompressed length of a stored entry: `location` without the id of the pack. */
  placeOf(entry: number): BlobPlace {
    const at = entry * entryWords;
    return {
      offset: this.#entries.get(at + atOffset),
      length: this.#entries.get(at + atLength),
      uncompressedLength: this.#entries.get(at + atUncompressed),
    };
  }

  /** Sealed length of a stored entry. */
  lengthOf(entry: number): number {
    return this.#entries.get(entry * entryWords + atLength);
  }

  isTree(entry: number): boolean {
    return (this.#state(entry) & stateTree) !== 0;
  }

  /** False while the entry is only claimed. */
  isStored(entry: number): boolean {
    return (this.#state(entry) & stateStored) !== 0;
  }

  /** Lets an entry be found at another copy. Only while no other thread uses the index: its words change one by one. */
  relocate(entry: number, packNumber: number, place: BlobPlace): void {
    const at = entry * entryWords;
    this.#entries.set(at + atState, (this.#state(entry) & ~packNumberMask) | packNumber);
    this.#entries.set(at + atOffset, place.offset);
    this.#entries.set(at + atLength, place.length);
    this.#entries.set(at + atUncompressed, place.uncompressedLength);
  }

  /** The number of a pack, below `packCount`; undefined when the index does not know it. */
  packNumber(packId: ObjectId): number | undefined {
    return this.#packs.numberOf(packId);
  }

  packId(packNumber: number): ObjectId {
    return this.#packs.idOf(packNumber);
  }

  /** Where the last blob of a pack ends, as far as the index knows: reads may go up to there. */
  packEnd(packId: ObjectId): number {
    const number = this.#packs.numberOf(packId);
    return number === undefined ? 0 : this.#packs.endOf(number);
  }

  /**
   * Makes all blobs of a pack 'stored'. Call it when the pack is durable. Blobs that another pack holds already keep
   * their place. Gives how many were new or claimed until now.
   * @throws repository.damaged when the header is malformed.
   */
  addPack(packId: Uint8Array, header: PackHeader): number {
    const number = this.#packs.add(objectIdOf(packId));
    let added = 0;
    const end = visitHeader(header, (type, id, place) => {
      if (place.offset + place.length > 0xffffffff)
        throw new HoldfastError('repository.damaged', { message: 'A pack exceeds 4 GiB.' });
      this.#take(id);
      const tree = type === 'tree' ? stateTree : 0;
      added += this.#store(tree, number, place.offset, place.length, place.uncompressedLength);
    });
    this.#packs.raiseEnd(number, end);
    return added;
  }

  /** One blob at any place of a pack, as index files list them. Gives 1 when it was not stored before. */
  addBlob(key: BlobKey, type: BlobType, location: BlobLocation): 0 | 1 {
    const number = this.#packs.add(location.packId);
    this.#packs.raiseEnd(number, location.offset + location.length);
    this.#take(key);
    const tree = type === 'tree' ? stateTree : 0;
    return this.#store(tree, number, location.offset, location.length, location.uncompressedLength);
  }

  /**
   * Makes all blobs 'stored' of a pack that an index file lists. `onKnown` is told of those that were stored already, which
   * keep their place. Gives the number of the pack. Only while no other thread uses the index.
   */
  addListed(listing: IndexListing, pack: ListedPack, onKnown?: (blob: number) => void): number {
    const number = this.#packs.add(pack.id);
    this.#packs.raiseEnd(number, pack.endBytes);
    const { words } = listing;
    for (let blob = pack.first; blob < pack.end; blob += 1) {
      const from = listing.wordAt(blob);
      for (let word = 0; word < entryIdWords; word += 1) this.#words[word] = words[from + word] ?? 0;
      const tree = listing.isTree(blob) ? stateTree : 0;
      let entry = this.#findAlone(tree);
      if (entry < 0) entry = this.#insertAlone();
      else if ((this.#state(entry) & stateStored) !== 0) {
        onKnown?.(blob);
        continue;
      }
      const at = entry * entryWords;
      const entries = this.#entries.upTo(at + entryWords);
      entries[at + atState] = tree | stateStored | number;
      for (let word = 0; word < 3; word += 1) entries[at + atOffset + word] = words[from + entryIdWords + word] ?? 0;
    }
    return number;
  }

  /** As `#find`, in plain memory: in loops atomic loads are calls. */
  #findAlone(tree: number): number {
    const table = this.#control[this.#shardAt(this.#key[0] ?? 0) + 1] ?? 0;
    const hash = this.#words[hashWord] ?? 0;
    const tag = hash >>> slotTagShift;
    const first = tableFirst(table);
    const mask = tableSlots(table) - 1;
    const view = this.#slots.upTo(first + mask + 1);
    let slot = hash & mask;
    for (let found = view[first + slot] ?? 0; found !== 0; found = view[first + slot] ?? 0) {
      const entry = (found & slotEntryMask) - 1;
      if (found >>> slotTagShift === tag && this.#same(entry, tree)) return entry;
      slot = (slot + 1) & mask;
    }
    return -1;
  }

  /** As `#insert` without a state, in plain memory: atomic stores wait for each other, which takes twice as long in all. */
  #insertAlone(): number {
    const control = this.#control;
    const shard = this.#key[0] ?? 0;
    const shardAt = this.#shardAt(shard);
    const count = (control[shardAt + 2] ?? 0) + 1;
    control[shardAt + 2] = count;
    const slots = tableSlots(control[shardAt + 1] ?? 0);
    if (count * 4 > slots * 3) this.#newTable(shard, slots * 2);
    const entry = control[controlEntries] ?? 0;
    control[controlEntries] = entry + 1;
    const at = entry * entryWords;
    this.#entries.ensure(at + entryWords);
    const entries = this.#entries.upTo(at + entryWords);
    for (let word = 0; word < entryIdWords; word += 1) entries[at + word] = this.#words[word] ?? 0;
    const hash = this.#words[hashWord] ?? 0;
    const table = control[shardAt + 1] ?? 0;
    const first = tableFirst(table);
    const mask = tableSlots(table) - 1;
    const view = this.#slots.upTo(first + mask + 1);
    let slot = hash & mask;
    while (view[first + slot] !== 0) slot = (slot + 1) & mask;
    view[first + slot] = slotWord(hash, entry);
    return entry;
  }

  /** Makes the blob of the key taken last 'stored'. */
  #store(tree: number, pack: number, offset: number, length: number, uncompressed: number): 0 | 1 {
    const shard = this.#key[0] ?? 0;
    lockMutex(this.#control, this.#shardAt(shard));
    try {
      let entry = this.#find(tree);
      if (entry < 0) entry = this.#insert(shard, tree);
      if ((this.#state(entry) & stateStored) !== 0) return 0;
      const at = entry * entryWords;
      const words = this.#entries.upTo(at + entryWords);
      words[at + atOffset] = offset;
      words[at + atLength] = length;
      words[at + atUncompressed] = uncompressed;
      this.#entries.publish(at + atState, tree | stateStored | pack);
      return 1;
    } finally {
      unlockMutex(this.#control, this.#shardAt(shard));
    }
  }

  #state(entry: number): number {
    return this.#entries.load(entry * entryWords + atState);
  }

  #take(key: BlobKey): void {
    if (typeof key === 'string') this.#key.write(key, 'hex');
    // A loop beats `set` for so few bytes.
    else for (let at = 0; at < idSizeBytes; at += 1) this.#key[at] = key[at] ?? 0;
  }

  /** The entry of the key taken last, or -1. Without any lock. */
  #find(tree: number): number {
    const shardAt = this.#shardAt(this.#key[0] ?? 0);
    const control = this.#control;
    const hash = this.#words[hashWord] ?? 0;
    const tag = hash >>> slotTagShift;
    for (let table = Atomics.load(control, shardAt + 1); ; ) {
      const first = tableFirst(table);
      const mask = tableSlots(table) - 1;
      let slot = hash & mask;
      for (let found = this.#slots.load(first + slot); found !== 0; found = this.#slots.load(first + slot)) {
        const entry = (found & slotEntryMask) - 1;
        if (found >>> slotTagShift === tag && this.#same(entry, tree)) return entry;
        slot = (slot + 1) & mask;
      }
      // Tables are never used again, so the same word means the same table, and the blob is not there.
      const now = Atomics.load(control, shardAt + 1);
      if (now === table) return -1;
      table = now;
    }
  }

  #same(entry: number, tree: number): boolean {
    const at = entry * entryWords;
    const key = this.#words;
    const words = this.#entries.upTo(at + entryWords);
    // Nearly always the first comparison decides.
    for (let word = 1; word < entryIdWords; word += 1) if (words[at + word] !== key[word]) return false;
    return words[at] === key[0] && (this.#state(entry) & stateTree) === tree;
  }

  /** Adds the key taken last as claimed. The shard's mutex is held. */
  #insert(shard: number, tree: number): number {
    const shardAt = this.#shardAt(shard);
    const control = this.#control;
    const count = Atomics.add(control, shardAt + 2, 1) + 1;
    const slots = tableSlots(Atomics.load(control, shardAt + 1));
    if (count * 4 > slots * 3) this.#newTable(shard, slots * 2);
    const entry = Atomics.add(control, controlEntries, 1);
    const at = entry * entryWords;
    this.#entries.ensure(at + entryWords);
    const words = this.#entries.upTo(at + entryWords);
    for (let word = 0; word < entryIdWords; word += 1) words[at + word] = this.#words[word] ?? 0;
    // Seen by others once its slot is set, after all of this.
    words[at + atState] = tree | stateClaimed;
    this.#place(Atomics.load(control, shardAt + 1), entry, this.#words[hashWord] ?? 0);
    return entry;
  }

  #place(table: number, entry: number, hash: number): void {
    const first = tableFirst(table);
    const mask = tableSlots(table) - 1;
    const word = slotWord(hash, entry);
    let slot = hash & mask;
    while (!this.#slots.swap(first + slot, 0, word)) slot = (slot + 1) & mask;
  }

  /** Gives a shard a table of that size with all its entries. The shard's mutex is held, or nobody else has the index. */
  #newTable(shard: number, slots: number): void {
    const shardAt = this.#shardAt(shard);
    const control = this.#control;
    const old = Atomics.load(control, shardAt + 1);
    const first = Atomics.add(control, controlSlots, slots);
    this.#slots.ensure(first + slots);
    const table = tableWord(first, slots);
    const oldFirst = tableFirst(old);
    for (let slot = 0; old !== 0 && slot < tableSlots(old); slot += 1) {
      const found = this.#slots.load(oldFirst + slot);
      if (found === 0) continue;
      const entry = (found & slotEntryMask) - 1;
      this.#place(table, entry, this.#entries.get(entry * entryWords + hashWord));
    }
    Atomics.store(control, shardAt + 1, table);
  }

  #shardAt(shard: number): number {
    return controlShards + shard * shardWords;
  }
}
