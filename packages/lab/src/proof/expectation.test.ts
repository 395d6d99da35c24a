import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ChannelId, channel } from '@holdfast/contract';
import type { Flow, PlannedHost } from '@holdfast/contract/plan';
import { expectationOf } from './expectation.ts';
import type { Need } from './scenario.ts';

const host = (name: string): PlannedHost => ({
  name,
  zone: 'site',
  addresses: [],
  names: [],
  roles: [],
  managed: true,
});
const [server, store, web, other] = ['server', 'store', 'web', 'other'].map(host) as [
  PlannedHost,
  PlannedHost,
  PlannedHost,
  PlannedHost,
];

function flow(from: PlannedHost, to: PlannedHost, ...channels: ChannelId[]): Flow {
  const features = channels.flatMap((id) => channel(id).features);
  const fallbackFor = channels.filter((id) => channel(id).fallbackOf !== undefined);
  const about = { rows: [], reasons: [], leased: false, features, channels, fallbackFor };
  return {
    id: `${from.name}>${to.name}:${channels.join('+')}`,
    from: [from],
    to: [to],
    transport: 'tcp',
    ports: [],
    origin: 'contract',
    ...about,
  };
}

const data = flow(web, store, 'agent-to-mover-data');
const transport = flow(web, store, 'agent-to-mover-transport');
const dial = flow(server, web, 'server-to-agent-transport', 'server-to-mover');
const held = flow(web, server, 'posix-agent-control', 'enrolment');
const steering = flow(server, store, 'server-to-mover');
const https = flow(other, server, 'client-to-server');
const alternate = flow(other, server, 'client-to-server-alternate');
const all = [data, transport, dial, held, steering, https, alternate];
const backup: readonly Need[] = [
  { between: ['server', 'web'], features: ['managed-backup'] },
  { between: ['server', 'store'], features: ['mover-management'] },
  { between: ['web', 'store'], features: ['agent-backup', 'full-speed-data'] },
];
const expect = (needs: readonly Need[], ...closed: Flow[]) =>
  expectationOf({ needs }, { closed, open: all.filter((one) => !closed.includes(one)) });

test('with everything open a scenario passes', () => {
  assert.deepEqual(expect(backup), { kind: 'passed' });
});

test('without a channel whose feature it needs it fails, naming that channel', () => {
  assert.deepEqual(expect(backup, transport), { kind: 'failed', blocked: ['agent-to-mover-transport'] });
  assert.deepEqual(expect(backup, steering), { kind: 'failed', blocked: ['server-to-mover'] });
});

test('where another open channel stands in it ends degraded, and fails once that is closed too', () => {
  assert.deepEqual(expect(backup, data), { kind: 'degraded', blocked: ['agent-to-mover-data'] });
  assert.equal(expect(backup, data, transport).kind, 'failed');
});

test('a channel matters only between the computers where it is needed', () => {
  // The dial to the agent's computer also steers the mover there, which this backup doesn't use.
  assert.deepEqual(expect(backup, dial), { kind: 'degraded', blocked: ['server-to-agent-transport'] });
  assert.deepEqual(expect([{ between: ['web', 'store'], features: ['mover-management'] }], steering), {
    kind: 'passed',
  });
});

test('what stands in for an open channel is missed only for what it does besides', () => {
  assert.deepEqual(expect(backup, held), { kind: 'passed' });
  assert.equal(expect([{ between: ['web', 'server'], features: ['agent-policy'] }], held).kind, 'failed');
  assert.equal(expect(backup, held, dial).kind, 'failed');
  const needs: readonly Need[] = [{ between: ['other', 'server'], features: ['command-line'] }];
  assert.deepEqual(expect(needs, alternate), { kind: 'passed' });
  assert.deepEqual(expect(needs, https), { kind: 'degraded', blocked: ['client-to-server'] });
  assert.equal(expect(needs, https, alternate).kind, 'failed');
});
