import { hasCode, isHoldfastError, ManualClock } from '@holdfast/core';
import { BlobCipher, initRepository } from '@holdfast/repository';
import {
  type FaultInjector,
  type FaultKind,
  noFaults,
  SeededFaults,
  SeededRandom,
  SimulatedStorage,
  type StorageState,
} from '@holdfast/storage/testing';
import { Archive } from './archive.ts';
import { EventRules } from './event-rules.ts';
import { type Ledger, type Operation, operations, tidy } from './operations.ts';
import { RuleBook } from './rule-book.ts';
import { seedEntropy } from './seeded-entropy.ts';
import { type OpenedRepository, type Sabotage, SimulatedProcess } from './simulated-process.ts';
import { drawSource } from './sources.ts';
import { checkState, idsOf } from './state-rules.ts';
import { World } from './world.ts';

/** A new repository that sequences begin with. */
export interface Template {
  readonly state: StorageState;
  readonly repository: OpenedRepository;
}

export const simulatedPassword = 'simulated';

export async function makeTemplate(): Promise<Template> {
  using _entropy = seedEntropy(0);
  const storage = new SimulatedStorage({ clock: new ManualClock() });
  // As cheap as restic still takes it.
  const keyOptions = { cost: { N: 1024, r: 8, p: 1 } };
  const repository = await initRepository(storage.open(), { password: simulatedPassword, keyOptions });
  return { state: new Map(storage.durable), repository };
}

export interface SequenceOptions {
  readonly seed: number;
  readonly template: Template;
  /** What may happen; all known operations if left out. */
  readonly operations?: readonly Operation[];
  readonly steps?: number;
  readonly sabotage?: Sabotage | undefined;
  /** No faults and no deaths, only crashes that are looked at: for tests of the rules themselves. */
  readonly calm?: boolean;
}

export interface SequenceReport {
  readonly seed: number;
  readonly rules: RuleBook;
  /** What happened, a line for each thing. */
  readonly played: readonly string[];
  /** States that a crash at some moment would have left; each was judged. */
  readonly crashStates: number;
  readonly turns: number;
  readonly deaths: number;
  /** By operation and how it ended. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly finalState: StorageState;
}

const start = new Date('2026-01-05T00:00:00Z');
const mostSteps = 5;
const mostProcesses = 4;
/** Of a process in a world that isn't calm. */
const deathChance = 0.25;
const longestLife = 90;
const faultyChance = 0.3;
const lostLocksChance = 0.06;
const powerCutChance = 0.35;
/** Faults that a storage may honestly have; each ends in an error, none in a wrong answer. */
const rates: Readonly<Partial<Record<FaultKind, number>>> = {
  refused: 0.01,
  full: 0.02,
  io: 0.01,
  cut: 0.02,
  'lost-answer': 0.02,
  delay: 0.05,
};
/** Longer than any lock or date lasts. */
const daysLaterMs = 72 * 3_600_000;
/** Between steps: at once, past the life of a lock, past anything. */
const pausesMs = [0, 0, 31 * 60_000, 25 * 3_600_000] as const;

/** Errors that an operation may end with when nothing is wrong with the repository. */
const honest = [
  'repository.locked',
  'storage.unavailable',
  'storage.full',
  'storage.immutable',
  'channel.closed',
  'run.cancelled',
  'snapshot.missing',
] as const;

/** Plays one sequence of operations to its end, judging every state that a crash could leave on the way. */
export async function playSequence(options: SequenceOptions): Promise<SequenceReport> {
  using _entropy = seedEntropy(options.seed);
  // Awaited here, so that the entropy lasts as long as the play.
  return await new Sequence(options).play();
}

class Sequence {
  readonly #options: SequenceOptions;
  readonly #random: SeededRandom;
  readonly #world: World;
  readonly #storage: SimulatedStorage;
  readonly #archive: Archive;
  readonly #rules = new RuleBook();
  readonly #events: EventRules;
  readonly #ledger: Ledger = { reported: new Set(), removed: new Set(), sources: new Map() };
  readonly #played: string[] = [];
  readonly #outcomes = new Map<string, number>();
  readonly #faults = new Map<FaultKind, number>();
  readonly #judged = new Set<string>();
  #deaths = 0;
  #revision = -1;
  /** One of the states that a power cut in this step could have left, each equally likely. */
  #sampled: { state: StorageState; reported: ReadonlySet<string>; dates: ReadonlyMap<string, Date> } | undefined;
  #sampledFrom = 0;

