import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, HoldfastError, hasCode, systemClock } from '@holdfast/core';
import { skipUnless } from '@holdfast/core/testing';
import type { CreateOptions } from '@holdfast/storage';
import { checkRepository } from '../check/check-repository.ts';
import { blobId } from '../format/blob.ts';
import { type ObjectId, objectIdOf } from '../format/object-id.ts';
import { encodeTree } from '../format/tree.ts';
import { initRepository, openRepository } from '../open-repository.ts';
import { BlobWriter } from '../packs/blob-writer.ts';
import type { Repository } from '../repository.ts';
import { History, type HistoryOptions } from '../testing/history.ts';
import { MemoryTarget } from '../testing/memory-target.ts';
import { resticChecks } from '../testing/restic.ts';
import { cheapKey, sampleNode, samplePassword } from '../testing/sample-repository.ts';
import { type PruneOptions, prune } from './prune.ts';
import type { PruneReport } from './prune-report.ts';

const small: HistoryOptions = { files: 40, fileBytes: 3000, changedFiles: 6, packSizeBytes: 20_000 };

/** Locks wait 200 ms for others to show; here there are none that come so fast. */
const clock: Clock = {
  ...systemClock,
  sleep: (durationMs, signal) => (durationMs <= 200 ? Promise.resolve() : systemClock.sleep(durationMs, signal)),
};

interface Subject {
  readonly target: MemoryTarget;
  readonly repository: Repository;
  readonly history: History;
  readonly snapshots: ObjectId[];
}

async function subject(snapshots: number, options: HistoryOptions = small): Promise<Subject> {
  const target = new MemoryTarget();
  const repository = await initRepository(target, { password: samplePassword, keyOptions: cheapKey, clock });
  const history = new History(repository, options);
  const ids: ObjectId[] = [];
  for (let at = 0; at < snapshots; at += 1) ids.push(await history.snapshot());
  return { target, repository, history, snapshots: ids };
}

/** As if forgotten by anybody. */
function forget({ target, snapshots }: Subject, count: number): void {
  for (const id of snapshots.splice(0, count)) target.objects.delete(`snapshot:${id}`);
}

/** No waste may remain, and small packs stay: these tests have nothing but small ones. */
const all: PruneOptions = {
  maxUnusedBytes: () => 0,
  maxRepackBytes: Number.POSITIVE_INFINITY,
  repackTreesOnly: false,
  repackUncompressed: false,
  repackSmallerThanBytes: 1,
  onProblem: (problem) => assert.fail(problem.message),
};

async function sound(
  { target, repository }: Pick<Subject, 'target' | 'repository'>,
  readData: 'packs' | undefined = 'packs',
): Promise<void> {
  const report = await checkRepository(repository, { readData });
  assert.deepEqual(
    report.problems.filter(({ severity }) => severity === 'error'),
    [],
  );
  assert.ok(report.snapshots === target.ids('snapshot').length);
}

async function spotless(
  it: Pick<Subject, 'target' | 'repository'>,
  readData: 'packs' | undefined = 'packs',
): Promise<void> {
  const report = await checkRepository(it.repository, { readData });
  assert.deepEqual(report.problems, []);
  assert.equal(report.unusedBlobs, 0);
}

test('what no snapshot needs goes, the rest is whole, and restic agrees', async (t) => {
  const it = await subject(12);
  const before = bytesOf(it.target);
  forget(it, 9);
  const report = await prune(it.repository, all);
  assert.ok(report.statistics.packs.repack > 0 && report.statistics.packs.remove > 0);
  assert.ok(report.newPacks > 0);
  assert.equal(report.deleted.packs, report.repacked.length + report.removed.length);
  assert.ok(bytesOf(it.target) < before);
  await spotless(it);
  assert.deepEqual(it.target.ids('lock'), []);
  if (skipUnless({ programs: ['restic'] }) === false) resticChecks(it.target, t);
  // And there is nothing left to do, without the exclusive lock.
  const calls = it.target.calls.length;
  const again = await prune(it.repository, all);
  assert.deepEqual(again.deleted, { packs: 0, bytes: 0, indexes: 0 });
  assert.equal(it.target.calls.slice(calls).filter((call) => call === 'create lock').length, 1);
});

