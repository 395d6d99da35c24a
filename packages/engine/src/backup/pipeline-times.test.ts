import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { PipelineTimes } from './pipeline-times.ts';

function started() {
  const clock = new ManualClock();
  // What the target did for others before.
  const uploads = { requestMs: 500, storageMs: 400 };
  return { clock, uploads, times: new PipelineTimes({ clock, uploads: () => ({ ...uploads }) }) };
}

it('nothing is told before time has passed', () => {
  const { times } = started();
  assert.equal(times.waits(), undefined);
});

it('what threads took is divided by what they did, what uploads took by what the other end says', () => {
  const { clock, uploads, times } = started();
  times.add({ sourceMs: 90, processingMs: 270 });
  clock.advance(400);
  times.waitFor('uploads');
  clock.advance(600);
  uploads.requestMs += 1000;
  uploads.storageMs += 250;
  assert.deepEqual(times.waits(), { source: 10, processing: 30, network: 45, target: 15 });
  times.waitFor('threads');
  times.waitFor('threads');
  clock.advance(1000);
  assert.deepEqual(times.waits(), { source: 18, processing: 51, network: 23, target: 8 });
});

it('a source that is waited for by itself, a storage without a network', () => {
  const { clock, times } = started();
  times.waitFor('source');
  clock.advance(30);
  times.waitFor('uploads');
  clock.advance(70);
  assert.deepEqual(times.waits(), { source: 30, processing: 0, network: 0, target: 70 });
});

it('threads that have not answered yet read', () => {
  const { clock, times } = started();
  clock.advance(10);
  assert.deepEqual(times.waits(), { source: 100, processing: 0, network: 0, target: 0 });
});

it('what rounding leaves over goes to the largest', () => {
  const { clock, times } = started();
  times.add({ sourceMs: 1, processingMs: 2 });
  clock.advance(2);
  times.waitFor('uploads');
  clock.advance(1);
  const waits = times.waits();
  assert.deepEqual(waits, { source: 22, processing: 45, network: 0, target: 33 });
});
