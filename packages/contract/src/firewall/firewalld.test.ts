import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { samplePlan } from '../testing/sample-plan.ts';
import { TwoHosts } from '../testing/two-hosts.ts';
import { firewalld } from './firewalld.ts';
import type { RenderOptions } from './renderer.ts';

const programs = [
  'firewalld',
  'firewall-cmd',
  'firewall-offline-cmd',
  'dbus-daemon',
  'nft',
  'ip',
  'unshare',
  'nsenter',
];
const kernel = skipUnless({ programs, root: true, networkNamespaces: true });

/** A system bus for firewalld alone, which starts no other services. */
const busConfiguration = `<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen>
<auth>EXTERNAL</auth><policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>`;

async function files(options?: RenderOptions): Promise<{ readonly apply: string; readonly remove: string }> {
  const { files: applying, removal } = await firewalld.render(samplePlan, { host: 'store-1', ...options });
  return { apply: String(applying[0]?.content), remove: String(removal[0]?.content) };
}

async function startFirewalld(t: TestContext): Promise<TwoHosts> {
  const hosts = await TwoHosts.start(t);
  hosts.coverEtc(temporaryFolder(t));
  const busFile = join(temporaryFolder(t), 'bus.conf');
  writeFileSync(busFile, busConfiguration);
  hosts.run('mkdir', ['/run/dbus']);
  hosts.startProgram(t, 'dbus-daemon', ['--config-file', busFile, '--nofork', '--nopidfile']);
  hosts.run('sh', ['-c', 'until [ -S /run/dbus/system_bus_socket ]; do sleep 0.1; done']);
  hosts.startProgram(t, 'firewalld', ['--nofork', '--nopid']);
  hosts.run('sh', ['-c', 'until firewall-cmd --state; do sleep 0.2; done']);
  return hosts;
}

function ruleset(hosts: TwoHosts): string {
  return hosts.run('nft', ['list', 'ruleset']);
}

describe('firewalld', { skip: kernel, timeout: 400_000 }, () => {
  test('what the plan allows passes, anything else is dropped; again it changes nothing; taken away, foreign rules stay', async (t) => {
    const hosts = await startFirewalld(t);
    hosts.run('firewall-cmd', ['--permanent', '--add-port=7/tcp']);
    hosts.run('firewall-cmd', ['--reload']);
    const before = ruleset(hosts);
    const { apply, remove } = await files();
    hosts.run('sh', [], apply);
    const once = ruleset(hosts);
    hosts.assertTraffic({ data: true });
    // Both ways.
    assert.equal(once.match(/ip6 daddr ff02::\/16 .*accept$/gm)?.length, 2);
    hosts.run('sh', [], apply);
    assert.equal(ruleset(hosts), once);
    hosts.run('sh', [], remove);
    assert.equal(ruleset(hosts), before);
  });

  test('with leases: closed but for timed rules of a zone, which can open nothing else', async (t) => {
    const hosts = await startFirewalld(t);
    const apply = async (options: RenderOptions): Promise<void> => {
      hosts.run('sh', [], (await files({ leases: true, ...options })).apply);
    };
    await apply({});
    hosts.assertTraffic({ data: false });
    const open = (from: string, port: number): void => {
      const rule = `rule family=ipv4 source address=${from} port port=${port} protocol=tcp accept`;
      hosts.run('firewall-cmd', [`--add-rich-rule=${rule}`, '--timeout=1h']);
    };
    open('10.3.0.21', 2500);
    // A zone that is more generous than the plan: whatever it opens, the plan decides what can be leased, and to whom.
    open('10.3.0.21', 443);
    open('10.77.0.7', 3300);
    hosts.assertIncoming([
      { from: '10.3.0.21', to: '10.2.0.11', port: 2500, passes: true },
      { from: '10.3.0.21', to: '10.2.0.11', port: 3300, passes: false },
      { from: '10.3.0.21', to: '10.2.0.11', port: 443, passes: false },
      { from: '10.77.0.7', to: '10.2.0.11', port: 3300, passes: false },
    ]);
    await apply({ otherwise: 'leave' });
    assert.match(hosts.run('firewall-cmd', ['--get-policies']), /holdfast-leases/);
    await apply({ host: 'web-1' });
    assert.match(hosts.run('firewall-cmd', ['--info-policy=holdfast-leases']), /target: DROP/);
  });

  test('takes the files of every host, and not those with an error', async (t) => {
    const hosts = await TwoHosts.start(t);
    hosts.coverEtc(temporaryFolder(t));
    const { files: applying } = await firewalld.render(samplePlan, { otherwise: 'leave' });
    for (const { content } of applying) hosts.run('sh', [], String(content));
    const { apply } = await files();
    for (const [right, wrong] of [
      ['<accept/>', '<akzept/>'],
      ['target="DROP"', 'target="DORP"'],
    ] as const)
      assert.throws(() => hosts.run('sh', [], apply.replace(right, wrong)), wrong);
  });
});