test('a dry run tells the same and writes nothing but its lock, or not even that', async () => {
  const it = await subject(8);
  forget(it, 5);
  const before = new Map(it.target.objects);
  const planned = await prune(it.repository, { ...all, dryRun: true });
  assert.deepEqual(new Map(it.target.objects), before);
  it.target.fail = (call) => assert.ok(call === 'list' || call === 'read', call);
  await prune(it.repository, { ...all, dryRun: true, noLock: true });
  it.target.fail = () => {};
  const done = await prune(it.repository, all);
  assert.deepEqual(planned.statistics, done.statistics);
});

test('waste is left as far as allowed, and packing again ends at its limit', async () => {
  const it = await subject(12, { ...small, changedFiles: 2 });
  forget(it, 9);
  const plan = (options: Partial<PruneOptions>): Promise<PruneReport> =>
    prune(it.repository, { ...all, dryRun: true, ...options });
  const everything = (await plan({})).statistics;
  const unlimited = (await plan({ maxUnusedBytes: () => Number.POSITIVE_INFINITY })).statistics;
  // Trees are packed again whatever the waste.
  assert.ok(unlimited.packs.repack < everything.packs.repack);
  assert.equal(unlimited.packs.remove, everything.packs.remove);
  const half = everything.bytes.repackRemove / 2;
  const some = (await plan({ maxUnusedBytes: () => half })).statistics;
  assert.ok(some.packs.repack > unlimited.packs.repack && some.packs.repack < everything.packs.repack);
  assert.ok(some.bytes.unused - some.bytes.remove - some.bytes.repackRemove <= half);
  const none = (await plan({ maxRepackBytes: 0 })).statistics;
  assert.equal(none.packs.repack, 0);
  const little = (await plan({ maxRepackBytes: 60_000 })).statistics;
  assert.ok(little.packs.repack > 0 && little.bytes.repack < 60_000);
  const trees = (await plan({ repackTreesOnly: true })).statistics;
  assert.ok(trees.packs.repack > 0 && trees.packs.repack < everything.packs.repack);
});

test('small packs become large ones, when there are many', async () => {
  const it = await subject(6, { ...small, packSizeBytes: 5000 });
  const { repackSmallerThanBytes: _, ...byRule } = all;
  const before = it.target.ids('data').length;
  await prune(it.repository, byRule);
  assert.ok(before > 40);
  assert.equal(it.target.ids('data').length, 2, 'one of data and one of trees');
  assert.equal(it.target.ids('index').length, 1);
  await spotless(it);
});

test('a crash at any operation leaves a sound repository, and the next prune finishes', {
  timeout: 400_000,
}, async (t) => {
  const origin = await subject(5, { ...small, files: 16, changedFiles: 4 });
  forget(origin, 3);
  const operations = await (async () => {
    const copy = await copyOf(origin);
    const before = copy.target.calls.length;
    await prune(copy.repository, all);
    return copy.target.calls.length - before;
  })();
  assert.ok(operations > 30, `${operations}`);
  let interrupted = 0;
  let leftOver = 0;
  for (let at = 1; at <= operations; at += 1) {
    const copy = await copyOf(origin);
    let count = 0;
    copy.target.fail = () => {
      count += 1;
      if (count >= at) throw new HoldfastError('storage.unavailable');
    };
    try {
      await prune(copy.repository, { ...all, onProblem: () => {} });
    } catch {
      interrupted += 1;
    }
    copy.target.fail = () => {};
    await sound(copy, at % 8 === 0 ? 'packs' : undefined);
    // restic now and then: it takes its time.
    if (at % 25 === 0 && skipUnless({ programs: ['restic'] }) === false) resticChecksIgnoringLocks(copy.target, t);
    leftOver += copy.target.ids('data').length;
    await prune(copy.repository, all);
    await spotless(copy, at % 8 === 0 ? 'packs' : undefined);
    assert.deepEqual(copy.target.ids('lock'), []);
  }
  assert.ok(interrupted > operations / 2 && leftOver > 0);
});

