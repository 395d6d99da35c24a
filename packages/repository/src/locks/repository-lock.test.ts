import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { HoldfastError, hasCode, ManualClock } from '@holdfast/core';
import { blobId } from '../format/blob.ts';
import { BlobCipher } from '../format/blob-cipher.ts';
import { encodeLockFile, isStale, type LockFile, newLockFile } from '../format/lock-file.ts';
import { type ObjectId, objectIdOf } from '../format/object-id.ts';
import { newRepositoryKey } from '../format/repository-key.ts';
import { encodeFile } from '../format/unpacked-file.ts';
import { MemoryTarget } from '../testing/memory-target.ts';
import { type LockOptions, listLocks, RepositoryLock } from './repository-lock.ts';

const minuteMs = 60_000;

/** One repository for several lockers: they share the storage and the time. */
class Bench {
  readonly target = new MemoryTarget();
  readonly cipher = new BlobCipher(newRepositoryKey());
  readonly clock = new ManualClock();
  readonly problems: HoldfastError[] = [];

  /** Lets everything that waits for nothing but other promises happen. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Time passes in steps, as it does. */
  async pass(durationMs: number): Promise<void> {
    for (let past = 0; past < durationMs; past += 5000) {
      this.clock.advance(5000);
      await this.settle();
    }
  }

  async acquire(options: Partial<LockOptions> = {}): Promise<RepositoryLock> {
    const lock = RepositoryLock.acquire(this, {
      exclusive: false,
      onProblem: (problem) => this.problems.push(problem),
      ...options,
    });
    const settled = lock.then(
      () => {},
      () => {},
    );
    await this.settle();
    this.clock.advance(200);
    await settled;
    return lock;
  }

  async plant(fields: Partial<LockFile>): Promise<ObjectId> {
    const file = encodeFile(this.cipher, encodeLockFile({ ...newLockFile(this.clock.now(), false), ...fields }));
    await this.target.create({ type: 'lock', id: file.id }, [file.bytes]);
    return file.id;
  }
}

test('several may share a lock, one may be alone, and giving back leaves nothing', async () => {
  const bench = new Bench();
  {
    await using first = await bench.acquire();
    await using _second = await bench.acquire();
    assert.equal(bench.target.ids('lock').length, 2);
    await assert.rejects(bench.acquire({ exclusive: true }), {
      code: 'repository.locked',
      message: new RegExp(hostname()),
    });
    assert.equal(bench.target.ids('lock').length, 2);
    assert.equal(first.signal.aborted, false);
  }
  assert.deepEqual(bench.target.ids('lock'), []);
  {
    await using _alone = await bench.acquire({ exclusive: true });
    await assert.rejects(bench.acquire(), { code: 'repository.locked', message: /exclusively/ });
    await assert.rejects(bench.acquire({ exclusive: true }), { code: 'repository.locked' });
  }
  assert.deepEqual(bench.target.ids('lock'), []);
  assert.equal(process.listenerCount('SIGHUP'), 0);
});

test('of two that ask to be alone at the same moment at most one gets it', async () => {
  const bench = new Bench();
  const asked = [0, 1].map(() => RepositoryLock.acquire(bench, { exclusive: true }));
  const outcome = Promise.allSettled(asked);
  await bench.settle();
  bench.clock.advance(200);
  const winners = (await outcome).filter((result) => result.status === 'fulfilled');
  assert.ok(winners.length <= 1);
  for (const winner of winners) await winner.value[Symbol.asyncDispose]();
  assert.deepEqual(bench.target.ids('lock'), []);
});

