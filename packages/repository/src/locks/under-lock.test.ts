import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { copySnapshots } from '../copy/copy-snapshots.ts';
import { encodeLockFile, newLockFile } from '../format/lock-file.ts';
import type { ObjectId } from '../format/object-id.ts';
import { encodeFile } from '../format/unpacked-file.ts';
import { initRepository } from '../open-repository.ts';
import { prune } from '../prune/prune.ts';
import type { Repository } from '../repository.ts';
import { forgetSnapshots } from '../snapshots/forget.ts';
import { History } from '../testing/history.ts';
import { MemoryTarget } from '../testing/memory-target.ts';
import { cheapKey, samplePassword } from '../testing/sample-repository.ts';

const minuteMs = 60_000;

/** Sleeps end at once, and take their time on the clock. */
class QuickClock extends ManualClock {
  override sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    // Keeping a lock fresh is not what is tested here.
    if (durationMs === 5000) return super.sleep(durationMs, signal);
    signal?.throwIfAborted();
    return new Promise((resolve) =>
      setImmediate(() => {
        this.advance(durationMs);
        resolve();
      }),
    );
  }
}

class Bench {
  readonly target = new MemoryTarget();
  readonly clock = new QuickClock();
  readonly repository: Repository;
  readonly history: History;
  readonly snapshots: ObjectId[] = [];

  static async with(snapshots: number): Promise<Bench> {
    const target = new MemoryTarget();
    const clock = new QuickClock();
    const repository = await initRepository(target, { password: samplePassword, keyOptions: cheapKey, clock });
    const bench = new Bench(target, clock, repository);
    for (let at = 0; at < snapshots; at += 1) bench.snapshots.push(await bench.history.snapshot());
    return bench;
  }

  private constructor(target: MemoryTarget, clock: QuickClock, repository: Repository) {
    this.target = target;
    this.clock = clock;
    this.repository = repository;
    this.history = new History(repository, { files: 10, fileBytes: 500, changedFiles: 3, packSizeBytes: 4000 });
  }

  /** Somebody's lock, which another program makes without asking. */
  plant(exclusive: boolean): ObjectId {
    const lock = { ...newLockFile(this.clock.now(), exclusive), hostname: 'elsewhere' };
    const { id, bytes } = encodeFile(this.repository.cipher, encodeLockFile(lock));
    this.target.objects.set(`lock:${id}`, bytes);
    return id;
  }

  /** The computer sleeps, and somebody takes its locks for abandoned. */
  sleep(): void {
    this.clock.advance(40 * minuteMs);
    for (const id of this.target.ids('lock')) this.target.objects.delete(`lock:${id}`);
  }

  changes(): string[] {
    return this.target.calls.filter((call) => /^(create|delete) (?!lock)/.test(call));
  }
}

test('work under a lock reads at once; what it saves and deletes waits for the second look', async () => {
  const { repository, target, snapshots } = await Bench.with(1);
  const [snapshot] = await Array.fromAsync(repository.snapshots());
  assert.ok(snapshot !== undefined);
  target.calls.length = 0;
  const saved = await repository.underLock({ exclusive: false }, async (lock) => {
    await repository.loadIndex({ signal: lock.signal });
    const [id] = await Promise.all([
      repository.saveSnapshot({ ...snapshot.snapshot, tags: ['new'] }),
      repository.delete('snapshot', snapshot.id),
    ]);
    return id;
  });
  assert.notEqual(saved, snapshots[0]);
  const order = target.calls.filter((call) => /list (lock|index)|(create|delete) /.test(call));
  const [first, made, read, second, ...changes] = order;
  assert.deepEqual([first, made, read, second], ['list lock', 'create lock', 'list index', 'list lock']);
  assert.deepEqual(changes.toSorted(), ['create snapshot', 'delete lock', 'delete snapshot']);
  assert.deepEqual(target.ids('lock'), []);
});

test('whom the second look refuses has changed nothing, and says who was faster', async () => {
  const bench = await Bench.with(1);
  const { repository, target } = bench;
  target.calls.length = 0;
  let reason: unknown;
  const refused = repository.underLock({ exclusive: false }, async (lock) => {
    lock.signal.addEventListener('abort', () => {
      reason = lock.signal.reason;
    });
    bench.plant(true);
    await repository.delete('snapshot', bench.snapshots[0] ?? assert.fail());
  });
  await assert.rejects(refused, { code: 'repository.locked', message: /exclusively locked by .* on elsewhere/ });
  assert.match(String(reason), /elsewhere/);
  assert.deepEqual(bench.changes(), []);
  assert.equal(target.ids('lock').length, 1);
});

