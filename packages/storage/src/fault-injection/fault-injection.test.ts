import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ErrorCode, isHoldfastError, ManualClock, systemClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { contentOf, nameOf, rejects } from '../conformance/content.ts';
import { openLocalDisk } from '../local-disk/open-local-disk.ts';
import type { Target } from '../target.ts';
import type { FaultInjector } from './fault-injector.ts';
import { FaultyTarget } from './faulty-target.ts';
import { type FaultKind, SeededFaults } from './seeded-faults.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimulatedStorage } from './simulated-storage.ts';
import { nameOfKey, objectKey } from './simulated-target.ts';

const clock = new ManualClock();
const body = contentOf('faults', 1000);
const name = nameOf('data', body);

function always(kind: FaultKind): FaultInjector {
  return new SeededFaults({ seed: 7, rates: { [kind]: 1 }, clock });
}

/** What a create with that fault is answered, and whether the object is there afterwards. */
const createFaults: readonly [FaultKind, ErrorCode, boolean][] = [
  ['refused', 'storage.unavailable', false],
  ['full', 'storage.full', false],
  ['io', 'storage.unavailable', false],
  ['cut', 'channel.closed', false],
  ['lost-answer', 'channel.closed', true],
];

for (const [kind, code, stored] of createFaults) {
  test(`a create with the fault ${kind} is ${code}, and ${stored ? 'stored' : 'leaves nothing'}`, async (t) => {
    const storage = new SimulatedStorage({ clock });
    await rejects(storage.open(always(kind)).create(name, [body]), code);
    assert.equal(storage.durable.has(objectKey(name)), stored);

    const path = mkdtempSync(join(temporaryFolder(t), 'repository-'));
    const disk: Target = await openLocalDisk({ path, create: true });
    await rejects(new FaultyTarget(disk, always(kind)).create(name, [body]), code);
    assert.equal((await disk.stat(name)) !== undefined, stored);
    // Nothing is in the way of the next attempt.
    assert.equal(await disk.create(name, [body]), stored ? 'identical' : 'created');
  });
}

test('what a read gives is cut short or has one wrong bit, and the stored object stays as it is', async () => {
  const storage = new SimulatedStorage({ clock });
  await storage.open().create(name, [body]);
  assert.ok((await storage.open(always('short-read')).read(name)).length < body.length);
  const wrong = await storage.open(always('wrong-bit')).read(name);
  let bits = 0;
  for (const [at, byte] of body.entries()) for (let x = byte ^ (wrong[at] ?? 0); x > 0; x >>>= 1) bits += x & 1;
  assert.equal(bits, 1);
  assert.deepEqual(Buffer.from(await storage.open().read(name)), body);
});

test('a list can break in the middle', async () => {
  const storage = new SimulatedStorage({ clock });
  for (let at = 0; at < 5; at += 1) {
    const piece = contentOf(`listed ${at}`, 10);
    await storage.open().create(nameOf('index', piece), [piece]);
  }
  let calls = 0;
  const target = storage.open({
    pass: async (_, stage) => {
      if (stage === 'begin' && ++calls === 2)
        await always('refused').pass({ method: 'list', name, sizeBytes: 0 }, stage, {});
    },
  });
  const pages: number[] = [];
  await assert.rejects(async () => {
    for await (const page of target.list('index', { pageSize: 2 })) pages.push(page.length);
  }, isHoldfastError);
  assert.deepEqual(pages, [2]);
});

test('a crash forgets what was not synced: any end of it, or any part, as the storage promises', async () => {
  const pieces = Array.from({ length: 3 }, (_, at) => contentOf(`piece ${at}`, 10));
  const never: FaultInjector = { pass: (_, stage) => (stage === 'sync' ? new Promise(() => {}) : Promise.resolve()) };
  for (const [durability, expected] of [
    ['ordered', ['', '0', '01', '012']],
    ['unordered', ['', '0', '1', '01', '2', '02', '12', '012']],
  ] as const) {
    const storage = new SimulatedStorage({ clock, durability });
    await storage.open().create(name, [body]);
    for (const piece of pieces) void storage.open(never).create(nameOf('data', piece), [piece]);
    await systemClock.sleep(1);
    assert.equal(storage.visible.size, 4);
    const survivors = [...storage.statesAfterCrash()].map((state) => {
      assert.ok(state.has(objectKey(name)), 'what was answered is durable');
      return pieces.flatMap((piece, at) => (state.has(objectKey(nameOf('data', piece))) ? [at] : [])).join('');
    });
    assert.deepEqual(survivors, expected);
    storage.crash(() => 0);
    assert.deepEqual([...storage.visible.keys()], [objectKey(name)]);
  }
});