test('where lists are never late who shares does not wait, and of two that meet in any order at most one is let in', async () => {
  const outcomes = new Set<string>();
  const calls = ['list', 'create', 'list'] as const;
  let waits = 0;
  for (const exclusive of [true, false])
    for (let order = 0; order < 2 ** (2 * calls.length); order += 1) {
      const bench = new Bench();
      const turns = new Turns();
      const asked = [0, 1].map((who) => {
        const own = Object.assign(new MemoryTarget(), { objects: bench.target.objects });
        const create = own.create.bind(own);
        const list = own.list.bind(own);
        const target = Object.assign(own, {
          capabilities: { ...own.capabilities, consistentLists: true },
          create: async (...args: Parameters<typeof create>) => {
            await turns.of(who);
            return create(...args);
          },
          list: async function* (...args: Parameters<typeof list>) {
            await turns.of(who);
            yield* list(...args);
          },
        });
        // However short a wait of 200 ms is, next to what the other does.
        const clock = new ManualClock();
        const sleep = clock.sleep.bind(clock);
        clock.sleep = async (durationMs, signal) => {
          if (durationMs !== 200) return sleep(durationMs, signal);
          assert.ok(who === 0 || exclusive, 'who shares waits');
          waits += 1;
        };
        const { cipher } = bench;
        return RepositoryLock.acquire({ target, cipher, clock }, { exclusive: who === 0 || exclusive });
      });
      const outcome = Promise.allSettled(asked);
      for (let turn = 0; turn < 2 * calls.length; turn += 1) await turns.next((order >> turn) & 1);
      await turns.letAll();
      const statuses = (await outcome).map(({ status }) => status);
      assert.notDeepEqual(statuses, ['fulfilled', 'fulfilled'], `order ${order.toString(2)}`);
      outcomes.add(statuses.join());
      for (const lock of await outcome) if (lock.status === 'fulfilled') await lock.value[Symbol.asyncDispose]();
    }
  assert.deepEqual([...outcomes].sort(), ['fulfilled,rejected', 'rejected,fulfilled']);
  assert.ok(waits > 0);
});

/** Two whose calls go on when they are told to. */
class Turns {
  readonly #waiting: [(() => void)[], (() => void)[]] = [[], []];
  #isFree = false;

  of(who: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#isFree) resolve();
    else this.#waiting[who === 0 ? 0 : 1].push(resolve);
    return promise;
  }

