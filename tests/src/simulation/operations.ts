import { HoldfastError } from '@holdfast/core';
import { BlobWriter, type FoundSnapshot, formatTime, timeOfDate } from '@holdfast/repository';
import { checkRepository } from '@holdfast/repository/check';
import { prune as pruneRepository } from '@holdfast/repository/prune';
import { forgetSnapshots, tagSnapshots } from '@holdfast/repository/snapshots';
import type { SeededRandom } from '@holdfast/storage/testing';
import type { SimulatedProcess } from './simulated-process.ts';
import type { Source } from './sources.ts';

/** What the world knows beyond the storage: whom it may hold to its word. */
export interface Ledger {
  /** Snapshots that a process was told are stored, and that nobody has begun to remove. */
  readonly reported: Set<string>;
  /** Snapshots that somebody has begun to remove: before their maker was told, if its answer took longer. */
  readonly removed: Set<string>;
  /** By root tree, or by path where only one source has it: the files of everything that anybody has begun to back up. */
  readonly sources: Map<string, ReadonlyMap<string, string>>;
}

export interface OperationContext {
  readonly process: SimulatedProcess;
  readonly random: SeededRandom;
  readonly ledger: Ledger;
  readonly source: Source;
}

/** Something that a computer does with a repository. Rejects with a HoldfastError when it can't. */
export interface Operation {
  readonly name: string;
  /** How often it is chosen. */
  readonly weight: number;
  readonly run: (context: OperationContext) => Promise<void>;
}

/** Tiny packs, so that a small source has several, which are uploaded at once. */
const packSizes = [400, 1500, 4096] as const;
/** Of a slow source, between its files: its backup outlasts several lives of a lock. */
const longestPauseMs = 9 * 60_000;
const protectionsMs = [60_000, 3_600_000, 48 * 3_600_000] as const;
/** Waits for locks of others: not at all, a little, long. */
export const lockWaitsMs = [0, 60_000, 20 * 60_000] as const;

/** What no backup does: nothing was read, and nothing is missing. For errors of the simulation's own findings. */
function damaged(message: string): HoldfastError {
  return new HoldfastError('repository.damaged', { message });
}

export const backup: Operation = {
  name: 'backup',
  weight: 6,
  run: async ({ process, random, ledger, source }) => {
    const { repository } = process;
    ledger.sources.set(source.root, source.files);
    const retryMs = random.pick(lockWaitsMs);
    const snapshot = await repository.underLock({ exclusive: false, retryMs }, async ({ signal }) => {
      const index = await repository.loadIndex({ signal });
      await using writer = new BlobWriter({ repository, index, packSizeBytes: random.pick(packSizes), signal });
      const pauseMs = random.chance(0.04) ? random.below(longestPauseMs) : 0;
      for (const { type, id, plain } of source.blobs) {
        if (pauseMs > 0) await process.clock.sleep(pauseMs, signal);
        if (index.claim(id, type) === 'new') await writer.add(type, id, plain);
      }
      await writer.settle();
      signal.throwIfAborted();
      return await repository.saveSnapshot(
        {
          time: formatTime(timeOfDate(process.clock.now())),
          tree: source.root,
          paths: ['/simulated'],
          hostname: random.pick(['one', 'two']),
          username: 'somebody',
          tags: random.chance(0.3) ? ['kept'] : [],
        },
        { signal },
      );
    });
    ledger.reported.add(snapshot);
  },
};

const check: Operation = {
  name: 'check',
  weight: 1,
  run: async ({ process, random }) => {
    const { repository } = process;
    const { problems } = await repository.underLock(
      { exclusive: false, retryMs: random.pick(lockWaitsMs) },
      ({ signal }) => checkRepository(repository, { signal }),
    );
    const error = problems.find(({ severity }) => severity === 'error');
    if (error !== undefined) throw damaged(`check beside others: ${error.object}: ${error.message}`);
  },
};