test('a backup that ends between the phases keeps what it needs of packs that were to go', async () => {
  const it = await subject(6);
  const again = it.target.objects.get(`snapshot:${it.snapshots[0]}`);
  assert.ok(again);
  const revived = it.snapshots[0];
  forget(it, 5);
  let seen = false;
  const create = it.target.create.bind(it.target);
  it.target.create = async (name, body, options?: CreateOptions) => {
    // The exclusive lock is about to be taken: a backup that found everything in the index has just ended.
    if (name.type === 'lock' && options?.exclusiveLock) {
      it.target.objects.set(`snapshot:${revived}`, again);
      seen = true;
    }
    return create(name, body, options);
  };
  const report = await prune(it.repository, all);
  assert.ok(seen);
  assert.ok(report.spared > 0);
  await sound(it);
  assert.equal(it.target.ids('snapshot').length, 2);
  // What it spared is dealt with by the next one.
  await prune(it.repository, all);
  await spotless(it);
});

test('what a new snapshot needs is kept also when somebody else takes a lock at the same moment, and deleting begins anew', async () => {
  const it = await subject(6);
  const [revived] = it.snapshots;
  const again = it.target.objects.get(`snapshot:${revived}`);
  assert.ok(again);
  forget(it, 5);
  const quick: Clock = {
    ...clock,
    sleep: (durationMs, signal) => (durationMs < 20_000 ? Promise.resolve() : clock.sleep(durationMs, signal)),
  };
  const repository = await openRepository(it.target, { masterKey: it.repository.masterKey, clock: quick });
  const held = await repository.lock({ exclusive: false });
  const lock = `lock:${it.target.ids('lock')[0]}`;
  const bytes = it.target.objects.get(lock);
  assert.ok(bytes);
  await held[Symbol.asyncDispose]();
  const create = it.target.create.bind(it.target);
  it.target.create = async (name, body, options?: CreateOptions) => {
    const isFirst = name.type === 'lock' && options?.exclusiveLock && !it.target.objects.has(`snapshot:${revived}`);
    const result = await create(name, body, options);
    if (isFirst) {
      it.target.objects.set(`snapshot:${revived}`, again);
      it.target.objects.set(lock, bytes);
    }
    return result;
  };
  let waits = 0;
  const onWait = (): void => {
    waits += 1;
    it.target.objects.delete(lock);
  };
  const report = await prune(repository, { ...all, onWait });
  assert.equal(waits, 1);
  assert.ok(report.spared > 0);
  await sound(it);
  assert.equal(it.target.ids('snapshot').length, 2);
});

test('a backup that stores new packs while it works is never taken for waste', async () => {
  const it = await subject(6);
  forget(it, 4);
  const create = it.target.create.bind(it.target);
  let added = 0;
  it.target.create = async (name, body, options?: CreateOptions) => {
    if (name.type === 'data' && added === 0) {
      added = 1;
      await it.history.snapshot();
    }
    return create(name, body, options);
  };
  await prune(it.repository, all);
  assert.equal(added, 1);
  await sound(it);
  assert.equal(it.target.ids('snapshot').length, 3);
});

test('another prune in between makes the plan void, and it is made again', async () => {
  const it = await subject(8);
  forget(it, 6);
  const create = it.target.create.bind(it.target);
  let others = 0;
  it.target.create = async (name, body, options?: CreateOptions) => {
    if (name.type === 'lock' && options?.exclusiveLock && others === 0) {
      others = 1;
      const other = await openRepository(it.target, { masterKey: it.repository.masterKey, clock });
      await prune(other, all);
    }
    return create(name, body, options);
  };
  await prune(it.repository, all);
  assert.equal(others, 1);
  await spotless(it);
});

test('nothing is deleted without the exclusive lock', async () => {
  const it = await subject(6);
  forget(it, 4);
  let exclusive = false;
  const { target } = it;
  const create = target.create.bind(target);
  const remove = target.delete.bind(target);
  target.create = (name, body, options?: CreateOptions) => {
    if (name.type === 'lock') exclusive = options?.exclusiveLock === true;
    return create(name, body, options);
  };
  target.delete = (name, options) => {
    if (name.type !== 'lock') assert.ok(exclusive, `${name.type} was deleted without the exclusive lock`);
    // Given back, at the end and not before.
    else exclusive = false;
    return remove(name, options);
  };
  await prune(it.repository, all);
  await spotless(it);
});