  async next(who: number): Promise<void> {
    this.#waiting[who === 0 ? 0 : 1].shift()?.();
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  async letAll(): Promise<void> {
    this.#isFree = true;
    for (const resolve of this.#waiting.flat()) resolve();
  }
}

test('who waits for a lock gets it when the other is gone, and hears at first who holds it', async () => {
  const bench = new Bench();
  const waits: string[] = [];
  const other = await bench.acquire();
  const waiting = RepositoryLock.acquire(bench, {
    exclusive: true,
    retryMs: 10 * minuteMs,
    onWait: (refusal) => waits.push(refusal.message),
  });
  await bench.pass(4 * minuteMs);
  assert.equal(bench.target.ids('lock').length, 1, 'no lock of its own while it waits');
  await other[Symbol.asyncDispose]();
  await bench.pass(2 * minuteMs);
  await using lock = await waiting;
  assert.equal(lock.exclusive, true);
  assert.equal(waits.length, 1);
  assert.match(waits[0] ?? '', new RegExp(`process ${process.pid} of .* on ${hostname()} \\(refreshed 2026-`));
});

test('a wait for a lock ends after its time with the last refusal, and at once when it is cancelled', async () => {
  const bench = new Bench();
  await using _other = await bench.acquire({ exclusive: true });
  const looks = (): number => bench.target.calls.filter((call) => call === 'list lock').length;
  const before = looks();
  const inVain = assert.rejects(RepositoryLock.acquire(bench, { exclusive: false, retryMs: 2 * minuteMs }), {
    code: 'repository.locked',
    message: /exclusively locked by process .* after a wait of 2 m 00 s/,
  });
  await bench.pass(2 * minuteMs);
  await inVain;
  // At once, after 5, 15, 35, 75 seconds or a little more, and at the end.
  assert.equal(looks() - before, 6);
  const controller = new AbortController();
  const cancelled = RepositoryLock.acquire(bench, { exclusive: true, retryMs: minuteMs, signal: controller.signal });
  const refused = assert.rejects(cancelled, { code: 'run.cancelled' });
  await bench.settle();
  controller.abort(new HoldfastError('run.cancelled'));
  await refused;
});

test('a broken storage is not waited for', async () => {
  const bench = new Bench();
  bench.target.fail = () => {
    throw new HoldfastError('storage.unavailable');
  };
  await assert.rejects(RepositoryLock.acquire(bench, { exclusive: true, retryMs: minuteMs }), {
    code: 'storage.unavailable',
  });
});

test('an abandoned lock is removed and does not stop anybody; a living one does', async () => {
  const bench = new Bench();
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  await bench.plant({ exclusive: true, pid: dead });
  await bench.plant({ exclusive: true, hostname: 'elsewhere', pid: dead, time: '2025-12-31T23:29:59Z' });
  {
    await using _lock = await bench.acquire({ exclusive: true });
    assert.equal(bench.target.ids('lock').length, 1);
  }
  await bench.plant({ exclusive: true, hostname: 'elsewhere', pid: dead });
  await assert.rejects(bench.acquire(), { code: 'repository.locked', message: /elsewhere/ });
  const now = new Date('2026-01-01T00:00:00Z');
  const lock = newLockFile(now, true);
  assert.equal(isStale(lock, new Date(now.getTime() + 30 * minuteMs)), false);
  assert.equal(isStale(lock, new Date(now.getTime() + 30 * minuteMs + 1)), true);
  assert.equal(isStale({ ...lock, pid: dead }, now), true);
  assert.equal(isStale({ ...lock, pid: dead, hostname: 'elsewhere' }, now), false);
});

test('a lock is renewed every five minutes under a new name, and the old file goes', async () => {
  const bench = new Bench();
  await using lock = await bench.acquire();
  const first = lock.id;
  await bench.pass(4.9 * minuteMs);
  assert.equal(lock.id, first);
  await bench.pass(0.2 * minuteMs);
  assert.notEqual(lock.id, first);
  assert.deepEqual(bench.target.ids('lock'), [lock.id]);
  await bench.pass(60 * minuteMs);
  assert.equal(lock.signal.aborted, false);
  assert.equal(bench.target.ids('lock').length, 1);
});

test('a lock that cannot be renewed for 22.5 minutes stops the work; a short outage does not', async () => {
  const bench = new Bench();
  await using lock = await bench.acquire();
  bench.target.fail = (call) => {
    if (call === 'create') throw new HoldfastError('storage.unavailable');
  };
  await bench.pass(15 * minuteMs);
  assert.equal(lock.signal.aborted, false);
  assert.ok(bench.problems.length > 3 && bench.problems.length < 40, `${bench.problems.length}`);
  bench.target.fail = () => {};
  await bench.pass(minuteMs);
  const renewed = lock.id;
  bench.target.fail = (call) => {
    if (call === 'create') throw new HoldfastError('storage.unavailable');
  };
  // Renewed at some time of the last minute.
  await bench.pass(21 * minuteMs);
  assert.equal(lock.signal.aborted, false);
  await bench.pass(3 * minuteMs);
  assert.equal(lock.signal.aborted, true);
  assert.ok(hasCode(lock.signal.reason, 'repository.locked'));
  assert.equal(lock.id, renewed);
});

test('after a long standby the lock goes on if nobody removed it, and stops the work if somebody did', async () => {
  for (const removed of [false, true]) {
    const bench = new Bench();
    await using lock = await bench.acquire();
    const before = lock.id;
    if (removed) bench.target.objects.clear();
    bench.clock.advance(8 * 60 * minuteMs);
    await bench.settle();
    bench.clock.advance(200);
    await bench.settle();
    assert.equal(lock.signal.aborted, removed);
    assert.equal(lock.id === before, removed);
  }
});

test('the last step asks whether the lock is still ours, also before anything has noticed a standby', async () => {
  for (const removed of [false, true]) {
    const bench = new Bench();
    const lock = await bench.acquire();
    await lock.confirm();
    const old = lock.id;
    assert.ok(old !== undefined);
    if (removed) await bench.target.delete({ type: 'lock', id: old });
    bench.clock.advance(40 * minuteMs);
    const confirmed = Promise.allSettled([lock.confirm(), lock.confirm()]);
    await bench.settle();
    bench.clock.advance(200);
    for (const outcome of await confirmed) assert.equal(outcome.status, removed ? 'rejected' : 'fulfilled');
    assert.equal(lock.signal.aborted, removed);
    if (!removed) assert.notEqual(lock.id, old);
    await lock[Symbol.asyncDispose]();
  }
});

test('a lock whose old files cannot be deleted stays valid, says so, and cleans up when it can', async () => {
  const bench = new Bench();
  {
    await using lock = await bench.acquire();
    bench.target.fail = (call) => {
      if (call === 'delete') throw new HoldfastError('storage.permission');
    };
    await bench.pass(60 * minuteMs);
    assert.equal(lock.signal.aborted, false);
    assert.ok(bench.problems.length > 0);
    bench.target.fail = () => {};
  }
  assert.deepEqual(bench.target.ids('lock'), []);
});

test('a lock that the end of the connection left behind is removed by the next one of this process', async () => {
  const bench = new Bench();
  const unreachable = (call: string): void => {
    if (call !== 'list') throw new HoldfastError('channel.closed');
  };
  {
    await using _lock = await bench.acquire();
    bench.target.fail = unreachable;
  }
  const [left, ...others] = bench.target.ids('lock');
  assert.ok(left !== undefined && others.length === 0);
  bench.target.fail = () => {};
  {
    await using lock = await bench.acquire({ exclusive: true });
    assert.deepEqual(bench.target.ids('lock'), [lock.id]);
  }
  assert.deepEqual(bench.target.ids('lock'), []);
});

test('a lock that was stored although its answer was lost is given back', async () => {
  const bench = new Bench();
  const { target } = bench;
  const create = target.create.bind(target);
  target.create = async (...args) => {
    await create(...args);
    throw new HoldfastError('channel.closed');
  };
  await assert.rejects(bench.acquire(), { code: 'channel.closed' });
  assert.deepEqual(target.ids('lock'), []);
});

test('a lock nobody can read stops only who must be alone; an empty file is no lock', async () => {
  const bench = new Bench();
  bench.target.objects.set(
    `lock:${objectIdOf(blobId(Buffer.from('rubbish')))}`,
    new Uint8Array(Buffer.from('rubbish')),
  );
  bench.target.objects.set(`lock:${'0'.repeat(64)}`, new Uint8Array(0));
  await assert.rejects(bench.acquire({ exclusive: true }), { code: 'storage.tampered' });
  {
    await using _lock = await bench.acquire();
    assert.equal(bench.problems[0]?.code, 'storage.tampered');
    const found = await Array.fromAsync(listLocks(bench));
    assert.equal(found.length, 2);
  }
});

test('cancelling while waiting for the lock gives it back', async () => {
  const bench = new Bench();
  const controller = new AbortController();
  const asked = RepositoryLock.acquire(bench, { exclusive: true, signal: controller.signal });
  const refused = assert.rejects(asked, { code: 'run.cancelled' });
  await bench.settle();
  controller.abort();
  await refused;
  assert.deepEqual(bench.target.ids('lock'), []);
});

test('the question of restic whether we live, a SIGHUP, does not end the holder of a lock', async () => {
  const bench = new Bench();
  {
    await using _lock = await bench.acquire();
    process.kill(process.pid, 'SIGHUP');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(process.listenerCount('SIGHUP'), 0);
});
