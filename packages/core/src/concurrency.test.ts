import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { BoundedQueue, Semaphore } from './concurrency.ts';

describe('Semaphore', () => {
  test('never hands out more permits than it has, and wakes in order', async () => {
    const semaphore = new Semaphore(2);
    const order: number[] = [];
    let held = 0;
    let most = 0;
    const work = async (index: number): Promise<void> => {
      using _permit = await semaphore.acquire();
      order.push(index);
      held += 1;
      most = Math.max(most, held);
      await nextTurn();
      held -= 1;
    };
    await Promise.all([0, 1, 2, 3, 4, 5].map(work));
    assert.equal(most, 2);
    assert.deepEqual(order, [0, 1, 2, 3, 4, 5]);
  });

  test('a permit that is given back twice counts once', async () => {
    const semaphore = new Semaphore(1);
    const permit = await semaphore.acquire();
    permit[Symbol.dispose]();
    permit[Symbol.dispose]();
    await semaphore.acquire();
    await assertPending(semaphore.acquire());
  });

  test('whoever gives up waiting takes no permit with him', async () => {
    const semaphore = new Semaphore(1);
    const permit = await semaphore.acquire();
    const controller = new AbortController();
    const waiting = semaphore.acquire(controller.signal);
    const next = semaphore.acquire();
    controller.abort(new Error('too long'));
    await assert.rejects(waiting, /too long/);
    permit[Symbol.dispose]();
    await next;
    await assert.rejects(semaphore.acquire(AbortSignal.abort(new Error('before'))), /before/);
  });

  test('many wait with one signal, and give it one listener, for as long as they wait', async () => {
    const semaphore = new Semaphore(1);
    const controller = new AbortController();
    const { signal } = controller;
    const permit = await semaphore.acquire(signal);
    const waiting = Array.from({ length: 100 }, () => semaphore.acquire(signal));
    assert.equal(getEventListeners(signal, 'abort').length, 1);
    permit[Symbol.dispose]();
    (await waiting[0])?.[Symbol.dispose]();
    await waiting[1];
    assert.equal(getEventListeners(signal, 'abort').length, 1);
    controller.abort(new Error('enough'));
    const outcomes = await Promise.allSettled(waiting.slice(2));
    assert.ok(outcomes.every((one) => one.status === 'rejected' && /enough/.test(String(one.reason))));
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });

  test('needs at least one permit', () => {
    for (const permits of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
      assert.throws(() => new Semaphore(permits), RangeError);
  });
});

describe('BoundedQueue', () => {
  test('keeps the order and never holds more than its capacity, whoever comes first', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        fc.scheduler(),
        async (capacity, items, scheduler) => {
          const queue = new BoundedQueue<number>(capacity);
          const pulled: number[] = [];
          const producer = async (): Promise<void> => {
            for (const item of items) {
              await scheduler.schedule(Promise.resolve());
              await queue.push(item);
              assert.ok(queue.length <= capacity);
            }
            queue.close();
          };
          const consumer = async (): Promise<void> => {
            for await (const item of queue) {
              pulled.push(item);
              await scheduler.schedule(Promise.resolve());
            }
          };
          await scheduler.waitFor(Promise.all([producer(), consumer()]));
          assert.deepEqual(pulled, items);
        },
      ),
      { seed: 1, numRuns: 50 },
    );
  });

  test('several pushers and pullers lose nothing and take nothing twice', async () => {
    const queue = new BoundedQueue<number>(3);
    const pulled: number[] = [];
    const pullers = [1, 2, 3].map(async () => {
      for await (const item of queue) {
        pulled.push(item);
        await nextTurn();
      }
    });
    const pushers = [0, 100, 200].map(async (base) => {
      for (let index = 0; index < 20; index += 1) await queue.push(base + index);
    });
    await Promise.all(pushers);
    queue.close();
    await Promise.all(pullers);
    assert.equal(pulled.length, 60);
    assert.equal(new Set(pulled).size, 60);
  });

  test('push waits while it is full, pull while it is empty', async () => {
    const queue = new BoundedQueue<string>(1);
    await queue.push('a');
    const second = queue.push('b');
    await assertPending(second);
    assert.equal(await queue.pull(), 'a');
    await second;
    assert.equal(await queue.pull(), 'b');
    const third = queue.pull();
    await assertPending(third);
    await queue.push('c');
    assert.equal(await third, 'c');
  });

  test('closing lets pulls drain, then end, and refuses pushes, also waiting ones', async () => {
    const queue = new BoundedQueue<string>(1);
    await queue.push('a');
    const waiting = queue.push('b');
    queue.close();
    await assert.rejects(waiting, /closed/);
    await assert.rejects(queue.push('c'), /closed/);
    assert.equal(await queue.pull(), 'a');
    assert.equal(await queue.pull(), undefined);
  });

  test('closing wakes a pull that waits', async () => {
    const queue = new BoundedQueue<string>(1);
    const waiting = queue.pull();
    queue.close();
    assert.equal(await waiting, undefined);
  });

  test('a failure drops what is there and reaches everyone, with the first reason', async () => {
    const queue = new BoundedQueue<string>(1);
    const pull = queue.pull();
    queue.fail(new Error('disk'));
    queue.fail(new Error('later'));
    await assert.rejects(pull, /disk/);
    await assert.rejects(queue.pull(), /disk/);
    await assert.rejects(queue.push('a'), /disk/);
    const full = new BoundedQueue<string>(1);
    await full.push('a');
    const push = full.push('b');
    full.fail(new Error('disk'));
    await assert.rejects(push, /disk/);
    assert.equal(full.length, 0);
  });

  test('whoever gives up leaves the queue as it was', async () => {
    const queue = new BoundedQueue<string>(1);
    await queue.push('a');
    const controller = new AbortController();
    const waiting = queue.push('b', controller.signal);
    controller.abort(new Error('enough'));
    await assert.rejects(waiting, /enough/);
    assert.equal(await queue.pull(), 'a');
    await assertPending(queue.pull());
    await assert.rejects(queue.pull(AbortSignal.abort(new Error('before'))), /before/);
  });

  test('a cancelled pull does not swallow the wake-up of the next one', async () => {
    const queue = new BoundedQueue<string>(1);
    const controller = new AbortController();
    const first = queue.pull(controller.signal);
    const second = queue.pull();
    const push = queue.push('a');
    controller.abort(new Error('enough'));
    await assert.rejects(first, /enough/);
    await push;
    assert.equal(await second, 'a');
  });

  test('needs a capacity', () => {
    for (const capacity of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
      assert.throws(() => new BoundedQueue(capacity), RangeError);
  });
});

/** Nothing settles the promise in this turn of the event loop. */
async function assertPending(promise: Promise<unknown>): Promise<void> {
  const pending = Symbol('pending');
  assert.equal(await Promise.race([promise, nextTurn(pending)]), pending);
}
