import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { planTopology } from '../plan/index.ts';
import { samplePlan } from '../testing/sample-plan.ts';
import { TwoHosts } from '../testing/two-hosts.ts';
import { loadTopology } from '../topology/index.ts';
import { nftables } from './nftables.ts';
import type { Rendering, RenderOptions } from './renderer.ts';

const kernel = skipUnless({ programs: ['nft', 'ip', 'unshare', 'nsenter'], root: true, networkNamespaces: true });

async function rendered(options?: RenderOptions): Promise<Rendering> {
  return await nftables.render(samplePlan, options);
}

async function files(options?: RenderOptions): Promise<{ readonly apply: string; readonly remove: string }> {
  const { files: applying, removal } = await rendered({ host: 'store-1', ...options });
  return { apply: String(applying[0]?.content), remove: String(removal[0]?.content) };
}

/** The rules without what changes by itself. */
function ruleset(hosts: TwoHosts): string {
  return hosts.run('nft', ['list', 'ruleset']).replaceAll(/packets \d+ bytes \d+/g, '');
}

describe('nft', { skip: kernel }, () => {
  test('takes the rules of every host, with and without leases, and their removal', async () => {
    const example = new URL('../../../../docs/examples/topology.yaml', import.meta.url).pathname;
    for (const plan of [samplePlan, planTopology(await loadTopology(example))])
      for (const options of [{}, { leases: true }, { otherwise: 'leave' }] as const) {
        const { files: applying, removal } = await nftables.render(plan, options);
        assert.ok(applying.length >= 6);
        // One transaction after the other, each of which replaces the table.
        const input = [...applying, ...removal].map(({ content }) => String(content)).join('');
        const { status, stderr } = spawnSync('unshare', ['--net', 'nft', '-c', '-f', '-'], { input, encoding: 'utf8' });
        assert.equal(status, 0, stderr);
        const wrong = input.replace(/ saddr /, ' sader ');
        assert.notEqual(spawnSync('unshare', ['--net', 'nft', '-c', '-f', '-'], { input: wrong }).status, 0);
      }
  });

  test('what the plan allows passes, anything else is dropped; applied twice it is the same; taken away, other tables stay', async (t) => {
    const hosts = await TwoHosts.start(t);
    const { apply, remove } = await files();
    hosts.assertOpen();
    hosts.run(
      'nft',
      ['-f', '-'],
      'table inet foreign { chain input { type filter hook input priority 10; tcp dport 7 drop; }; }',
    );
    const before = ruleset(hosts);
    hosts.run('nft', ['-f', '-'], apply);
    const once = ruleset(hosts);
    hosts.assertTraffic({ data: true });
    hosts.run('nft', ['-f', '-'], apply);
    assert.equal(ruleset(hosts), once);
    assert.ok(once.startsWith(before));
    hosts.run('nft', ['-f', '-'], remove);
    assert.equal(ruleset(hosts), before);
    hosts.run('nft', ['-f', '-'], remove);
    hosts.assertOpen();
  });

  test('leased ports are open for whom and as long as there is a lease, which outlives a new application of the rules', async (t) => {
    const hosts = await TwoHosts.start(t);
    const { apply } = await files({ leases: true });
    hosts.run('nft', ['-f', '-'], apply);
    hosts.assertTraffic({ data: false });
    hosts.run('nft', ['add element inet holdfast lease_in4 { 10.3.0.21 . 2500 timeout 1h }']);
    hosts.run('nft', ['add element inet holdfast lease_in6 { 2001:db8:3::22 . 3300 timeout 1h }']);
    const leased = [
      { from: '10.3.0.21', to: '10.2.0.11', port: 2500, passes: true },
      { from: '10.3.0.21', to: '10.2.0.11', port: 3300, passes: false },
      { from: '10.77.0.7', to: '10.2.0.11', port: 2500, passes: false },
      { from: '2001:db8:3::22', to: '2001:db8:2::11', port: 3300, passes: true },
      { from: '2001:db8:3::22', to: '2001:db8:2::11', port: 2500, passes: false },
    ];
    hosts.assertIncoming(leased);
    hosts.run('nft', ['-f', '-'], apply);
    hosts.assertIncoming(leased);
    const standing = await files();
    hosts.run('nft', ['-f', '-'], standing.apply);
    assert.doesNotMatch(ruleset(hosts), /lease/);
    hosts.assertTraffic({ data: true });
  });

  test('with `leave` nothing is dropped', async (t) => {
    const hosts = await TwoHosts.start(t);
    const { apply } = await files({ otherwise: 'leave' });
    hosts.run('nft', ['-f', '-'], apply);
    hosts.assertOpen();
  });
});