test('a delete that was not synced may come undone, and who stores the same again waits until it is durable', async () => {
  const storage = new SimulatedStorage({ clock });
  await storage.open().create(name, [body]);
  const never: FaultInjector = { pass: (_, stage) => (stage === 'sync' ? new Promise(() => {}) : Promise.resolve()) };
  void storage.open(never).delete(name);
  await systemClock.sleep(1);
  assert.equal(storage.visible.has(objectKey(name)), false);
  assert.deepEqual(
    [...storage.statesAfterCrash()].map((state) => state.size),
    [1, 0],
  );
  storage.crash(() => 0);
  void storage.open(never).delete(name);
  await systemClock.sleep(1);
  assert.equal(await storage.open().create(name, [body]), 'created');
  assert.ok(storage.durable.has(objectKey(name)));
});

test('nothing outlives what it follows from: what others did without syncing it is made durable first', async () => {
  const never: FaultInjector = { pass: (_, stage) => (stage === 'sync' ? new Promise(() => {}) : Promise.resolve()) };
  const [index, snapshot] = (['index', 'snapshot'] as const).map((type) => nameOf(type, body));
  assert.ok(index && snapshot);
  const begin = async (): Promise<SimulatedStorage> => {
    const storage = new SimulatedStorage({ clock, durability: 'unordered' });
    for (const made of [name, index, snapshot]) await storage.open().create(made, [body]);
    return storage;
  };
  // Somebody dies over a delete; who does not find it deletes what only that needed.
  for (const [first, second] of [
    [snapshot, index],
    [index, name],
  ] as const) {
    const storage = await begin();
    void storage.open(never).delete(first);
    await systemClock.sleep(1);
    await storage.open().delete(second);
    for (const state of storage.statesAfterCrash()) assert.ok(!state.has(objectKey(first)), first.type);
  }
  // Somebody dies over an index file; who has read it stores a snapshot that needs it.
  const storage = new SimulatedStorage({ clock, durability: 'unordered' });
  void storage.open(never).create(index, [body]);
  await systemClock.sleep(1);
  await storage.open().create(snapshot, [body]);
  for (const state of storage.statesAfterCrash()) assert.ok(state.has(objectKey(index)));
  // Who is told that a delete is done is not told so before it is.
  const again = await begin();
  void again.open(never).delete(snapshot);
  await systemClock.sleep(1);
  await again.open().delete(snapshot);
  for (const state of again.statesAfterCrash()) assert.ok(!state.has(objectKey(snapshot)));
});

test('decay changes what is stored, behind everybody', async () => {
  const storage = new SimulatedStorage({ clock });
  await storage.open().create(name, [body]);
  storage.damage(objectKey(name), (bytes) => bytes.subarray(1));
  assert.equal((await storage.open().read(name)).length, body.length - 1);
  await rejects(storage.open().create(name, [body]), 'storage.exists');
});

test('the same seed gives the same faults', async () => {
  const played = async (seed: number): Promise<string> => {
    const faults: string[] = [];
    const injector = new SeededFaults({
      seed,
      rates: { refused: 0.2, 'lost-answer': 0.2, full: 0.2 },
      clock,
      onFault: (kind, call) => faults.push(`${kind} ${call.name.id}`),
    });
    const target = new SimulatedStorage({ clock }).open(injector);
    for (let at = 0; at < 40; at += 1) {
      const piece = contentOf(`${at}`, 10);
      await target.create(nameOf('data', piece), [piece]).catch((error: unknown) => assert.ok(isHoldfastError(error)));
    }
    return faults.join();
  };
  assert.equal(await played(3), await played(3));
  assert.notEqual(await played(3), await played(4));
});

test('seeded random numbers are spread, and forks are independent', () => {
  const random = new SeededRandom(1);
  const counts = new Map<number, number>();
  for (let at = 0; at < 10_000; at += 1) {
    const value = random.below(10);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  assert.equal(counts.size, 10);
  for (const count of counts.values()) assert.ok(count > 850 && count < 1150);
  const fork = random.fork();
  assert.notEqual(fork.next(), random.next());
  assert.throws(() => random.pick([]), RangeError);
});

test('keys and names are the same thing', () => {
  assert.deepEqual(nameOfKey(objectKey(name)), name);
  assert.deepEqual(nameOfKey('config/'), { type: 'config', id: '' });
  assert.throws(() => nameOfKey('tmp/1'), RangeError);
});
