import type { ObjectName } from '@holdfast/storage';
import { type CallStage, objectKey, type SimulatedStorage, type TargetCall } from '@holdfast/storage/testing';
import type { Archive } from './archive.ts';
import type { RuleBook } from './rule-book.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { idsOf } from './state-rules.ts';

/** As restic: others may take an older lock for abandoned. */
const staleMs = 30 * 60_000;
/** The second look at the locks comes so long after one's own was made, unless that is shared and lists are never late. */
const settleMs = 200;

/** What is known of a process's own doing. */
interface Deeds {
  /** Locks that it was told are stored, and hasn't begun to delete. */
  readonly locks: Set<string>;
  /** When the first of the present locks was stored; undefined without one. */
  lockedMs: number | undefined;
  /** It has listed the locks since, late enough. */
  lookedAgain: boolean;
  /** It has changed something under its present locks. */
  hasWritten: boolean;
  readonly packs: Set<string>;
  /** Index files that were there whenever it listed them. */
  readonly seenIndexes: Set<string>;
}

/**
 * Watches what each process does and when: the rules that no state shows. A call is judged when others can see what it did
 * ('sync'), which is the moment that the order of things is about.
 */
export class EventRules {
  readonly #storage: SimulatedStorage;
  readonly #archive: Archive;
  readonly #rules: RuleBook;
  readonly #deeds = new Map<SimulatedProcess, Deeds>();
  readonly #dates = new Map<string, Date>();

  constructor(storage: SimulatedStorage, archive: Archive, rules: RuleBook) {
    this.#storage = storage;
    this.#archive = archive;
    this.#rules = rules;
  }

  watch(process: SimulatedProcess, call: TargetCall, stage: CallStage): void {
    const deeds = this.#deedsOf(process);
    const { method, name } = call;
    if (method === 'list') this.#noteList(process, deeds, { type: name.type, stage });
    if (name.type === 'lock') this.#noteLock(process, deeds, call, stage);
    else if (stage === 'sync' && (method === 'create' || method === 'delete') && name.type !== 'config')
      this.#judge(process, deeds, call);
  }

  /** After every turn: what happened to dates, whoever did it. */
  watchDates(): void {
    for (const [key, until] of this.#dates) {
      const now = this.#storage.dates.get(key);
      const isGone = !this.#storage.visible.has(key);
      if (isGone)
        this.#rules.require(9, until <= this.#storage.clock.now(), () => `${key} was deleted before its date`);
      else this.#rules.require(9, now !== undefined && now >= until, () => `the date of ${key} was shortened`);
      if (isGone) this.#dates.delete(key);
    }
    for (const [key, until] of this.#storage.dates) this.#dates.set(key, until);
  }

  /** The storage was put back to an earlier moment. */
  forgetDates(): void {
    this.#dates.clear();
  }

  #deedsOf(process: SimulatedProcess): Deeds {
    const known = this.#deeds.get(process);
    if (known !== undefined) return known;
    const deeds: Deeds = {
      locks: new Set(),
      lockedMs: undefined,
      lookedAgain: false,
      hasWritten: false,
      packs: new Set(),
      seenIndexes: new Set(),
    };
    this.#deeds.set(process, deeds);
    return deeds;
  }

