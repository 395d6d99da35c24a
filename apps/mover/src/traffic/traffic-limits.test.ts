import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import type { TrafficRule } from '@holdfast/protocol';
import { startFixture } from '../testing/mover-fixture.ts';
import { object, restCalls } from '../testing/rest-calls.ts';
import { TrafficLimits } from './traffic-limits.ts';

const kib = 1024;
/** On a machine that stalls the clock of the test runs ahead. */
const lifetimeMs = 24 * 3_600_000;

function rule(change: Partial<TrafficRule> = {}): TrafficRule {
  return {
    id: '6f1c2a34-9f52-4c1e-9a57-0b0d5f0c7f11',
    ...{ sources: [], targets: [], bytesPerSecond: 64 * kib, windows: [], timeZone: 'UTC' },
    ...change,
  };
}

/** Seconds that have to pass on the clock until it is done, at least; the work itself may take as long as it likes. */
async function secondsFor(clock: ManualClock, work: Promise<unknown>): Promise<number> {
  let done = false;
  const watched = work.finally(() => {
    done = true;
  });
  let seconds = 0;
  while (!done) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (done) break;
    clock.advance(1000);
    seconds += 1;
  }
  await watched;
  return seconds;
}

async function* once(bytes: number): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(bytes);
}

test('a rule holds between its addresses whichever end is which, in its windows, and never within this computer', async () => {
  const clock = new ManualClock(new Date('2026-01-01T07:00:00Z'));
  const limits = new TrafficLimits({ clock, isLocal: (address) => address === '10.9.0.5' || address === '10.1.0.5' });
  const here = { localAddress: '10.9.0.5', task: 'a' };
  const signal = new AbortController().signal;
  const paced = (remoteAddress: string): boolean => limits.paceOf({ ...here, remoteAddress }) !== undefined;
  assert.equal(paced('10.1.2.3'), false);
  limits.update([rule({ sources: ['10.1.0.0/16'], targets: ['10.9.0.5'] })]);
  assert.deepEqual(['10.1.2.3', '10.2.0.1', '10.1.0.5', ''].map(paced), [true, false, false, false]);
  limits.update([rule({ sources: ['10.9.0.5'], targets: ['10.1.0.0/16'] })]);
  assert.deepEqual(['10.1.2.3', '10.2.0.1'].map(paced), [true, false]);

  const windows: TrafficRule['windows'] = [{ days: ['thursday'], from: '08:00', to: '18:00' }];
  limits.update([rule({ windows, timeZone: 'UTC' }), rule({ bytesPerSecond: 1024 * kib })]);
  const seconds = async (kibibytes: number): Promise<number> => {
    const pace = limits.paceOf({ ...here, remoteAddress: '192.0.2.1' });
    assert.ok(pace);
    const drain = async (): Promise<void> => {
      for await (const _ of pace(once(kibibytes * kib), { direction: 'in', signal })) continue;
    };
    return secondsFor(clock, drain());
  };
  // Outside of the window the other rule holds, then the lowest.
  assert.ok((await seconds(4096)) >= 3);
  clock.advance(3_600_000);
  assert.ok((await seconds(640)) >= 8);
});

test('uploads and downloads of all that talks to a mover keep to the rules it was told, also after a restart', async (t) => {
  const clock = new ManualClock(new Date());
  const fixture = await startFixture(t, { clock, isLocal: () => false });
  const told = await fixture.api('PUT', '/trust', {
    identityKeys: [fixture.signingKey],
    revokedSerials: [],
    trafficRules: [rule({ sources: ['127.0.0.0/8'] })],
  });
  assert.equal(told.status, 200, JSON.stringify(told.json));
  await fixture.place('repo');
  const call = restCalls(fixture.client(fixture.agent), await fixture.grant({ lifetimeMs }));
  const pack = object(640 * kib);
  const sent = call('POST', `data/${pack.id}`, { body: pack.body });
  assert.ok((await secondsFor(clock, sent)) >= 8);
  assert.equal((await sent).status, 200);
  await fixture.restart();
  const again = restCalls(fixture.client(fixture.agent), await fixture.grant({ lifetimeMs }));
  const received = again('GET', `data/${pack.id}`);
  assert.ok((await secondsFor(clock, received)) >= 8);
  assert.ok((await received).body.equals(pack.body));
});