export const restore: Operation = {
  name: 'restore',
  weight: 2,
  run: async ({ process, random, ledger }) => {
    const { repository } = process;
    await using lock = await repository.lock({ exclusive: false, retryMs: random.pick(lockWaitsMs) });
    const signal = lock.signal;
    const known: string[] = [];
    for await (const { id } of repository.snapshots({ signal })) known.push(id);
    if (known.length === 0) return;
    const { snapshot } = await repository.loadSnapshot(random.pick(known.sort()), { signal });
    await repository.loadIndex({ signal });
    const files = new Map<string, string>();
    const walk = async (tree: typeof snapshot.tree, path: string): Promise<void> => {
      for (const node of await repository.loadTree(tree, { signal })) {
        const inner = `${path}/${node.name.toString()}`;
        if (node.subtree !== undefined) await walk(node.subtree, inner);
        if (node.type !== 'file') continue;
        // Its hash is its name, or this rejects.
        for (const id of node.content ?? []) await repository.loadBlob('data', id, { signal });
        files.set(inner, (node.content ?? []).join());
      }
    };
    await walk(snapshot.tree, '');
    const wanted = ledger.sources.get(snapshot.tree) ?? ledger.sources.get(snapshot.paths[0] ?? '');
    if (wanted?.size !== files.size || [...files].some(([path, content]) => wanted.get(path) !== content))
      throw damaged('a restored snapshot does not have the files of its source');
  },
};

/** Dates for some of what is there, as an agent sets them that protects its backups. */
const protect: Operation = {
  name: 'protect',
  weight: 1,
  run: async ({ process, random }) => {
    const { target, repository } = process;
    await using lock = await repository.lock({ exclusive: false, retryMs: random.pick(lockWaitsMs) });
    const until = new Date(process.clock.now().getTime() + random.pick(protectionsMs));
    for (const type of ['data', 'index', 'snapshot'] as const)
      for (const { id } of await repository.list(type, { signal: lock.signal })) {
        if (!random.chance(0.3)) continue;
        const inForce = await target.retention?.extend({ type, id }, until, { signal: lock.signal });
        if (inForce === undefined || inForce < until) throw damaged('a date was not extended');
      }
  },
};

const tag: Operation = {
  name: 'tag',
  weight: 1,
  run: async ({ process, random, ledger }) => {
    const { repository } = process;
    await using lock = await repository.lock({ exclusive: true, retryMs: random.pick(lockWaitsMs) });
    const { signal } = lock;
    const found: FoundSnapshot[] = [];
    for await (const snapshot of repository.snapshots({ signal })) if (random.chance(0.5)) found.push(snapshot);
    await tagSnapshots(repository, found, {
      change: random.chance(0.5) ? { set: [`tag-${random.below(5)}`] } : { add: ['kept'], remove: ['tag-1'] },
      onReplaced: ({ newId }) => ledger.reported.add(newId),
      onProblem: (problem) => {
        if (problem.code !== 'storage.immutable') throw problem;
      },
      signal,
    });
  },
};

const forget: Operation = {
  name: 'forget',
  weight: 2,
  run: async ({ process, random }) => {
    const { repository } = process;
    repository.lockWait = { retryMs: random.pick(lockWaitsMs) };
    const { failed } = await forgetSnapshots(repository, {
      choose: (found) => found.filter(() => random.chance(0.6)).map(({ id }) => id),
      onProblem: () => undefined,
    });
    for (const problem of failed.values()) if (problem.code !== 'storage.immutable') throw problem;
  },
};

/** What must be left: nothing that no snapshot needs, a little, or whatever. */
const prunes = [
  { maxUnusedBytes: () => 0, repackSmallerThanBytes: 0 },
  { maxUnusedBytes: () => 0, repackSmallerThanBytes: 2000 },
  { maxUnusedBytes: (usedBytes: number) => usedBytes / 4, repackSmallerThanBytes: 0 },
] as const;

const prune: Operation = {
  name: 'prune',
  weight: 3,
  run: async ({ process, random }) => {
    const { repository } = process;
    repository.lockWait = { retryMs: random.pick(lockWaitsMs) };
    await pruneRepository(repository, {
      ...random.pick(prunes),
      maxRepackBytes: random.pick([Number.MAX_SAFE_INTEGER, 3000]),
      repackTreesOnly: random.chance(0.1),
      repackUncompressed: random.chance(0.2),
      onProblem: () => undefined,
    });
  },
};

/** Leaves nothing that no snapshot needs, nor anything twice. */
export const tidy: Operation = {
  name: 'tidy',
  weight: 0,
  run: async ({ process }) => {
    const { failed, retained } = await pruneRepository(process.repository, {
      maxUnusedBytes: () => 0,
      maxRepackBytes: Number.MAX_SAFE_INTEGER,
      repackTreesOnly: false,
      repackUncompressed: false,
      onProblem: (problem) => {
        throw problem;
      },
    });
    if (failed + retained > 0) throw damaged(`${failed} objects could not be deleted, ${retained} are retained`);
  },
};

/** What happens at random; `tidy` comes at the end. */
export const operations: readonly Operation[] = [backup, check, restore, protect, tag, forget, prune];
