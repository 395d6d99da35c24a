import type { HoldfastError } from '@holdfast/core';
import { findFolder, listFolders, type WalkedNode } from '@holdfast/engine';
import { diffTrees } from '@holdfast/engine/diff';
import { FindPatterns, findEntries } from '@holdfast/engine/find';
import { measureSnapshots } from '@holdfast/engine/stats';
import { type Listing, type ReadingLine, reportOf } from '@holdfast/protocol/executor';
import { encodeNode, encodeSnapshot, type FoundSnapshot, type ObjectId } from '@holdfast/repository';
import type { Work } from './execute.ts';
import { aliveEveryMs } from './limits.ts';

/** Writes what is asked for as lines of JSON. */
export async function writeListing(listing: Listing, work: Work): Promise<void> {
  const lines = new Lines(work);
  const alive = setInterval(() => lines.alive(), aliveEveryMs);
  try {
    await write(listing, work, lines);
  } finally {
    clearInterval(alive);
    await lines.settled();
  }
}

async function write(listing: Listing, work: Work, lines: Lines): Promise<void> {
  const { repository, signal } = work;
  const onProblem = (problem: HoldfastError): void => lines.problem(problem);
  const load = (id: string): Promise<FoundSnapshot> => repository.loadSnapshot(id, { signal });
  switch (listing.what) {
    case 'snapshots':
      for (const id of listing.snapshotIds) await lines.snapshot(await load(id));
      return;
    case 'list': {
      const found = await load(listing.snapshotId);
      await repository.loadIndex({ signal, ifChanged: true });
      const tree = await findFolder(repository, { tree: found.snapshot.tree, path: listing.root, signal });
      await lines.snapshot({ id: found.id, snapshot: { ...found.snapshot, tree } });
      for await (const event of listFolders(repository, { ...listing, tree, onProblem, signal }))
        if (event.kind === 'node') await lines.node(event);
        else await lines.write({ kind: 'left', path: event.path.toString('base64') });
      return;
    }
    case 'find': {
      const { oldestNs, newestNs } = listing;
      const bounds = {
        oldestNs: oldestNs === undefined ? undefined : BigInt(oldestNs),
        newestNs: newestNs === undefined ? undefined : BigInt(newestNs),
      };
      const patterns = new FindPatterns(listing.patterns, { ignoreCase: listing.ignoreCase });
      await repository.loadIndex({ signal, ifChanged: true });
      for (const id of listing.snapshotIds) {
        const found = await load(id);
        await lines.snapshot(found);
        const { tree } = found.snapshot;
        for await (const entry of findEntries(repository, { tree, patterns, ...bounds, onProblem, signal }))
          await lines.node(entry);
      }
      return;
    }
    case 'diff': {
      await repository.loadIndex({ signal, ifChanged: true });
      const treeOf = async (side: { snapshotId: string; path: string }): Promise<ObjectId> =>
        findFolder(repository, { tree: (await load(side.snapshotId)).snapshot.tree, path: side.path, signal });
      const summary = await diffTrees(repository, {
        before: await treeOf(listing.before),
        after: await treeOf(listing.after),
        metadata: listing.metadata,
        onChange: ({ path, modifier }) => lines.write({ kind: 'change', path: path.toString('base64'), modifier }),
        onProblem,
        signal,
      });
      await lines.write({ kind: 'compared', ...summary });
      return;
    }
    case 'stats': {
      const trees: ObjectId[] = [];
      for (const id of listing.snapshotIds) trees.push((await load(id)).snapshot.tree);
      await repository.loadIndex({ signal, ifChanged: true });
      const stats = await measureSnapshots(repository, { mode: listing.mode, trees, signal });
      await lines.write({ ...stats, kind: 'stats' });
      return;
    }
  }
}

class Lines {
  readonly #work: Work;
  /** Told by who can't wait for it. */
  readonly #told: Promise<void>[] = [];

  constructor(work: Work) {
    this.#work = work;
  }

  write(line: ReadingLine): Promise<void> {
    return this.#work.write(Buffer.from(`${JSON.stringify(line)}\n`));
  }

  snapshot({ id, snapshot }: FoundSnapshot): Promise<void> {
    return this.write({ kind: 'snapshot', id, document: encodeSnapshot(snapshot).toString() });
  }

  /** Without the ids of what it takes to read the content. */
  node({ path, node }: WalkedNode): Promise<void> {
    const text = encodeNode({ ...node, content: null, subtree: undefined });
    return this.write({ kind: 'node', path: path.toString('base64'), node: text });
  }

  problem(problem: HoldfastError): void {
    this.#later(this.write({ kind: 'problem', problem: reportOf(problem) }));
  }

  alive(): void {
    this.#later(this.#work.write(Buffer.from('\n')));
  }

  async settled(): Promise<void> {
    await Promise.all(this.#told);
  }

  /** A failure is that of the task, which writes as well. */
  #later(told: Promise<void>): void {
    void Promise.allSettled([told]);
    this.#told.push(told);
  }
}
