import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { ChangingSource, describeTree, Random } from '../crash/changing-source.ts';
import { type Access, type Ended, SharedRepository } from './shared-repository.ts';

/**
 * Two computers with Holdfast, one with an unmodified restic, somebody who forgets and prunes and somebody who checks, all at
 * once on one repository through a mover. Each either waits or is refused with the holder's name; nothing that was reported
 * is lost.
 */

export const manyWritersNeed = skipUnless({ programs: ['restic'], platform: 'linux' });

/** restic's and our exit status for a locked repository. */
const lockedStatus = 11;
/** Who holds a lock: restic's words, ours, and the mover's. */
const holderNamed = /locked (?:exclusively )?by (?:PID|process) \d+|has locked the repository exclusively/;
const KiB = 1024;
const changeBytes = 300 * KiB;
/** So many of the newest snapshots of each computer stay. */
const keptOfEach = 1;
/** Every other time a program waits for the lock, otherwise it is refused. */
const lockWait = '60s';
/** Besides, for the locks of those who back up. */
const pruneWait = '45s';

/** Each of these at least once, or the test has shown nothing. */
const mustSucceed = ['holdfast backup', 'restic backup', 'holdfast prune', 'holdfast check'];
const longestExtension = 10;
/** Pauses between two rounds of one of them, at most: once time is up, those that have succeeded leave room for the others. */
const pauseMs = { within: 300, beyond: 6000 };

interface Reported {
  readonly id: string;
  readonly source: string;
  readonly tree: ReadonlyMap<string, string>;
}

export async function manyWriters(
  t: TestContext,
  o: { readonly seconds: number; readonly seed: number },
): Promise<void> {
  await using shared = await SharedRepository.start(temporaryFolder(t));
  const work = new ManyWriters(shared, o);
  try {
    await work.run();
    await work.verify();
  } catch (error) {
    t.diagnostic(shared.logs());
    throw error;
  } finally {
    t.diagnostic(work.summary());
  }
}

class ManyWriters {
  readonly #shared: SharedRepository;
  readonly #random: Random;
  readonly #startMs = performance.now();
  readonly #durationMs: number;
  readonly #reported: Reported[] = [];
  /** Snapshots that somebody was told to forget. */
  readonly #forgotten = new Set<string>();
  readonly #outcomes = new Map<string, number>();

  constructor(shared: SharedRepository, o: { readonly seconds: number; readonly seed: number }) {
    this.#shared = shared;
    this.#random = new Random(o.seed);
    this.#durationMs = o.seconds * 1000;
  }

