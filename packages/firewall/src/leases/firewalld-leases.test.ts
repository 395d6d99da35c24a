import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { findRenderer } from '@holdfast/contract/firewall';
import { planTopology } from '@holdfast/contract/plan';
import { parseTopology } from '@holdfast/contract/topology';
import { hasCode } from '@holdfast/core';
import { skipUnless } from '@holdfast/core/testing';
import { firewalldPrograms, startFirewalld } from '../testing/firewalld.ts';
import { type Namespace, twoHosts } from '../testing/two-hosts.ts';
import { FirewallLeases } from './firewall-leases.ts';

const needs = {
  skip: skipUnless({ programs: firewalldPrograms, root: true, networkNamespaces: true }),
  timeout: 400_000,
};

const topology = `
name: leases
zones:
  site: { addresses: [10.20.0.0/16, 2001:db8:20::/48] }
hosts:
  backup-1: { zone: site, addresses: [10.20.0.1], roles: [backup-server] }
  store-1: { zone: site, addresses: [10.20.0.2, 2001:db8:20::2], roles: [repository-linux] }
  web-1: { zone: site, addresses: [10.20.0.3, 2001:db8:20::3], roles: [agent-linux] }
  web-2: { zone: site, addresses: [10.20.0.4], roles: [agent-linux] }
`;
const addresses = {
  host: ['10.20.0.2/16', '2001:db8:20::2/48'],
  others: ['10.20.0.3/16', '10.20.0.4/16', '2001:db8:20::3/48'],
};

async function apply(host: Namespace, name: string): Promise<void> {
  const rendering = await findRenderer('firewalld')?.render(planTopology(parseTopology(topology)), {
    host: name,
    leases: true,
  });
  host.run('sh', [], String(rendering?.files[0]?.content));
}

test('leases in firewalld', needs, async (t) => {
  const { host, others } = await twoHosts(t, addresses);
  const tools = { nft: host.wrapper(t, 'nft'), busctl: host.wrapper(t, 'busctl') };
  const refused = async (message: RegExp, options = tools): Promise<void> => {
    await assert.rejects(FirewallLeases.open(options), (error: unknown) => {
      assert.ok(hasCode(error, 'firewall.lease'));
      assert.match(error.message, message);
      return true;
    });
  };
  await refused(/^The firewall has no table inet holdfast.* firewalld does not run\.$/);
  startFirewalld(t, host);
  await refused(/^The firewall has no table inet holdfast.* firewalld has no policy holdfast-leases\.$/);
  await apply(host, 'store-1');
  const leases = await FirewallLeases.open(tools);
  const rules = (): string => host.run('firewall-cmd', ['--zone=internal', '--list-rich-rules']);
  const opening = { direction: 'in', peer: '10.20.0.3', port: 2500 } as const;
  const tried = [
    { from: '10.20.0.3', to: '10.20.0.2', port: 2500 },
    { from: '10.20.0.4', to: '10.20.0.2', port: 2500 },
    { from: '10.20.0.3', to: '10.20.0.2', port: 2501 },
    { from: '2001:db8:20::3', to: '2001:db8:20::2', port: 2600 },
    { from: '10.20.0.3', to: '10.20.0.2', port: 6162 },
  ];
  // Of a REJECT, which is what the zone does with what it does not know, nothing is answered either.
  const answered = (): readonly boolean[] => others.attempts(tried);

  await t.test('a data port is open during its lease only, for its peer only, through whatever zone', async () => {
    assert.deepEqual(answered(), [false, false, false, false, true]);
    // The interface is in a zone of its own, and so is one of the peers.
    host.run('firewall-cmd', ['--zone=internal', '--add-interface=wire']);
    host.run('firewall-cmd', ['--zone=work', '--add-source=10.20.0.3']);
    {
      await using _first = await leases.lease({ ...opening, lifetimeMs: 60_000 });
      await using _second = await leases.lease({
        ...opening,
        peer: '2001:DB8:20:0::3',
        port: 2600,
        lifetimeMs: 60_000,
      });
      assert.deepEqual(answered(), [true, false, false, true, true]);
    }
    assert.deepEqual(answered(), [false, false, false, false, true]);
    // What this host dials needs no lease.
    await using _out = await leases.lease({ ...opening, direction: 'out', lifetimeMs: 60_000 });
    assert.equal(rules().trim(), '');
  });

  await t.test(
    'firewalld ends what a crashed process left open; a lease can be prolonged and ended twice',
    async () => {
      const lease = await leases.lease({ ...opening, lifetimeMs: 1000 });
      const longer = await leases.lease({ ...opening, lifetimeMs: 60_000 });
      await wait(2500);
      assert.match(rules(), /10\.20\.0\.3.*2500/);
      await longer[Symbol.asyncDispose]();
      assert.doesNotMatch(rules(), /10\.20\.0\.3/);
      await lease[Symbol.asyncDispose]();
      await lease[Symbol.asyncDispose]();
      assert.doesNotMatch(rules(), /10\.20\.0\.3/);
      // Nobody disposes this one.
      await leases.lease({ ...opening, lifetimeMs: 1000 });
      const until = Date.now() + 60_000;
      while (/10\.20\.0\.3/.test(rules()) && Date.now() < until) await wait(500);
      assert.doesNotMatch(rules(), /10\.20\.0\.3/);
    },
  );

  await t.test('what is no address gets into no rule; without the right to change it leasing is refused', async () => {
    const before = host.run('nft', ['list', 'ruleset']);
    const peer = '10.20.0.3 accept" --panic-on';
    await assert.rejects(leases.lease({ ...opening, peer, lifetimeMs: 1000 }), (error: unknown) =>
      hasCode(error, 'channel.name'),
    );
    assert.equal(host.run('nft', ['list', 'ruleset']), before);
    const nobody = host.wrapper(t, 'setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'busctl']);
    await refused(/ This process may not change the firewall of firewalld\.$/, { ...tools, busctl: nobody });
  });
});
