import type { Clock } from '@holdfast/core';
import { type FaultInjector, noFaults } from './fault-injector.ts';
import { SimulatedTarget } from './simulated-target.ts';

/** What a storage holds: bytes by `objectKey`. */
export type StorageState = ReadonlyMap<string, Uint8Array>;

/** A change that others can see and that a crash may undo as long as it isn't synced. */
export interface StorageEffect {
  readonly key: string;
  /** Undefined: the object was deleted. */
  readonly bytes: Uint8Array | undefined;
}

export interface SimulatedStorageOptions {
  readonly clock: Clock;
  /**
   * What syncing a change makes durable besides. 'ordered': everything before it too, as file systems with a journal do.
   * 'unordered': only that change, the least that any storage promises.
   */
  readonly durability?: 'ordered' | 'unordered';
  /** What is there already, durably. */
  readonly state?: StorageState;
}

/** More unsynced changes than this at once have too many outcomes to go through; the first ones are then varied. */
const mostVariedEffects = 6;

/**
 * The model of a storage: objects in memory, some of them not yet durable. `crash` forgets what was not synced. It does
 * what it is told at once; who waits for whom, and what fails, is up to the injectors of its targets.
 */
export class SimulatedStorage {
  readonly clock: Clock;
  /** Dates by key; they change at once and durably. */
  readonly dates = new Map<string, Date>();
  /** Grows with every change of what is visible or durable. */
  revision = 0;
  readonly #durability: 'ordered' | 'unordered';
  #visible: Map<string, Uint8Array>;
  #durable: Map<string, Uint8Array>;
  /** Not durable yet, oldest first. */
  #unsynced: StorageEffect[] = [];

  constructor(options: SimulatedStorageOptions) {
    this.clock = options.clock;
    this.#durability = options.durability ?? 'ordered';
    this.#visible = new Map(options.state);
    this.#durable = new Map(options.state);
  }

  /** A way to the storage, for one process. `consistentLists` (false if left out): whether it promises what it does. */
  open(faults: FaultInjector = noFaults, options: { readonly consistentLists?: boolean } = {}): SimulatedTarget {
    return new SimulatedTarget(this, { faults, consistentLists: options.consistentLists ?? false });
  }

  /** What everybody sees now. */
  get visible(): StorageState {
    return this.#visible;
  }

  /** What is certain to survive a crash now. */
  get durable(): StorageState {
    return this.#durable;
  }

  /** Makes a change that everybody sees at once; `sync` it before telling anybody that it is done. */
  apply(effect: StorageEffect): void {
    change(this.#visible, effect);
    this.#unsynced.push(effect);
    this.revision += 1;
  }

  /** Makes a change durable; the one that was made last for that key if several were. */
  sync(key: string): void {
    const last = this.#unsynced.findLastIndex((effect) => effect.key === key);
    const isMeant = (effect: StorageEffect, at: number): boolean =>
      at <= last && (this.#durability === 'ordered' || effect.key === key);
    for (const effect of this.#unsynced.filter(isMeant)) change(this.#durable, effect);
    this.#unsynced = this.#unsynced.filter((effect, at) => !isMeant(effect, at));
    this.revision += 1;
  }

  /** Makes every change durable whose key begins so. */
  syncAll(prefix: string): void {
    for (const { key } of this.#unsynced.filter((effect) => effect.key.startsWith(prefix))) this.sync(key);
  }

  /**
   * Every state that a power cut at this moment may leave: what is durable, and of the rest any beginning ('ordered') or
   * any part ('unordered', of which at most 64 are given).
   */
  *statesAfterCrash(): Generator<StorageState> {
    const effects = this.#unsynced;
    const survivors: (readonly StorageEffect[])[] = [];
    if (this.#durability === 'ordered')
      for (let length = 0; length <= effects.length; length += 1) survivors.push(effects.slice(0, length));
    else
      for (let mask = 0; mask < 2 ** Math.min(effects.length, mostVariedEffects); mask += 1)
        survivors.push(effects.filter((_, at) => ((mask >>> at) & 1) === 1));
    for (const kept of survivors) {
      const state = new Map(this.#durable);
      for (const effect of kept) change(state, effect);
      yield state;
    }
  }

  /** The power fails: what was not synced is gone, or not, as `choose` says of that many possible states. */
  crash(choose: (states: number) => number): void {
    const states = [...this.statesAfterCrash()];
    this.replace(states[choose(states.length)] ?? this.#durable);
  }

  /** Puts another state in the place of all there is. */
  replace(state: StorageState): void {
    this.#visible = new Map(state);
    this.#durable = new Map(state);
    this.#unsynced = [];
    this.revision += 1;
  }

  /** Decay: other bytes in the place of a stored object's, durably and behind everybody's back. */
  damage(key: string, damaged: (bytes: Uint8Array) => Uint8Array): void {
    for (const state of [this.#visible, this.#durable]) {
      const bytes = state.get(key);
      if (bytes !== undefined) state.set(key, damaged(Uint8Array.from(bytes)));
    }
  }
}

function change(state: Map<string, Uint8Array>, effect: StorageEffect): void {
  if (effect.bytes === undefined) state.delete(effect.key);
  else state.set(effect.key, effect.bytes);
}