test('deleting waits for the locks of others, says whose they are, and may be stopped: the next prune goes on', async () => {
  const it = await subject(6);
  const { target } = it;
  const { masterKey } = it.repository;
  forget(it, 4);
  const before = target.ids('data');
  const other = await openRepository(target, { masterKey, clock });
  await using held = await other.lock({ exclusive: false });
  const undeleted = async (): Promise<void> => {
    assert.ok(before.every((id) => target.objects.has(`data:${id}`)));
    assert.equal(target.ids('lock').length, 1);
    await sound(it);
  };

  await assert.rejects(
    prune(it.repository, { ...all, waitMs: 0, onWait: () => assert.fail() }),
    (error) =>
      hasCode(error, 'repository.locked') &&
      /locked by process/.test(error.message) &&
      /--wait/.test(error.guidance ?? ''),
  );
  await undeleted();

  const stop = new AbortController();
  const onWait: PruneOptions['onWait'] = ({ message }, waitMs) => {
    assert.match(message, /locked by process/);
    assert.equal(waitMs, 3_600_000);
    stop.abort(new HoldfastError('run.cancelled'));
  };
  await assert.rejects(prune(it.repository, { ...all, onWait, signal: stop.signal }), { code: 'run.cancelled' });
  await undeleted();

  // The other one ends while this one waits.
  let waits = 0;
  let released: Promise<void> | undefined;
  const waiting: Clock = {
    ...clock,
    // However long the machine takes for the first try.
    monotonicMs: () => 0,
    sleep: (durationMs, signal) => (durationMs <= 1000 && released) || clock.sleep(durationMs, signal),
  };
  const repository = await openRepository(target, { masterKey, clock: waiting });
  const onLocked = (): void => {
    waits += 1;
    released = held[Symbol.asyncDispose]();
  };
  await prune(repository, { ...all, waitMs: 1000, onWait: onLocked });
  assert.equal(waits, 1);
  await spotless(it);
});

test('backups that never pause keep it from deleting, not for ever: what was packed again is used by the next one', async (t) => {
  const it = await subject(6);
  const { target } = it;
  const { masterKey } = it.repository;
  forget(it, 4);
  const before = target.ids('data');
  const other = await openRepository(target, { masterKey, clock });
  let held = await other.lock({ exclusive: false });
  t.after(() => held[Symbol.asyncDispose]());
  let nowMs = 0;
  const looks: number[] = [];
  const busy: Clock = {
    ...clock,
    monotonicMs: () => nowMs,
    sleep: async (durationMs, signal) => {
      // Its own lock is kept fresh.
      if (durationMs === 5000 || durationMs <= 200) return clock.sleep(durationMs, signal);
      // The next backup has begun before the last one ends.
      const last = held;
      held = await other.lock({ exclusive: false });
      await last[Symbol.asyncDispose]();
      nowMs += durationMs;
      looks.push(nowMs);
    },
  };
  const repository = await openRepository(target, { masterKey, clock: busy });
  await assert.rejects(
    prune(repository, { ...all, waitMs: 600_000 }),
    (error) =>
      hasCode(error, 'repository.locked') &&
      /still was after a wait of 10 m/.test(error.message) &&
      /packed again is stored.*--wait/.test(error.guidance ?? ''),
  );
  assert.equal(looks.at(-1), 600_000);
  assert.ok(looks.length > 10);
  const repacked = target.ids('data').filter((id) => !before.includes(id));
  assert.ok(repacked.length > 0);
  assert.ok(before.every((id) => target.objects.has(`data:${id}`)));
  assert.equal(target.ids('lock').length, 1, 'only the backup’s');
  await held[Symbol.asyncDispose]();
  const report = await prune(it.repository, all);
  assert.equal(report.newPacks, 0);
  assert.ok(repacked.every((id) => target.objects.has(`data:${id}`)));
  await spotless(it);
});

test('what is under retention stays, is counted, and goes later', async () => {
  const it = await subject(8);
  forget(it, 6);
  const { target } = it;
  const held = new Set(target.ids('data').filter((_, at) => at % 2 === 0));
  const indexes = new Set(target.ids('index').slice(0, 2));
  const refuse = (call: string, name: { type: string; id: string }): void => {
    if (call === 'delete' && (held.has(name.id) || indexes.has(name.id))) throw new HoldfastError('storage.immutable');
  };
  target.fail = refuse;
  const report = await prune(it.repository, all);
  assert.ok(report.retained > 0);
  assert.equal(report.failed, 0);
  assert.ok([...held].every((id) => target.objects.has(`data:${id}`)));
  await sound(it);
  target.fail = () => {};
  await prune(it.repository, all);
  await spotless(it);
});

