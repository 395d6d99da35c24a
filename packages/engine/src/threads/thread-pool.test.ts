import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { HoldfastError } from '@holdfast/core';
import { ThreadPool, workerCount } from './thread-pool.ts';

type Job = 'answer' | 'refuse' | 'throw later' | 'exit' | 'hang';

function pool(t: TestContext, size = 2): { pool: ThreadPool<Job, string, never>; failed: Promise<HoldfastError> } {
  const failure = Promise.withResolvers<HoldfastError>();
  const made = new ThreadPool<Job, string, never>({
    entry: new URL('../testing/failing-worker.ts', import.meta.url),
    size,
  });
  made.startAll();
  made.attach({ onEvent: () => undefined, onFailure: failure.resolve });
  t.after(() => made[Symbol.asyncDispose]());
  return { pool: made, failed: failure.promise };
}

describe('thread pool', () => {
  it('answers, spreads jobs, and passes on what a job throws without failing', async (t) => {
    const { pool: threads } = pool(t);
    assert.deepEqual(await threads.runOnAll('answer'), ['answer', 'answer']);
    await assert.rejects(threads.run('refuse'), { code: 'internal.unexpected' });
    assert.equal(await threads.run('answer'), 'answer');
  });

  for (const way of ['exit', 'throw later'] as const)
    it(`fails as a whole when a thread ends (${way})`, async (t) => {
      const { pool: threads, failed } = pool(t);
      const hanging = threads.run('hang');
      const given = threads.run(way);
      assert.equal((await failed).code, 'internal.unexpected');
      // The answer given before the throw and the throw itself travel on two ports, so that either may arrive first.
      const [outcome] = await Promise.allSettled([given]);
      if (way === 'exit') assert.equal(outcome.status, 'rejected');
      await assert.rejects(hanging, { code: 'internal.unexpected' });
      await assert.rejects(threads.run('answer'), { code: 'internal.unexpected' });
    });

  it('tells a listener that comes later what has failed', async (t) => {
    const { pool: threads, failed } = pool(t);
    await assert.rejects(threads.run('exit'), { code: 'internal.unexpected' });
    const first = await failed;
    const late = Promise.withResolvers<HoldfastError>();
    threads.attach({ onEvent: () => undefined, onFailure: late.resolve });
    assert.equal(await late.promise, first);
  });

  it('ends threads that hang, and what waits for them', async (t) => {
    const { pool: threads } = pool(t, 1);
    const hanging = assert.rejects(threads.run('hang'), { code: 'run.cancelled' });
    await threads[Symbol.asyncDispose]();
    await hanging;
    // Also what comes too late.
    await assert.rejects(threads.run('answer'), { code: 'run.cancelled' });
  });

  it('has room for a bounded number of jobs', async (t) => {
    const { pool: threads } = pool(t, 1);
    const pending: Promise<unknown>[] = [];
    while (threads.room) pending.push(threads.run('answer'));
    assert.equal(pending.length, 2);
    await Promise.all(pending);
  });

  for (const [patienceMs, others] of [
    [0, 2],
    [Number.POSITIVE_INFINITY, 0],
  ] as const)
    it(`starts ${others} others when one has worked for ${patienceMs} ms and there is more to do`, async () => {
      await using threads = new ThreadPool<Job, string, never>({
        entry: new URL('../testing/failing-worker.ts', import.meta.url),
        size: 3,
        patienceMs,
      });
      threads.setUp('answer');
      assert.equal(await threads.run('answer'), 'answer');
      assert.equal((await threads.runOnAll('answer')).length, 1, 'one thread is enough for one job after the other');
      await Promise.all([threads.run('answer'), threads.run('answer')]);
      assert.equal((await threads.runOnAll('answer')).length, 1 + others);
    });

  it('fails when a thread cannot be set up', async () => {
    const failed = Promise.withResolvers<HoldfastError>();
    await using threads = new ThreadPool<Job, string, never>({
      entry: new URL('../testing/failing-worker.ts', import.meta.url),
      size: 2,
    });
    threads.attach({ onEvent: () => undefined, onFailure: failed.resolve });
    threads.setUp('refuse');
    assert.match((await failed.promise).message, /did not begin: .*refused/);
    await assert.rejects(threads.run('answer'), { code: 'internal.unexpected' });
  });

  it('refuses impossible numbers of threads', () => {
    assert.equal(workerCount(undefined, 100), 8);
    assert.equal(workerCount(undefined, 2), 2);
    for (const wrong of [0, -1, 1.5, 65]) assert.throws(() => workerCount(wrong, 4), { code: 'usage.option' });
  });
});
