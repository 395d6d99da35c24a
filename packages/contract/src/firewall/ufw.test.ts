import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { samplePlan } from '../testing/sample-plan.ts';
import { TwoHosts } from '../testing/two-hosts.ts';
import type { RenderOptions } from './renderer.ts';
import { ufw } from './ufw.ts';

const kernel = skipUnless({
  programs: ['ufw', 'iptables', 'ip', 'unshare', 'nsenter'],
  root: true,
  networkNamespaces: true,
});

async function files(options?: RenderOptions): Promise<{ readonly apply: string; readonly remove: string }> {
  const { files: applying, removal } = await ufw.render(samplePlan, { host: 'store-1', ...options });
  return { apply: String(applying[0]?.content), remove: String(removal[0]?.content) };
}

async function startHosts(t: TestContext): Promise<TwoHosts> {
  const hosts = await TwoHosts.start(t);
  hosts.coverEtc(temporaryFolder(t));
  return hosts;
}

function saved(hosts: TwoHosts): string {
  const texts = ['iptables-save', 'ip6tables-save'].map((program) => hosts.run(program));
  return texts.join('').replaceAll(/^#.*\n|\[\d+:\d+\]/gm, '');
}

describe('ufw', { skip: kernel, timeout: 400_000 }, () => {
  test('what the plan allows passes, anything else is dropped; again it changes nothing; taken away, foreign rules stay', async (t) => {
    const hosts = await startHosts(t);
    hosts.run('ufw', ['--force', 'enable']);
    hosts.run('ufw', ['allow', '7/tcp', 'comment', 'echo']);
    // The first start leaves out what every later one has.
    hosts.run('ufw', ['reload']);
    const before = saved(hosts);
    const { apply, remove } = await files();
    hosts.run('sh', [], apply);
    const once = saved(hosts);
    hosts.assertTraffic({ data: true });
    hosts.run('sh', [], apply);
    assert.equal(saved(hosts), once);
    assert.match(hosts.run('ufw', ['show', 'added']), /6162 proto tcp comment 'holdfast: server-to-mover'/);
    hosts.run('sh', [], remove);
    assert.equal(saved(hosts), before);
    hosts.run('sh', [], remove);
  });

  test('the rules are in the words of ufw itself, so that those of an earlier plan are found and taken away', async (t) => {
    const hosts = await startHosts(t);
    const { apply } = await files({ host: 'web-1', otherwise: 'leave' });
    const ours = apply.split('\n').filter((line) => line.startsWith('ufw allow'));
    hosts.run('sh', [], apply);
    const added = hosts.run('ufw', ['show', 'added']).split('\n');
    // ufw lists IPv4 before IPv6.
    assert.deepEqual(added.slice(1, -1).toSorted(), ours.toSorted());
    const kept = ours.filter((line) => !line.includes('10006'));
    assert.ok(kept.length < ours.length);
    hosts.run('sh', [], apply.replaceAll(/^ufw allow.*10006.*\n/gm, ''));
    assert.deepEqual(hosts.run('ufw', ['show', 'added']).split('\n').slice(1, -1).toSorted(), kept.toSorted());
  });
});

test('a rule that somebody else has made stays theirs; the comment of ours follows the plan', {
  skip: kernel,
}, async (t) => {
  const hosts = await startHosts(t);
  const { apply, remove } = await files({ otherwise: 'leave' });
  const [rule = '', other = ''] = apply.split('\n').filter((line) => line.startsWith('ufw allow'));
  const foreign = rule.replace(/ comment .*/, " comment 'my comment'");
  hosts.run('sh', ['-c', foreign]);
  const before = hosts.run('ufw', ['show', 'added']);
  hosts.run('sh', [], apply);
  const added = hosts.run('ufw', ['show', 'added']).split('\n');
  assert.ok(added.includes(foreign) && !added.includes(rule) && added.includes(other));
  const renamed = other.replace('holdfast: ', 'holdfast: new ');
  hosts.run('sh', [], apply.replace(other, renamed));
  const again = hosts.run('ufw', ['show', 'added']).split('\n');
  assert.ok(again.includes(foreign) && !again.includes(other) && again.includes(renamed));
  hosts.run('sh', [], remove);
  assert.equal(hosts.run('ufw', ['show', 'added']), before);
});

test('a rule that ufw puts in other words than we is not lost when it is applied again', {
  skip: kernel,
}, async (t) => {
  const hosts = await startHosts(t);
  const { apply } = await files({ host: 'store-2', otherwise: 'leave' });
  const everywhere = apply.replace('from 10.9.0.0/24', 'from 0.0.0.0/0');
  assert.notEqual(everywhere, apply);
  for (const attempt of ['first', 'second']) {
    hosts.run('sh', [], everywhere);
    assert.match(hosts.run('ufw', ['show', 'added']), /^ufw allow 22\/tcp comment 'holdfast: administrator/m, attempt);
  }
});

test('a rule that two flows ask for is one, with the comment of the first', async () => {
  const double = samplePlan.flows.map((flow) => ({
    ...flow,
    id: `again ${flow.id}`,
    channels: [],
    reasons: ['again'],
  }));
  const plan = { ...samplePlan, flows: [...samplePlan.flows, ...double] };
  const { files: once } = await ufw.render(samplePlan);
  const { files: twice } = await ufw.render(plan);
  assert.deepEqual(
    twice.map(({ content }) => String(content).split('\n').toSorted()),
    once.map(({ content }) => String(content).split('\n').toSorted()),
  );
});

test('more ports than one rule takes are several', { skip: kernel }, async (t) => {
  const { apply } = await files({ host: 'backup-1' });
  const rule = /^ufw (allow from .* port (?:\d+,){14}.*) comment/m.exec(apply)?.[1] ?? '';
  const hosts = await startHosts(t);
  const planned = hosts.run('ufw', ['--dry-run', ...rule.split(' ')]);
  assert.match(planned, /multiport --dports (?:\d+,){14}\d+ -s 10\.9\.0\.0\/24 -j ACCEPT/);
});