  #noteList(
    process: SimulatedProcess,
    deeds: Deeds,
    { type, stage }: { readonly type: string; readonly stage: CallStage },
  ): void {
    // It looks at some moment between the two.
    if (type === 'index') for (const id of idsOf(this.#storage.visible, 'index')) deeds.seenIndexes.add(id);
    if (type !== 'lock' || stage !== 'begin' || deeds.lockedMs === undefined) return;
    const isPrompt = process.target.capabilities.consistentLists && !this.#isAlone(deeds);
    const waitsMs = isPrompt ? 0 : settleMs;
    if (process.clock.now().getTime() - deeds.lockedMs >= waitsMs) deeds.lookedAgain = true;
  }

  #noteLock(process: SimulatedProcess, deeds: Deeds, call: TargetCall, stage: CallStage): void {
    if (call.method === 'create' && stage === 'answer') {
      deeds.locks.add(call.name.id);
      deeds.lockedMs ??= process.clock.now().getTime();
    }
    if (call.method !== 'delete' || stage !== 'begin' || !deeds.locks.delete(call.name.id)) return;
    if (deeds.locks.size > 0) return;
    deeds.lockedMs = undefined;
    deeds.lookedAgain = false;
    deeds.hasWritten = false;
  }

  #judge(process: SimulatedProcess, deeds: Deeds, call: TargetCall): void {
    const { method, name } = call;
    const what = `${process.name}: ${method} ${objectKey(name)}`;
    this.#judgeLock(process, deeds, call, what);
    deeds.hasWritten = true;
    if (method === 'delete') this.#judgeDelete(name, what);
    else this.#judgeCreate(deeds, name, what);
  }

  /** Nothing goes before what refers to it is durably gone. */
  #judgeDelete({ type, id }: ObjectName, what: string): void {
    const { durable } = this.#storage;
    const listed = idsOf(durable, 'index').flatMap((index) =>
      this.#archive.index(index).map((pack) => ({ index, pack })),
    );
    if (type === 'data') {
      const namedBy = listed.find(({ pack }) => pack.id === id)?.index;
      this.#rules.require(5, namedBy === undefined, () => `${what}, which the durable index ${namedBy} names`);
    }
    if (type !== 'index') return;
    const lasting = new Set(
      listed.flatMap(({ index, pack }) => (index === id ? [] : pack.blobs.map(({ key }) => key))),
    );
    for (const snapshot of idsOf(durable, 'snapshot')) {
      const lost = [...this.#archive.contentOf(snapshot).blobs].filter((key) => !lasting.has(key));
      this.#rules.require(5, lost.length === 0, () => `${what}, which snapshot ${snapshot} needs for ${lost[0]}`);
    }
  }

  #judgeCreate(deeds: Deeds, name: ObjectName, what: string): void {
    if (name.type === 'data') deeds.packs.add(name.id);
    const { durable } = this.#storage;
    if (name.type === 'index')
      for (const { id } of this.#archive.index(name.id))
        this.#rules.require(1, durable.has(`data/${id}`), () => `${what} names pack ${id}, which is not durable`);
    if (name.type !== 'snapshot') return;
    const lasting = new Set<string>();
    const known = new Set<string>();
    for (const id of idsOf(durable, 'index'))
      for (const { id: packId, blobs } of this.#archive.index(id))
        for (const { key } of blobs) {
          lasting.add(key);
          if (deeds.packs.has(packId) || deeds.seenIndexes.has(id)) known.add(key);
        }
    // A snapshot in place of another one has the same blobs, which nobody can remove while its maker is alone.
    if (this.#isAlone(deeds))
      for (const id of idsOf(durable, 'snapshot')) for (const key of this.#archive.contentOf(id).blobs) known.add(key);
    for (const key of this.#archive.contentOf(name.id).blobs) {
      this.#rules.require(2, lasting.has(key), () => `${what} needs ${key}, which no durable index has`);
      this.#rules.require(12, known.has(key), () => `${what} skipped ${key} before an index had it`);
    }
  }

  #isAlone(deeds: Deeds): boolean {
    const held = [...deeds.locks].filter((id) => this.#storage.visible.has(`lock/${id}`));
    return held.some((id) => this.#archive.lock(id)?.exclusive === true);
  }

  #judgeLock(process: SimulatedProcess, deeds: Deeds, { method, name }: TargetCall, what: string): void {
    if (name.type === 'key') return;
    const nowMs = process.clock.now().getTime();
    const held = [...deeds.locks].filter((id) => this.#storage.visible.has(`lock/${id}`));
    const locks = held.map((id) => this.#archive.lock(id));
    const fresh = locks.some((lock) => lock !== undefined && nowMs - Date.parse(lock.time) < staleMs);
    this.#rules.require(11, fresh, () => `${what} without a lock that others still respect`);
    this.#rules.require(11, deeds.lookedAgain, () => `${what} without a second look at the locks`);
    const isAlone = this.#isAlone(deeds);
    if (method === 'delete') this.#rules.require(11, isAlone, () => `${what} without the exclusive lock`);
    for (const [other, theirs] of this.#deeds) {
      if (other === process || other.dead || !theirs.lookedAgain) continue;
      for (const id of theirs.locks) {
        const lock = this.#archive.lock(id);
        if (lock === undefined || !this.#storage.visible.has(`lock/${id}`)) continue;
        // Whoever is refused after all has looked again as well, and gives its lock back without having written.
        if (!theirs.hasWritten) continue;
        this.#rules.require(11, !lock.exclusive && !isAlone, () => `${what} while ${other.name} works under a lock`);
      }
    }
  }
}