  async run(): Promise<void> {
    const [one, two, other] = ['one', 'two', 'other'].map((name) => {
      const path = join(this.#shared.folder, `source-${name}`);
      return { name, source: new ChangingSource(path, { random: this.#random, largeBytes: changeBytes }) };
    });
    assert.ok(one && two && other);
    const writers = [one, two].map(({ name, source }) => this.#backUp('holdfast', name, source));
    await Promise.all([
      ...writers,
      this.#backUp('restic', other.name, other.source),
      this.#prune(),
      this.#repeat('holdfast check', { mode: 'read', who: 'auditor' }, (access, wait) =>
        this.#shared.holdfast(['check', ...wait], access),
      ),
    ]);
  }

  /** restic finds nothing wrong in any byte, and everything that was reported and not forgotten is what it was. */
  async verify(): Promise<void> {
    const access = await this.#shared.access('read', 'reader');
    await this.#shared.ended(this.#shared.restic(['check', '--read-data', '--quiet'], access));
    const kept = this.#reported.filter(({ id }) => !this.#forgotten.has(id));
    assert.ok(kept.length >= 3, `only ${kept.length} snapshots are left to verify: ${this.summary()}`);
    for (const [at, { id, source, tree }] of kept.entries()) {
      const target = join(this.#shared.folder, 'restored');
      const program = at % 2 === 0 ? 'restic' : 'holdfast';
      await this.#shared.ended(this.#shared[program](['restore', id, '--target', target, '--quiet'], access));
      assert.deepEqual(describeTree(join(target, source)), tree, `snapshot ${id}, restored by ${program}`);
      rmSync(target, { recursive: true });
    }
    for (const name of mustSucceed)
      assert.ok((this.#outcomes.get(`${name} done`) ?? 0) > 0, `no ${name} succeeded: ${this.summary()}`);
  }

  /** On a machine that others use too it goes on for longer, until everything has succeeded once. */
  #isOver(): boolean {
    const succeeded = mustSucceed.every((name) => this.#outcomes.has(`${name} done`));
    return this.#elapsedMs() > this.#durationMs * (succeeded ? 1 : longestExtension);
  }

  #elapsedMs(): number {
    return performance.now() - this.#startMs;
  }

  summary(): string {
    const counts = [...this.#outcomes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, count]) => `${count} ${what}`);
    return `${counts.join(', ')}; ${this.#reported.length} snapshots reported, ${this.#forgotten.size} forgotten`;
  }

  #backUp(program: 'holdfast' | 'restic', name: string, source: ChangingSource): Promise<void> {
    return this.#repeat(`${program} backup`, { mode: 'append', who: name }, async (access, wait) => {
      source.change(changeBytes);
      const tree = describeTree(source.path);
      const ended = await this.#shared[program](['backup', '--json', '--host', name, ...wait, source.path], access);
      if (ended.status !== 0) return ended;
      const last = JSON.parse(ended.stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, string>;
      const id = last['snapshotId'] ?? last['snapshot_id'] ?? '';
      assert.match(id, /^[0-9a-f]{64}$/, ended.stdout);
      this.#reported.push({ id, source: source.path, tree });
      return ended;
    });
  }

  /** The two programs have separate turns: both at once would mostly refuse each other. */
  #prune(): Promise<void> {
    let turns = 0;
    const programOf = (turn: number): 'holdfast' | 'restic' => (turn % 2 === 0 ? 'holdfast' : 'restic');
    return this.#repeat(
      () => `${programOf(turns)} prune`,
      { mode: 'maintain', who: 'maintainer' },
      async (access, wait) => {
        const program = programOf(turns);
        const old = [...Map.groupBy(this.#reported, ({ source }) => source).values()].flatMap((all) =>
          all.slice(0, -keptOfEach).map(({ id }) => id),
        );
        const ids = old.filter((id) => !this.#forgotten.has(id));
        // Ours would wait for an hour, and with so many writers there is hardly a moment without a lock.
        const limits = ['--max-unused', '0', ...wait, ...(program === 'holdfast' ? ['--wait', pruneWait] : [])];
        // From now on nobody may count on them, whatever becomes of the attempt.
        for (const id of ids) this.#forgotten.add(id);
        const args = ids.length === 0 ? ['prune', ...limits] : ['forget', '--prune', ...limits, ...ids];
        const ended = await this.#shared[program](args, access);
        turns += 1;
        return ended;
      },
    );
  }

  /** Does it until the time is over. Whoever doesn't succeed must have been refused by a lock whose holder it names. */
  async #repeat(
    naming: string | (() => string),
    { mode, who }: { readonly mode: 'append' | 'read' | 'maintain'; readonly who: string },
    work: (access: Access, wait: readonly string[]) => Promise<Ended>,
  ): Promise<void> {
    const access = await this.#shared.access(mode, who);
    for (let round = 0; !this.#isOver(); round += 1) {
      const what = typeof naming === 'string' ? naming : naming();
      const { status, stdout, stderr } = await work(access, round % 2 === 0 ? ['--retry-lock', lockWait] : []);
      const outcome = status === 0 ? 'done' : status === lockedStatus ? 'refused' : 'failed';
      this.#outcomes.set(`${what} ${outcome}`, (this.#outcomes.get(`${what} ${outcome}`) ?? 0) + 1);
      if (outcome === 'failed') assert.fail(`${what} ended with ${status}:\n${stdout}\n${stderr}`);
      if (outcome === 'refused') assert.match(`${stdout}\n${stderr}`, holderNamed, what);
      await sleep(this.#random.below(this.#elapsedMs() < this.#durationMs ? pauseMs.within : pauseMs.beyond));
    }
  }
}