test('missing or damaged data that is needed stops it before anything is deleted', async () => {
  const damages: ((it: Subject) => void)[] = [
    ({ target }) => target.objects.delete(`data:${target.ids('data')[0]}`),
    ({ target }) => target.objects.delete(`index:${target.ids('index')[0]}`),
    ({ target }) => target.objects.set(`index:${target.ids('index')[0]}`, new Uint8Array(100)),
    ({ target }) => target.objects.set(`snapshot:${target.ids('snapshot')[0]}`, new Uint8Array(100)),
    ({ target }) => target.objects.set(`data:${target.ids('data')[0]}`, new Uint8Array(100)),
  ];
  for (const [at, damage] of damages.entries()) {
    const it = await subject(3);
    damage(it);
    const before = new Map(it.target.objects);
    await assert.rejects(
      prune(it.repository, all),
      (error) => error instanceof HoldfastError && error.code !== 'internal.unexpected',
      `${at}`,
    );
    for (const name of before.keys()) assert.ok(it.target.objects.has(name), `${at}: ${name}`);
    assert.deepEqual(it.target.ids('lock'), []);
  }
});

test('a blob that was damaged in its pack is found before its pack goes', async () => {
  const it = await subject(8);
  forget(it, 6);
  for (const id of it.target.ids('data')) {
    const bytes = it.target.objects.get(`data:${id}`);
    assert.ok(bytes);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
  }
  const before = it.target.ids('data').length;
  await assert.rejects(prune(it.repository, all), { code: 'storage.tampered' });
  assert.ok(it.target.ids('data').length >= before);
});

test('much is packed again in threads', { timeout: 400_000 }, async (t) => {
  const it = await subject(3, { files: 100, fileBytes: 500_000, changedFiles: 20, packSizeBytes: 4_000_000 });
  forget(it, 2);
  const everything = { ...all, repackSmallerThanBytes: 64 * 1024 * 1024, threads: 2 };
  const report = await prune(it.repository, everything);
  assert.ok(report.newPacks >= 2, `${report.newPacks}`);
  await spotless(it);
  if (skipUnless({ programs: ['restic'] }) === false) resticChecks(it.target, t);
  // A bad blob is named by a thread, too.
  await it.history.snapshot();
  forget(it, 1);
  for (const bytes of it.target.objects.values()) if (bytes.byteLength > 1_000_000) bytes[500] = (bytes[500] ?? 0) ^ 1;
  await assert.rejects(prune(it.repository, everything), { code: 'storage.tampered', message: /^Pack / });
});

test('uncompressed blobs are compressed when asked for', async () => {
  const it = await subject(1, { ...small, changedFiles: 0 });
  const plain = Buffer.from('the quick brown fox '.repeat(500));
  {
    it.repository.compression = 'off';
    await using writer = new BlobWriter({ repository: it.repository });
    const content = [objectIdOf(blobId(plain))];
    const tree = encodeTree([sampleNode('fox', { content, size: BigInt(plain.byteLength) })]);
    await writer.add('data', blobId(plain), plain);
    await writer.add('tree', blobId(tree), tree);
    await writer.settle();
    await it.repository.saveSnapshot({ time: '2025-01-01T00:00:00Z', tree: objectIdOf(blobId(tree)), paths: ['/'] });
  }
  await prune(it.repository, { ...all, repackUncompressed: true });
  await spotless(it);
  const index = await it.repository.loadIndex();
  assert.notEqual(index.lookup(blobId(plain), 'data')?.uncompressedLength, 0);
});

async function copyOf(origin: Subject): Promise<Pick<Subject, 'target' | 'repository'>> {
  const target = new MemoryTarget();
  for (const [name, bytes] of origin.target.objects) target.objects.set(name, bytes);
  return { target, repository: await openRepository(target, { masterKey: origin.repository.masterKey, clock }) };
}

function bytesOf(target: MemoryTarget): number {
  return [...target.objects.values()].reduce((sum, bytes) => sum + bytes.byteLength, 0);
}

/** The crash left a lock of this living process, which restic respects. */
function resticChecksIgnoringLocks(target: MemoryTarget, context: { after(remove: () => void): void }): void {
  const copy = new MemoryTarget();
  for (const [name, bytes] of target.objects) if (!name.startsWith('lock:')) copy.objects.set(name, bytes);
  resticChecks(copy, context);
}
