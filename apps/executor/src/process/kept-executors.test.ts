import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError, ManualClock } from '@holdfast/core';
import type { Task } from '@holdfast/protocol';
import { keptIdleMs, keptMaxMs, maxKeptExecutors } from '../limits.ts';
import { silentContext } from '../testing/silent-context.ts';
import type { ExecutorProcess } from './executor-process.ts';
import { KeptExecutors } from './kept-executors.ts';

const context = silentContext();

function taskIn(repository: string, password = 'secret'): Task {
  return {
    kind: 'snapshots',
    limit: 1,
    access: {
      tenant: 'local',
      repository,
      password,
      grant: 'grant',
      sessionId: '6f1c2a34-9f52-4c1e-9a57-0b0d5f0c7f11',
      mover: { id: '6f1c2a34-9f52-4c1e-9a57-0b0d5f0c7f12', host: 'store', port: 6162, fingerprint: 'f'.repeat(43) },
      direction: 'agent-dials',
    },
  };
}

/** Processes whose tasks end when the test says so. */
function fixture() {
  const clock = new ManualClock(new Date());
  const started: { ended: boolean; finish: PromiseWithResolvers<unknown>[]; settled: number }[] = [];
  const kept = new KeptExecutors({
    clock,
    stopMs: 1_000,
    start: () => {
      const one = { ended: false, finish: [] as PromiseWithResolvers<unknown>[], settled: 0 };
      started.push(one);
      const call = (name: string, _: unknown, { signal }: { signal?: AbortSignal } = {}): Promise<unknown> => {
        if (name === 'settle') {
          one.settled += 1;
          return Promise.resolve({});
        }
        const work = Promise.withResolvers<unknown>();
        one.finish.push(work);
        signal?.addEventListener('abort', () => work.reject(signal.reason));
        return work.promise;
      };
      return {
        child: { peer: { call, ending: undefined }, noteLoss: () => undefined } as unknown as ExecutorProcess,
        way: { place: 'mover', socket: '/nowhere', secret: 'secret' },
        [Symbol.asyncDispose]: async () => {
          one.ended = true;
        },
      };
    },
  });
  const run = (task: Task, signal = new AbortController().signal) => kept.run(task, { context, signal });
  const ask = async (task: Task): Promise<void> => {
    const asked = run(task);
    for (const { finish } of started) for (const work of finish) work.resolve({ kind: 'snapshots', snapshots: [] });
    await asked;
  };
  const ended = (): number[] => started.flatMap((one, at) => (one.ended ? [at] : []));
  return { clock, kept, started, run, ask, ended };
}

test('one process answers for a repository, until nobody has asked for a minute', async () => {
  const { clock, kept, started, ask, ended } = fixture();
  await ask(taskIn('a'));
  clock.advance(keptIdleMs - 1);
  await ask(taskIn('a'));
  clock.advance(keptIdleMs - 1);
  await ask(taskIn('a'));
  assert.equal(started.length, 1);
  await ask(taskIn('a', 'another password'));
  assert.equal(started.length, 2, 'what another password opens is another repository');
  clock.advance(keptIdleMs);
  await kept[Symbol.asyncDispose]();
  assert.deepEqual([kept.size, ended()], [0, [0, 1]]);
});

test('none becomes old, and what it still does it does to the end', async () => {
  const { clock, started, run, ask, ended } = fixture();
  const long = run(taskIn('a'));
  clock.advance(keptMaxMs);
  const second = run(taskIn('a'));
  assert.equal(started.length, 2);
  assert.deepEqual(ended(), []);
  started[0]?.finish[0]?.resolve({});
  await long;
  assert.deepEqual(ended(), [0]);
  started[1]?.finish[0]?.resolve({});
  await second;
  await ask(taskIn('a'));
  assert.equal(started.length, 2);
});

test('beyond the bound an idle one gives way, and where none is idle the process is for one task', async () => {
  const { kept, started, run, ask, ended } = fixture();
  for (let at = 0; at < maxKeptExecutors; at += 1) await ask(taskIn(`r${at}`));
  const busy = Array.from({ length: maxKeptExecutors }, (_, at) => run(taskIn(at === 0 ? 'new' : `r${at}`)));
  assert.deepEqual([kept.size, ended()], [maxKeptExecutors, [0]]);
  await ask(taskIn('one more'));
  await Promise.all(busy);
  assert.equal(started.length, maxKeptExecutors + 2);
  assert.deepEqual([kept.size, ended()], [maxKeptExecutors, [0, maxKeptExecutors + 1]]);
});

test('a task that is cancelled settles before it is over, and the process stays for others', async () => {
  const { kept, started, run, ask } = fixture();
  const cancel = new AbortController();
  const cancelled = run(taskIn('a'), cancel.signal);
  cancel.abort(new HoldfastError('run.cancelled'));
  await assert.rejects(cancelled, { code: 'run.cancelled' });
  assert.equal(started[0]?.settled, 1);
  await ask(taskIn('a'));
  assert.deepEqual([started.length, kept.size], [1, 1]);
});
