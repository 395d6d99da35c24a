import { type Clock, HoldfastError } from '@holdfast/core';
import { Repository } from '@holdfast/repository';
import type { Target } from '@holdfast/storage';
import type { CallStage, FaultInjector, SimulatedStorage, TargetCall } from '@holdfast/storage/testing';
import type { World, WorldProcess } from './world.ts';

export type OpenedRepository = Pick<Repository, 'config' | 'masterKey'>;

/** Told of each call of a process just before it goes on. */
export type OnCall = (process: SimulatedProcess, call: TargetCall, stage: CallStage) => void;

export type Sabotage = (target: Target, storage: SimulatedStorage) => Target;

export interface SimulatedProcessOptions {
  readonly name: string;
  readonly world: World;
  readonly storage: SimulatedStorage;
  readonly repository: OpenedRepository;
  readonly faults: FaultInjector;
  /** Whether its way to the storage promises that lists are never late; false if left out. */
  readonly consistentLists?: boolean;
  readonly onCall: OnCall;
  /** Dies after so many turns; never if left out. */
  readonly diesAfter?: number | undefined;
  /** After so many turns every call that concerns a lock fails, though all others pass; never if left out. */
  readonly losesLocksAfter?: number | undefined;
  /** Puts another target in the place of the process's own: for tests of the rules themselves. */
  readonly sabotage?: Sabotage | undefined;
}

/** A computer that works on the repository: its own target, clock and faults. When it dies, nothing it waits for comes. */
export class SimulatedProcess implements FaultInjector, WorldProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly target: Target;
  readonly repository: Repository;
  dead = false;
  /** See `WorldProcess`. */
  unwinds = false;
  /** All that it was to do is done. */
  finished = false;
  readonly world: World;
  readonly #options: SimulatedProcessOptions;
  #turns = 0;

  constructor(options: SimulatedProcessOptions) {
    const { world, storage, repository } = options;
    this.#options = options;
    this.world = world;
    this.name = options.name;
    this.clock = world.clockOf(this);
    const own = storage.open(this, options);
    this.target = options.sabotage?.(own, storage) ?? own;
    this.repository = new Repository({
      target: this.target,
      config: repository.config,
      key: repository.masterKey,
      clock: this.clock,
    });
  }

  async pass(call: TargetCall, stage: CallStage, options: { signal?: AbortSignal | undefined }): Promise<void> {
    // What only looks is over at once: nobody could tell when between its beginning and its end it looked.
    if (this.dead) return this.#rest();
    if (stage === 'begin' || call.method === 'create' || call.method === 'delete') await this.#options.world.turn(this);
    this.#turns += 1;
    if (this.#turns > (this.#options.diesAfter ?? Number.POSITIVE_INFINITY)) this.dead = true;
    if (this.dead) return this.#rest();
    if (call.name.type === 'lock' && this.#turns > (this.#options.losesLocksAfter ?? Number.POSITIVE_INFINITY))
      throw new HoldfastError('storage.unavailable', { message: `${this.name} can't reach any lock` });
    this.#options.onCall(this, call, stage);
    await this.#options.faults.pass(call, stage, options);
    // It may have died while the call was delayed.
    if (this.dead) return this.#rest();
  }

  /** What becomes of a call of the dead: nothing. */
  #rest(): Promise<never> {
    if (!this.unwinds) return new Promise(() => {});
    return Promise.reject(new HoldfastError('run.cancelled', { message: `${this.name} is dead` }));
  }

  alter(call: TargetCall, bytes: Uint8Array): Uint8Array {
    return this.#options.faults.alter?.(call, bytes) ?? bytes;
  }
}
