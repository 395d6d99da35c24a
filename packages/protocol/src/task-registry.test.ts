import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import { reportOf } from './error-report.ts';
import { maxKeptTasks, maxListedProblems } from './limits.ts';
import { type TaskContext, TaskRegistry } from './task-registry.ts';
import type { RestoreTask, TaskEvent, TaskResult } from './tasks.ts';

const maxRunning = 4;

const task: RestoreTask = {
  kind: 'restore',
  access: {
    tenant: 'local',
    repository: 'default',
    password: 'secret',
    grant: 'first grant',
    sessionId: '6f1c2a34-9f52-4c1e-9a57-0b0d5f0c7f11',
    mover: { id: '6f1c2a34-9f52-4c1e-9a57-0b0d5f0c7f12', host: 'store', port: 6162, fingerprint: 'f'.repeat(43) },
    direction: 'agent-dials',
  },
  snapshotId: 'a'.repeat(64),
  target: '/restored',
  include: [],
  overwrite: false,
};
const result: TaskResult['result'] = {
  kind: 'restore',
  snapshotId: 'a'.repeat(64),
  target: '/restored',
  files: 1,
  directories: 1,
  bytes: 1,
  durationMs: 1,
};

/** A registry whose tasks run until the test ends them. */
function controlled() {
  const started: { context: TaskContext; end: (error?: Error) => void }[] = [];
  const registry = new TaskRegistry(
    (_task, context) => {
      const { promise, resolve, reject } = Promise.withResolvers<TaskResult['result']>();
      context.signal.addEventListener('abort', () => reject(context.signal.reason));
      started.push({ context, end: (error) => (error ? reject(error) : resolve(result)) });
      return promise;
    },
    { maxRunning, process: 'agent' },
  );
  const attach = (id: string, signal = new AbortController().signal) => {
    const events: TaskEvent[] = [];
    return { events, answer: registry.run({ run: id }, task, { watch: (event) => events.push(event), signal }) };
  };
  return { registry, started, attach };
}

test('a task whose connection is lost goes on, and asking for it again attaches to it', async () => {
  const { started, attach } = controlled();
  const lost = new AbortController();
  const first = attach('one', lost.signal);
  started[0]?.context.degraded({
    channel: 'agent-to-mover-data',
    usedInstead: 'agent-to-mover-transport',
    reason: reportOf(new HoldfastError('channel.timeout')),
  });
  lost.abort(new HoldfastError('channel.closed'));
  await assert.rejects(first.answer, { code: 'channel.closed' });
  const second = attach('one');
  assert.equal(started.length, 1);
  assert.deepEqual(
    second.events.map(({ kind }) => kind),
    ['degraded', 'log', 'log'],
  );
  started[0]?.end();
  assert.deepEqual((await second.answer).result, result);
  // Ended, but not forgotten: the answer may have been lost on its way.
  assert.deepEqual((await attach('one').answer).result, result);
  assert.equal(started.length, 1);
});

test('cancelling ends a task for everyone who watches, and a renewed grant reaches it', async () => {
  const { registry, started, attach } = controlled();
  const watchers = [attach('one'), attach('one')];
  assert.equal(started[0]?.context.grant(), 'first grant');
  registry.renew('one', 'second grant');
  assert.equal(started[0]?.context.grant(), 'second grant');
  registry.cancel('one');
  for (const { answer } of watchers) await assert.rejects(answer, { code: 'run.cancelled' });
  assert.throws(() => registry.cancel('another'), { code: 'request.missing' });
});

test('problems are all counted and the first thousand listed', async () => {
  const { started, attach } = controlled();
  const watcher = attach('one');
  for (let number = 0; number < maxListedProblems + 5; number++)
    started[0]?.context.problem(new HoldfastError('file.unreadable'));
  started[0]?.end();
  const { problems, problemCount } = await watcher.answer;
  assert.equal(problems.length, maxListedProblems);
  assert.equal(problemCount, maxListedProblems + 5);
  assert.equal(watcher.events.filter(({ kind }) => kind === 'problem').length, maxListedProblems);
});

test('only so many tasks run at once, and only so many ended ones are remembered', async () => {
  const { registry, started, attach } = controlled();
  const running = Array.from({ length: maxRunning }, (_, number) => attach(`running ${number}`));
  await assert.rejects(attach('one too many').answer, { code: 'internal.limit', retry: 'transient' });
  assert.throws(() => registry.begin({ run: 'one too many' }, task), { code: 'internal.limit' });
  for (const { end } of started) end();
  await Promise.all(running.map(({ answer }) => answer));
  for (let number = 0; number < maxKeptTasks; number++) {
    const { answer } = attach(`later ${number}`);
    started.at(-1)?.end();
    await answer;
  }
  const startedBefore = started.length;
  void attach('running 0');
  assert.equal(started.length, startedBefore + 1, 'the oldest was forgotten and is started anew');
  started.at(-1)?.end();
});

test('stopping cancels what runs and waits for it', async () => {
  const { registry, attach } = controlled();
  const { answer } = attach('one');
  await Promise.all([registry.stop(), assert.rejects(answer, { code: 'run.cancelled' })]);
});

test('whoever attaches is told the log and the statistics again, after the end too', async () => {
  const { started, attach } = controlled();
  const first = attach('one');
  const { context } = started[0] ?? assert.fail();
  context.report({ kind: 'progress', progress: { phase: 'backup', filesDone: 1, bytesDone: 10, transferredBytes: 4 } });
  context.log('info', 'as\u001b[2J it is');
  context.log('warning', 'opened', 'executor');
  started[0]?.end();
  await first.answer;
  const logOf = (events: readonly TaskEvent[]) => events.flatMap((event) => (event.kind === 'log' ? [event.line] : []));
  const lines = logOf(first.events);
  assert.deepEqual(
    lines.map(({ level, process, message }) => `${process} ${level}: ${message}`),
    [
      'agent info: The restore begins',
      'agent info: Phase: backup',
      'agent info: as [2J it is',
      'executor warning: opened',
      'agent info: The restore has ended',
    ],
  );
  const again = attach('one');
  await again.answer;
  assert.deepEqual(logOf(again.events), lines);
  const last = again.events.at(-1);
  assert.ok(last?.kind === 'statistics');
  assert.deepEqual(
    last.statistics.samples.map(({ bytesDone, transferredBytes }) => [bytesDone, transferredBytes]),
    [[10, 4]],
  );
  assert.deepEqual(first.events.at(-1), last);
});

test('the log of a task that fails ends with why', async () => {
  const { started, attach } = controlled();
  const { events, answer } = attach('one');
  started[0]?.end(new HoldfastError('storage.full', { message: 'No room is left.' }));
  await assert.rejects(answer, { code: 'storage.full' });
  const line = events.findLast((event) => event.kind === 'log');
  assert.ok(line?.kind === 'log');
  assert.deepEqual([line.line.level, line.line.message], ['error', 'No room is left.']);
});
