import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePf } from '../testing/pf-grammar.ts';
import { samplePlan } from '../testing/sample-plan.ts';
import { pf } from './pf.ts';
import type { RenderOptions } from './renderer.ts';

async function rendered(options?: RenderOptions): Promise<{ readonly apply: string; readonly remove: string }> {
  const { files, removal } = await pf.render(samplePlan, { host: 'store-1', ...options });
  return { apply: String(files[0]?.content), remove: String(removal[0]?.content) };
}

test('the rules of every host are pf.conf, and their removal is an empty anchor', async () => {
  const { files, removal } = await pf.render(samplePlan);
  assert.equal(files.length, 8);
  for (const { content } of files) assert.ok(parsePf(String(content)).length > 5);
  for (const { content } of removal) assert.deepEqual(parsePf(String(content)), []);
});

test('the rules say what the plan says', async () => {
  const rules = parsePf((await rendered()).apply);
  const passes = rules
    .filter(({ protocol }) => protocol === 'tcp' || protocol === 'udp')
    .map(({ direction, protocol, from, to, keepsState, flags }) => ({
      direction,
      protocol,
      from,
      to,
      keepsState,
      flags,
    }));
  const tcp = { protocol: 'tcp', keepsState: true, flags: 'S/SA' };
  const everybody = { addresses: 'any', ports: [] };
  const agents = ['10.3.0.21', '10.3.0.66', '2001:db8:3::21', '2001:db8:3::22'];
  const dns = ['10.1.0.53', '2001:db8:1::53'];
  const incoming = (addresses: readonly string[], ports: string): object => ({
    ...tcp,
    direction: 'in',
    from: { addresses, ports: [] },
    to: { addresses: 'any', ports: [ports] },
  });
  assert.deepEqual(passes, [
    incoming(['10.1.0.10', '2001:db8:1::10'], '6162'),
    incoming(agents, '6162'),
    incoming(agents, '2500:3300'),
    incoming(['10.9.0.0/24', '2001:db8:9::/64'], '22'),
    {
      ...tcp,
      protocol: 'udp',
      flags: undefined,
      direction: 'out',
      from: everybody,
      to: { addresses: dns, ports: ['53'] },
    },
    { ...tcp, direction: 'out', from: everybody, to: { addresses: dns, ports: ['53'] } },
    { ...tcp, direction: 'out', from: everybody, to: { addresses: 'any', ports: ['443'] } },
  ]);
  const last = rules.at(-1);
  assert.equal(last?.action, 'block');
  assert.equal(last?.direction, undefined);
  assert.equal(rules.filter(({ action }) => action === 'block').length, 1);
});

test('with `leave` nothing is blocked', async () => {
  const { apply } = await rendered({ otherwise: 'leave' });
  assert.ok(parsePf(apply).every(({ action }) => action === 'pass'));
});

test('the grammar refuses what pfctl refuses', async () => {
  const { apply } = await rendered();
  const samples: readonly (readonly [string, string])[] = [
    ['pass in quick', 'pas in quick'],
    ['pass in quick', 'pass quick in'],
    ['proto tcp', 'proto tpc'],
    ['from <holdfast_1>', 'from <holdfast_99>'],
    ['from <holdfast_1> to any', 'to any from <holdfast_1>'],
    ['const {', 'const { }'],
    ['10.9.0.0/24', '10.9.0.0/33'],
    ['2001:db8:9::/64', '2001:db8:9:::/64'],
    ['port 2500:3300', 'port 3300:2500'],
    ['port 22', 'port 65536'],
    ['port 22', 'port { 22'],
    ['flags S/SA', 'flags S/XY'],
    ['label "server', 'label server'],
    ['label "server', `label "${'x'.repeat(64)}`],
    ['label "server-to-mover"', 'label "server-to-mover" pass'],
    ['keep state', 'keep'],
    ['proto udp from any', 'proto icmp from any'],
    ['block drop quick all', 'block drop quick all;'],
  ];
  for (const [right, wrong] of samples) {
    assert.ok(apply.includes(right), right);
    assert.throws(() => parsePf(apply.replace(right, wrong)), SyntaxError, wrong);
  }
});
