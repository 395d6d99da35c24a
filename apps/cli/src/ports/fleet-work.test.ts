import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HoldfastError, hasCode } from '@holdfast/core';
import type { FleetWorkView } from '@holdfast/protocol';
import { WorkView } from '../output.ts';
import { type FleetWorkChoice, requireFleet, requireOneChoice } from './fleet-choice.ts';
import { type FleetWorkCalls, fleetWork } from './fleet-work.ts';

const view: FleetWorkView = {
  ...{ id: '6f1c2a34-1111-4111-8111-111111111111', state: 'finished', startedAt: '2026-11-21T04:00:00.000Z' },
  ...{ total: 3, done: 3, failures: 0, warnings: 0, unchecked: 0, notes: [] },
};
const older = { ...view, id: '7a000000-1111-4111-8111-111111111111' };

/** A server with two checks, what it was asked for, and what was printed. */
function start(t: TestContext, o: { readonly newest?: Partial<FleetWorkView>; readonly onLook?: () => void } = {}) {
  const newest = { ...view, ...o.newest };
  const asked: string[] = [];
  const shown: unknown[] = [];
  const stop = new AbortController();
  const calls: FleetWorkCalls<string> = {
    what: 'check',
    units: 'pairs',
    begin: async () => {
      asked.push('begin');
      return newest;
    },
    all: async () => [newest, older],
    look: async (id) => {
      asked.push(`look ${id}`);
      o.onLook?.();
      return { ...newest, id };
    },
    cancel: async (id) => {
      asked.push(`cancel ${id}`);
      return newest;
    },
    page: async (_id, after) => (after === 0 ? { results: ['one'], next: 7 } : { results: [`after ${after}`] }),
    show: async (ended, results) => void shown.push(ended.id, ...results),
  };
  const texts: unknown[] = [];
  /** What is written meanwhile is what a person reads; it goes on to where it goes, because the test's own report does. */
  const run = async (choice: FleetWorkChoice = {}) => {
    const mocks = [process.stdout, process.stderr].map((stream) => t.mock.method(stream, 'write'));
    try {
      const options = {};
      return await fleetWork(calls, { choice, options, work: { signal: stop.signal, view: new WorkView(options) } });
    } finally {
      for (const { mock } of mocks) {
        texts.push(...mock.calls.map((call) => call.arguments[0]));
        mock.restore();
      }
    }
  };
  return { asked, shown, stop, run, text: () => texts.filter((one) => typeof one === 'string').join('') };
}

test('a check that ended before its time shows what it found, and then why it ended', async (t) => {
  const error = { ...new HoldfastError('run.timeout', { message: 'It took longer than 4 hours.' }).toJSON() };
  const { run, shown } = start(t, { newest: { state: 'failed', error: error as FleetWorkView['error'] } });
  await assert.rejects(run(), (thrown) => hasCode(thrown, 'run.timeout'));
  assert.deepEqual(shown, [view.id, 'one', 'after 7']);
});

test('a check that was begun elsewhere is shown: the newest, or the one that is named', async (t) => {
  const { asked, run, shown } = start(t);
  assert.equal(await run({ follow: true }), 0);
  assert.equal(await run({ follow: '7A' }), 0);
  assert.deepEqual(shown, [view.id, 'one', 'after 7', older.id, 'one', 'after 7']);
  assert.deepEqual(asked, []);
  await assert.rejects(run({ follow: '9' }), (error) => hasCode(error, 'request.missing'));
  await assert.rejects(run({ follow: '' }), (error) => hasCode(error, 'usage.option'));
});

test('they are listed, and one that runs is cancelled', async (t) => {
  const { asked, run, text } = start(t, { newest: { state: 'running', failures: 12 } });
  assert.equal(await run({ list: true }), 0);
  assert.match(text(), /^6f1c2a34-1111-4111-8111-111111111111 +running .* 12 /m);
  assert.match(text(), /^7a000000-1111-4111-8111-111111111111 +finished /m);
  assert.equal(await run({ cancel: true }), 0);
  assert.deepEqual(asked, [`cancel ${view.id}`]);
  assert.match(text(), /is being cancelled\.$/m);
  assert.equal(await run({ cancel: '7a' }), 0);
  assert.deepEqual(asked.slice(1), [`look ${older.id}`]);
  assert.match(text(), /has ended already \(finished\)\.$/m);
});

test('who begins one is told its id, and cancels it with Ctrl-C; who follows one leaves it running', async (t) => {
  const begun = start(t, { newest: { state: 'running' }, onLook: () => begun.stop.abort(new Error('Ctrl-C')) });
  await assert.rejects(begun.run(), /Ctrl-C/);
  assert.match(begun.text(), /^This is check 6f1c2a34-/m);
  assert.deepEqual(begun.asked, ['begin', `look ${view.id}`, `cancel ${view.id}`]);
  const followed = start(t, { newest: { state: 'running' }, onLook: () => followed.stop.abort(new Error('Ctrl-C')) });
  await assert.rejects(followed.run({ follow: true }), /Ctrl-C/);
  assert.deepEqual(followed.asked, [`look ${view.id}`]);
  assert.match(followed.text(), /--follow 6f1c2a34-.* shows it again, .*--cancel 6f1c2a34-.* ends it/);
  // A server that can't be reached for a moment ends nothing.
  const lost = start(t, {
    newest: { state: 'running' },
    onLook: () => {
      throw new HoldfastError('channel.closed');
    },
  });
  await assert.rejects(lost.run(), (error) => hasCode(error, 'channel.closed'));
  assert.deepEqual(lost.asked, ['begin', `look ${view.id}`]);
  assert.match(lost.text(), /The check goes on\. .*--follow 6f1c2a34-/);
});

test('these options are for fleets, one at a time, and without a topology', () => {
  const isUsage = (error: unknown): boolean => hasCode(error, 'usage.option');
  requireFleet({});
  assert.throws(() => requireFleet({ follow: true }), isUsage);
  requireOneChoice({}, 'topology.yaml');
  requireOneChoice({ cancel: '6f' }, undefined);
  assert.throws(() => requireOneChoice({ cancel: '6f' }, 'topology.yaml'), isUsage);
  assert.throws(() => requireOneChoice({ cancel: '6f', list: true }, undefined), isUsage);
});