test('work that the second look refused begins anew when the other is gone, and only its last result counts', async () => {
  const bench = await Bench.with(1);
  const { repository, target } = bench;
  const waits: string[] = [];
  let other: ObjectId | undefined;
  let attempts = 0;
  const result = await repository.underLock(
    {
      exclusive: false,
      retryMs: 10 * minuteMs,
      onWait: (refusal) => {
        waits.push(refusal.message);
        target.objects.delete(`lock:${other}`);
      },
    },
    async (lock) => {
      attempts += 1;
      if (attempts === 1) other = bench.plant(true);
      assert.equal(lock.signal.aborted, false);
      return attempts;
    },
  );
  assert.equal(result, 2);
  assert.equal(waits.length, 1);
  assert.match(waits[0] ?? '', /elsewhere/);
  assert.deepEqual(target.ids('lock'), []);
});

test('where making the lock took long, nothing is read before the second look', async () => {
  const { repository, target, clock } = await Bench.with(1);
  target.fail = (method, { type }) => {
    if (method === 'create' && type === 'lock') clock.advance(150);
  };
  target.calls.length = 0;
  await repository.underLock({ exclusive: false }, ({ signal }) => repository.loadIndex({ signal }));
  assert.deepEqual(target.calls.slice(0, 4), ['list lock', 'create lock', 'list lock', 'read lock']);
});

test('what the work throws is what is thrown, and nothing is tried again for it', async () => {
  const { repository, target } = await Bench.with(0);
  let attempts = 0;
  const failed = repository.underLock({ exclusive: false, retryMs: 10 * minuteMs }, async (lock) => {
    attempts += 1;
    await lock.confirm();
    await repository.lock({ exclusive: true, retryMs: 0 });
  });
  await assert.rejects(failed, { code: 'repository.locked' });
  assert.equal(attempts, 1);
  assert.deepEqual(target.ids('lock'), []);
});

test('a computer that slept through its lock deletes nothing: neither who forgets nor a prune', async () => {
  const bench = await Bench.with(3);
  bench.target.calls.length = 0;
  const forgotten = forgetSnapshots(bench.repository, {
    choose: (found) => {
      bench.sleep();
      return found.map(({ id }) => id);
    },
    onProblem: () => {},
  });
  await assert.rejects(forgotten, { code: 'repository.locked' });
  assert.deepEqual(bench.changes(), []);

  for (const phase of ['wait', 'rewrite', 'delete']) {
    const subject = await Bench.with(3);
    subject.target.objects.delete(`snapshot:${subject.snapshots[0]}`);
    subject.target.calls.length = 0;
    const pruned = prune(subject.repository, {
      ...{ maxUnusedBytes: () => 0, maxRepackBytes: Number.POSITIVE_INFINITY, repackSmallerThanBytes: 1 },
      ...{ repackTreesOnly: false, repackUncompressed: false },
      onProblem: () => {},
      onProgress: (progress) => {
        if (progress.phase === phase) subject.sleep();
      },
    });
    if (phase === 'wait') await pruned;
    else await assert.rejects(pruned, { code: 'repository.locked' });
    const counts = subject.changes().filter((call) => call === 'delete data').length;
    assert.equal(counts > 0, phase === 'wait');
  }
});

test('a computer that slept through its lock writes no snapshot: neither a copy nor anybody else', async () => {
  const source = await Bench.with(1);
  const bench = await Bench.with(0);
  const { repository, target } = bench;
  await using _lock = await repository.lock({ exclusive: false });
  await Promise.all([source.repository.loadIndex(), repository.loadIndex()]);
  const snapshots = await Array.fromAsync(source.repository.snapshots());
  target.fail = (method, { type }) => {
    if (method === 'create' && type === 'index') bench.sleep();
  };
  const copied = copySnapshots({ source: source.repository, target: repository, snapshots });
  await assert.rejects(copied, { code: 'repository.locked' });
  assert.deepEqual(target.ids('snapshot'), []);
});