  constructor(options: SequenceOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#world = new World({ random: this.#random.fork(), start, onSettled: () => this.#judge() });
    const durability = this.#random.chance(0.7) ? 'ordered' : 'unordered';
    const clock = this.#world.clockOf({ dead: false });
    this.#storage = new SimulatedStorage({ clock, durability, state: options.template.state });
    this.#archive = new Archive(new BlobCipher(options.template.repository.masterKey));
    this.#events = new EventRules(this.#storage, this.#archive, this.#rules);
    this.#played.push(`storage ${durability}`);
  }

  async play(): Promise<SequenceReport> {
    const steps = this.#options.steps ?? 1 + this.#random.below(mostSteps);
    for (let step = 0; step < steps && this.#rules.violations.length === 0; step += 1) await this.#step(step);
    if (this.#rules.violations.length === 0 && !this.#options.calm) await this.#tidyUp();
    return {
      seed: this.#options.seed,
      rules: this.#rules,
      played: this.#played,
      crashStates: this.#judged.size,
      turns: this.#world.turns,
      deaths: this.#deaths,
      outcomes: this.#outcomes,
      faults: this.#faults,
      finalState: new Map(this.#storage.durable),
    };
  }

  async #step(step: number): Promise<void> {
    const processes = Array.from({ length: 1 + this.#random.below(mostProcesses) }, (_, at) =>
      this.#makeProcess(`${step}.${at}`),
    );
    this.#sampled = undefined;
    this.#sampledFrom = 0;
    const works = processes.map((process) => ({ process, done: this.#work(process) }));
    await this.#world.runUntil(() => processes.every(({ dead, finished }) => dead || finished));
    // Their threads end, without a part in the world.
    await Promise.all(works.flatMap(({ process, done }) => (process.unwinds ? [done] : [])));
    this.#deaths += processes.filter(({ dead }) => dead).length;
    // Whoever is done keeps nothing running; a lock that is still refreshed would be a leak.
    for (const process of processes) process.dead = true;
    if (!this.#options.calm && this.#random.chance(powerCutChance)) this.#cutPower(step);
    this.#world.pass(this.#random.pick(pausesMs));
  }

  /** Days later somebody prunes alone: whatever crashes have left behind is gone, and nothing else. */
  async #tidyUp(): Promise<void> {
    this.#world.pass(daysLaterMs);
    const process = this.#makeProcess('last', { calm: true });
    let outcome = '';
    void this.#operate(process, tidy).then((ended) => {
      outcome = ended;
    });
    await this.#world.runUntil(() => outcome !== '');
    this.#rules.require(5, outcome === 'succeeded', () => `the last prune ended with ${outcome}`);
    process.dead = true;
    const state = this.#storage.visible;
    const named = idsOf(state, 'index').flatMap((id) => [...this.#archive.index(id)]);
    const packs = new Set(named.map(({ id }) => id));
    const unnamed = idsOf(state, 'data').find((id) => !packs.has(id));
    this.#rules.require(5, unnamed === undefined, () => `pack ${unnamed} is in no index, and prune left it`);
    const needed = new Set(idsOf(state, 'snapshot').flatMap((id) => [...this.#archive.contentOf(id).blobs]));
    // A pack that two index files list is stored once all the same.
    const stored = [...new Map(named.map(({ id, blobs }) => [id, blobs])).values()].flat().map(({ key }) => key);
    const unneeded = stored.find((key) => !needed.has(key));
    this.#rules.require(5, unneeded === undefined, () => `no snapshot needs ${unneeded}, and prune left it`);
    const isOnce = new Set(stored).size === stored.length;
    this.#rules.require(5, isOnce, () => 'prune left blobs that are stored twice');
  }

  #makeProcess(name: string, { calm = this.#options.calm ?? false } = {}): SimulatedProcess {
    const { template, sabotage } = this.#options;
    const draw = (chance: number, limit: number): number | undefined => {
      const [isDrawn, value] = [this.#random.chance(chance), this.#random.below(limit)];
      return isDrawn && !calm ? value : undefined;
    };
    const seed = draw(faultyChance, 2 ** 32);
    const consistentLists = this.#random.chance(0.5);
    if (consistentLists) this.#played.push(`${name}: promises that lists are never late`);
    return new SimulatedProcess({
      name,
      world: this.#world,
      storage: this.#storage,
      repository: template.repository,
      consistentLists,
      faults: seed === undefined ? noFaults : this.#makeFaults(seed, name),
      diesAfter: draw(deathChance, longestLife),
      losesLocksAfter: draw(lostLocksChance, longestLife),
      onCall: (process, call, stage) => {
        if (call.method === 'delete' && call.name.type === 'snapshot') {
          this.#ledger.reported.delete(call.name.id);
          this.#ledger.removed.add(call.name.id);
        }
        this.#events.watch(process, call, stage);
      },
      sabotage,
    });
  }

  #makeFaults(seed: number, name: string): FaultInjector {
    return new SeededFaults({
      seed,
      rates,
      clock: this.#world.clockOf({ dead: false }),
      onFault: (kind, call) => {
        this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + 1);
        if (kind !== 'delay') this.#played.push(`${name}: fault ${kind} at ${call.method} ${call.name.type}`);
      },
    });
  }

  /** One or two operations, one after the other. Never rejects; a dead process never comes back from it. */
  async #work(process: SimulatedProcess): Promise<void> {
    const known = this.#options.operations ?? operations;
    const tickets = known.flatMap((operation) => Array.from({ length: operation.weight }, () => operation));
    for (let count = 1 + this.#random.below(2); count > 0; count -= 1)
      await this.#operate(process, this.#random.pick(tickets));
    process.finished = true;
  }

  /** Gives how it ended. */
  async #operate(process: SimulatedProcess, operation: Operation): Promise<string> {
    const source = drawSource(this.#random);
    this.#played.push(`${process.name}: ${operation.name} begins`);
    let outcome = 'succeeded';
    try {
      await operation.run({ process, random: this.#random.fork(), ledger: this.#ledger, source });
    } catch (error) {
      outcome = isHoldfastError(error) ? error.code : 'unexpected';
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#rules.require(5, hasCode(error, ...honest), () => `${process.name}: ${operation.name} failed: ${what}`);
    }
    this.#played.push(`${process.name}: ${operation.name} ${outcome}`);
    const key = `${operation.name} ${outcome}`;
    this.#outcomes.set(key, (this.#outcomes.get(key) ?? 0) + 1);
    return outcome;
  }

  #cutPower(step: number): void {
    if (this.#sampled === undefined) return;
    const { state, reported, dates } = this.#sampled;
    this.#storage.replace(state);
    this.#storage.dates.clear();
    for (const [key, until] of dates) if (state.has(key)) this.#storage.dates.set(key, until);
    this.#events.forgetDates();
    this.#ledger.reported.clear();
    for (const id of reported) this.#ledger.reported.add(id);
    this.#played.push(`step ${step}: power cut, ${state.size} objects are left`);
  }

  /** After every turn: learns what is new, and judges every state that a power cut at this moment could leave. */
  #judge(): void {
    if (this.#storage.revision === this.#revision) return;
    this.#revision = this.#storage.revision;
    for (const [key, bytes] of this.#storage.visible) {
      const problem = this.#archive.learn(key, bytes);
      if (problem !== undefined) this.#rules.require(7, false, () => problem);
    }
    this.#events.watchDates();
    const { reported, sources } = this.#ledger;
    const expected = { reported, sources, config: this.#options.template.state.get('config/') };
    for (const state of this.#storage.statesAfterCrash()) {
      const identity = `${[...state.keys()].sort().join()} ${[...reported].sort().join()}`;
      this.#sampledFrom += 1;
      // Reservoir sampling: each state of the step is as likely as any other.
      if (this.#random.below(this.#sampledFrom) === 0)
        this.#sampled = { state, reported: new Set(reported), dates: new Map(this.#storage.dates) };
      if (this.#judged.has(identity)) continue;
      this.#judged.add(identity);
      checkState(state, this.#archive, expected, this.#rules);
    }
  }
}
