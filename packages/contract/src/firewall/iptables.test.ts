import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { samplePlan } from '../testing/sample-plan.ts';
import { TwoHosts } from '../testing/two-hosts.ts';
import { iptables } from './iptables.ts';
import type { RenderOptions } from './renderer.ts';

const programs = ['iptables-restore', 'ip6tables-restore', 'ip', 'unshare', 'nsenter'];
const kernel = skipUnless({ programs, root: true, networkNamespaces: true });

async function files(options?: RenderOptions): Promise<{ readonly apply: string; readonly remove: string }> {
  const { files: applying, removal } = await iptables.render(samplePlan, { host: 'store-1', ...options });
  return { apply: String(applying[0]?.content), remove: String(removal[0]?.content) };
}

/** The rules without what changes by itself. */
function saved(hosts: TwoHosts): string {
  const texts = ['iptables-save', 'ip6tables-save'].map((program) => hosts.run(program));
  return texts.join('').replaceAll(/^#.*\n|\[\d+:\d+\]/gm, '');
}

describe('iptables-restore', { skip: kernel, timeout: 400_000 }, () => {
  test('the scripts of every host are applied, also a second time, and taken away', async (t) => {
    const hosts = await TwoHosts.start(t);
    const { files: applying, removal } = await iptables.render(samplePlan);
    const accepted = new Set<number>();
    for (const { content } of applying) {
      hosts.run('sh', [], String(content));
      const once = saved(hosts);
      accepted.add(once.split('\n').length);
      assert.match(once, /-A INPUT -j HOLDFAST-INPUT/);
      hosts.run('sh', [], String(content));
      assert.equal(saved(hosts), once);
    }
    assert.ok(accepted.size > 2, 'the hosts have different rules');
    assert.ok(removal.every(({ content }) => String(content).includes('-X')));
    hosts.run('sh', [], String(removal[0]?.content));
    assert.doesNotMatch(saved(hosts), /HOLDFAST|multiport/);
  });

  test('what the plan allows passes, anything else is dropped; taken away, foreign rules stay', async (t) => {
    const hosts = await TwoHosts.start(t);
    const { apply, remove } = await files();
    hosts.run('iptables', ['-A', 'INPUT', '-p', 'tcp', '--dport', '7', '-j', 'DROP']);
    hosts.run('ip6tables', ['-A', 'OUTPUT', '-p', 'tcp', '--dport', '7', '-j', 'DROP']);
    const before = saved(hosts);
    hosts.run('sh', [], apply);
    hosts.assertTraffic({ data: true });
    assert.notEqual(saved(hosts), before);
    hosts.run('sh', [], remove);
    assert.equal(saved(hosts), before);
    hosts.run('sh', [], remove);
    hosts.assertOpen();
    hosts.run('sh', [], (await files({ otherwise: 'leave' })).apply);
    hosts.assertOpen();
  });

  test('of a script with a rule that is wrong for one family, nothing is applied', async (t) => {
    const hosts = await TwoHosts.start(t);
    const { apply } = await files();
    const wrong = apply.replace('-s 2001:db8:1::10', '-s 2001:db8:1::10::');
    assert.notEqual(wrong, apply);
    assert.throws(() => hosts.run('sh', [], wrong));
    assert.doesNotMatch(saved(hosts), /HOLDFAST/);
  });
});

test('leases are not for iptables, which is said', async () => {
  const { widenings } = await iptables.render(samplePlan, { leases: true });
  assert.equal(widenings.filter(({ message }) => /always open/i.test(message)).length, 1);
});
