import { HoldfastError, hasCode, ManualClock } from '@holdfast/core';
import { type ObjectId, parseObjectId, Repository } from '@holdfast/repository';
import { checkRepository } from '@holdfast/repository/check';
import {
  type CallStage,
  type FaultInjector,
  nameOfKey,
  SeededRandom,
  SimulatedStorage,
  type StorageState,
  type TargetCall,
} from '@holdfast/storage/testing';
import { backup } from './operations.ts';
import type { RuleBook } from './rule-book.ts';
import { playSequence, type Template } from './sequence.ts';

/** How bytes that nobody wrote get into a storage. 'swapped': the whole content of another object of the type. */
const decays = ['wrong bit', 'cut short', 'swapped', 'removed'] as const;
type Decay = (typeof decays)[number];

/** What a reader may say of what is damaged. */
const integrityCodes = [
  'repository.damaged',
  'storage.tampered',
  'storage.missing',
  'storage.range',
  'snapshot.missing',
  'internal.limit',
] as const;

export interface DecayOptions {
  readonly seed: number;
  readonly template: Template;
  readonly rules: RuleBook;
  /** Objects that are damaged, one at a time. */
  readonly damages: number;
  /** False: the check reads no packs, which is the defect that the rule must find. */
  readonly readsData?: boolean;
}

/** Rule 10: what is damaged is noticed, named, read once and never restored as good data. */
export async function rule10(options: DecayOptions): Promise<void> {
  const { seed, template, rules, damages } = options;
  const random = new SeededRandom(seed);
  const { finalState } = await playSequence({ seed, template, steps: 2, calm: true, operations: [backup] });
  const keys = [...finalState.keys()].filter((key) => /^(snapshot|index|data)\//.test(key)).sort();
  for (let count = 0; count < damages; count += 1) {
    const key = random.pick(keys);
    const damage = random.pick(decays);
    const reader = new DamagedReader({ state: finalState, template, key, damage, random });
    const told = `seed ${seed}: ${key}, ${damage}`;
    const problems = await reader.check(options.readsData ?? true);
    // A snapshot that is gone leaves no trace, and an index file may say what others say too.
    const mayGoUnnoticed = damage === 'removed' && !key.startsWith('data/');
    rules.require(10, mayGoUnnoticed || problems.length > 0, () => `${told}: check did not notice`);
    rules.require(10, mayGoUnnoticed || problems.some((problem) => problem.includes(nameOfKey(key).id)), () => {
      return `${told}: check did not name it, but said ${problems[0]}`;
    });
    for (const id of idsOfSnapshots(finalState)) {
      const wrong = await reader.restore(id);
      rules.require(10, wrong === undefined, () => `${told}: restoring ${id}: ${wrong}`);
    }
  }
}

function idsOfSnapshots(state: StorageState): ObjectId[] {
  const keys = [...state.keys()].filter((key) => key.startsWith('snapshot/'));
  return keys.map((key) => parseObjectId(nameOfKey(key).id, 'a snapshot'));
}

/** Reads a repository in which one object is not what it was. */
class DamagedReader implements FaultInjector {
  readonly #repository: Repository;
  readonly #intact: Repository;
  readonly #key: string;
  #reads = 0;

  constructor(options: {
    readonly state: StorageState;
    readonly template: Template;
    readonly key: string;
    readonly damage: Decay;
    readonly random: SeededRandom;
  }) {
    const { state, template, key, damage, random } = options;
    const clock = new ManualClock();
    const storage = new SimulatedStorage({ clock, state: damagedState(state, { key, damage, random }) });
    const { config, masterKey } = template.repository;
    this.#key = key;
    this.#repository = new Repository({ target: storage.open(this), config, key: masterKey, clock });
    const intact = new SimulatedStorage({ clock, state }).open();
    this.#intact = new Repository({ target: intact, config, key: masterKey, clock });
  }

  async pass(call: TargetCall, stage: CallStage): Promise<void> {
    const { type, id } = call.name;
    if (stage === 'begin' && call.method === 'read' && `${type}/${id}` === this.#key) this.#reads += 1;
  }

  async check(readsData: boolean): Promise<readonly string[]> {
    const { problems } = await checkRepository(this.#repository, readsData ? { readData: 'packs' } : {});
    return problems
      .filter(({ severity }) => severity === 'error')
      .map(({ object, message }) => `${object}: ${message}`);
  }

  /** What is wrong with how a snapshot was restored: nothing when all is as it was, or was refused for good. */
  async restore(id: ObjectId): Promise<string | undefined> {
    const wanted = await files(this.#intact, id);
    this.#reads = 0;
    try {
      const found = await files(this.#repository, id);
      return Buffer.compare(found, wanted) === 0 ? undefined : 'other content came back as good';
    } catch (error) {
      if (!hasCode(error, ...integrityCodes))
        return `failed with ${error instanceof HoldfastError ? error.code : String(error)}`;
      if (error.retry !== 'permanent') return `${error.code} may be retried`;
      // Packs are read in ranges; the others whole.
      return this.#reads > 1 && !this.#key.startsWith('data/') ? `it was read ${this.#reads} times` : undefined;
    }
  }
}

/** Everything that a snapshot has, one after the other. */
async function files(repository: Repository, id: ObjectId): Promise<Buffer> {
  const { snapshot } = await repository.loadSnapshot(id);
  await repository.loadIndex();
  const pieces: Buffer[] = [];
  const walk = async (tree: ObjectId): Promise<void> => {
    for (const node of await repository.loadTree(tree)) {
      pieces.push(Buffer.from(`${node.type} ${node.name.toString()}\n`));
      for (const blob of node.content ?? []) pieces.push(await repository.loadBlob('data', blob));
      if (node.subtree !== undefined) await walk(node.subtree);
    }
  };
  await walk(snapshot.tree);
  return Buffer.concat(pieces);
}

function damagedState(
  state: StorageState,
  { key, damage, random }: { readonly key: string; readonly damage: Decay; readonly random: SeededRandom },
): StorageState {
  const damaged = new Map(state);
  const bytes = Uint8Array.from(state.get(key) ?? []);
  const at = random.below(bytes.length);
  if (damage === 'wrong bit') damaged.set(key, bytes.with(at, (bytes[at] ?? 0) ^ (1 << random.below(8))));
  else if (damage === 'cut short') damaged.set(key, bytes.subarray(0, at));
  else if (damage === 'removed') damaged.delete(key);
  else {
    const type = key.slice(0, key.indexOf('/') + 1);
    const others = [...state.keys()].filter((other) => other.startsWith(type) && other !== key).sort();
    // With no other object of its type it loses its end.
    damaged.set(key, others.length > 0 ? (state.get(random.pick(others)) ?? bytes) : bytes.subarray(1));
  }
  return damaged;
}
