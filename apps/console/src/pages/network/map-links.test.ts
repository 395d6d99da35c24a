import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkMap } from '@holdfast/protocol';
import { layoutMap, nodeSize } from './map-layout.ts';
import { filterFlows, linksOf, type MapFlow, portsText } from './map-links.ts';

const flow = (from: string[], to: string[], o: Partial<MapFlow> = {}): MapFlow => ({
  ...{
    id: `${from.join('+')}>${to.join('+')}`,
    from,
    to,
    fromHosts: from.length,
    toHosts: to.length,
    transport: 'tcp',
  },
  ...{ ports: [{ from: 6162, to: 6162 }], origin: 'contract', leased: false, channels: [] },
  ...{ rows: [], features: [], reasons: [], ...o },
});
const node = (id: string, zone: string): NetworkMap['nodes'][number] => ({
  ...{ id, zone, roles: ['agent-linux'], managed: true, count: 1 },
  hosts: [{ name: id, addresses: [`10.0.0.${id.length}`], computerIds: [] }],
});
const map = (nodes: NetworkMap['nodes'], flows: MapFlow[]): NetworkMap => ({
  ...{ name: 'm', zones: [...new Set(nodes.map(({ zone }) => zone))].map((name) => ({ name, nat: false })) },
  ...{ nodes, flows, features: [], notes: [] },
});

test('what is open between two nodes is one line, with the worst that a check found', () => {
  const found = (outcome: 'open' | 'failed') => ({
    check: { checkId: '1', at: '2026-01-10T12:00:00Z', outcome, causes: [] },
  });
  const flows = [flow(['a'], ['b'], found('open')), flow(['b', 'c'], ['a'], found('failed')), flow(['c'], ['c'])];
  const { links, leftOut } = linksOf(flows);
  assert.deepEqual(
    links.map(({ a, b, isForward, isBackward, outcome, flows: { length } }) => [
      a,
      b,
      isForward,
      isBackward,
      outcome,
      length,
    ]),
    [
      ['a', 'b', true, true, 'failed', 2],
      ['a', 'c', false, true, 'failed', 1],
    ],
  );
  assert.equal(leftOut, 0);
  const many = Array.from({ length: 40 }, (_, at) => `n${at}`);
  const bounded = linksOf([flow(many, many)]);
  assert.equal(bounded.links.length + bounded.leftOut, (40 * 39) / 2);
  assert.ok(bounded.leftOut > 0);
});

test('flows are found by feature, zone, and text of hosts, ports and rows', () => {
  const whole = map(
    [node('desk', 'office'), node('store-1', 'cellar'), node('mail', 'cellar')],
    [
      flow(['desk'], ['store-1'], { features: [{ id: 'agent-backup', stops: 's' }], rows: ['linux.data'] }),
      flow(['store-1'], ['mail'], { ports: [{ from: 25, to: 25 }] }),
    ],
  );
  const ids = (by: Parameters<typeof filterFlows>[1]) => filterFlows(whole, by).map(({ id }) => id);
  assert.deepEqual(ids({}).length, 2);
  assert.deepEqual(ids({ feature: 'agent-backup' }), ['desk>store-1']);
  assert.deepEqual(ids({ zone: 'office' }), ['desk>store-1']);
  assert.deepEqual(ids({ text: 'MAIL' }), ['store-1>mail']);
  assert.deepEqual(ids({ text: 'tcp/25' }), ['store-1>mail']);
  assert.deepEqual(ids({ text: 'linux.data' }), ['desk>store-1']);
  assert.deepEqual(ids({ text: 'nothing' }), []);
  assert.equal(
    portsText({
      transport: 'udp',
      ports: [
        { from: 1, to: 3 },
        { from: 9, to: 9 },
      ],
    }),
    'udp/1-3,9',
  );
});

test('no node lies on another one, and each within its zone', () => {
  const names = Array.from({ length: 30 }, (_, at) => `n${at}`);
  const layout = layoutMap({
    zones: [
      { name: 'left', nodes: names.slice(0, 20) },
      { name: 'right', nodes: names.slice(20) },
    ],
    links: [...names.slice(1, 10).map((name): [string, string] => ['n0', name]), ['n0', 'n25'], ['n3', 'n22']],
  });
  assert.equal(layout.nodes.length, 30);
  for (const one of layout.nodes) {
    const around = layout.zones.find(({ name }) => name === (names.indexOf(one.id) < 20 ? 'left' : 'right'));
    assert.ok(around && one.x > around.x && one.x + nodeSize.width < around.x + around.width, one.id);
    assert.ok(one.y > around.y && one.y + nodeSize.height < around.y + around.height, one.id);
    for (const other of layout.nodes)
      if (other !== one)
        assert.ok(
          Math.abs(one.x - other.x) >= nodeSize.width || Math.abs(one.y - other.y) >= nodeSize.height,
          `${one.id} ${other.id}`,
        );
  }
  const [left, right] = layout.zones;
  assert.ok(
    left &&
      right &&
      (left.x + left.width <= right.x || left.y + left.height <= right.y || right.y + right.height <= left.y),
  );
});
