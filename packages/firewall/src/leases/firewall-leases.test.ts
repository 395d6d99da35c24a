import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { findRenderer } from '@holdfast/contract/firewall';
import { planTopology } from '@holdfast/contract/plan';
import { parseTopology } from '@holdfast/contract/topology';
import { hasCode } from '@holdfast/core';
import { skipUnless } from '@holdfast/core/testing';
import { type Namespace, twoHosts } from '../testing/two-hosts.ts';
import { FirewallLeases } from './firewall-leases.ts';

const needs = { skip: skipUnless({ programs: ['ip', 'nft'], root: true, networkNamespaces: true }) };

const topology = `
name: leases
zones:
  site: { addresses: [10.20.0.0/16, 2001:db8:20::/48] }
hosts:
  backup-1: { zone: site, addresses: [10.20.0.1], roles: [backup-server] }
  store-1: { zone: site, addresses: [10.20.0.2, 2001:db8:20::2], roles: [repository-linux] }
  web-1: { zone: site, addresses: [10.20.0.3, 2001:db8:20::3], roles: [agent-linux] }
`;

async function rulesOf(host: string, leases: boolean): Promise<string> {
  const renderer = findRenderer('nftables');
  const rendering = await renderer?.render(planTopology(parseTopology(topology)), { host, leases });
  const content = rendering?.files[0]?.content;
  assert.ok(typeof content === 'string');
  return content;
}

const addresses = {
  host: ['10.20.0.2/16', '2001:db8:20::2/48'],
  others: ['10.20.0.3/16', '10.20.0.9/16', '2001:db8:20::3/48'],
};

/** Without what counts: neighbours look for each other at any time. */
function rulesetOf(host: Namespace): string {
  return host.run('nft', ['list', 'ruleset']).replaceAll(/counter packets \d+ bytes \d+/g, 'counter');
}

interface Tools {
  readonly nft: string;
  readonly busctl: string;
}

/** Whatever firewall this computer has itself is none of these tests' business. */
function toolsOf(t: TestContext, host: Namespace): Tools {
  return { nft: host.wrapper(t, 'nft'), busctl: 'no-such-busctl' };
}

/** The repository's host with its rules, default drop, and everybody else. */
async function start(t: TestContext): Promise<{ host: Namespace; others: Namespace; tools: Tools }> {
  const hosts = await twoHosts(t, addresses);
  hosts.host.run('nft', ['-f', '-'], await rulesOf('store-1', true));
  return { ...hosts, tools: toolsOf(t, hosts.host) };
}

test('a data port is open during its lease only, and for its peer only', needs, async (t) => {
  const { host, others, tools } = await start(t);
  const tried = [
    { from: '10.20.0.3', to: '10.20.0.2', port: 2500 },
    { from: '10.20.0.9', to: '10.20.0.2', port: 2500 },
    { from: '10.20.0.3', to: '10.20.0.2', port: 2501 },
    { from: '2001:db8:20::3', to: '2001:db8:20::2', port: 2600 },
    { from: '10.20.0.3', to: '10.20.0.2', port: 6162 },
  ];
  const leases = await FirewallLeases.open(tools);
  const before = rulesetOf(host);
  assert.deepEqual(others.attempts(tried), [false, false, false, false, true]);
  {
    await using _first = await leases.lease({ direction: 'in', peer: '10.20.0.3', port: 2500, lifetimeMs: 60_000 });
    await using _second = await leases.lease({
      direction: 'in',
      peer: '2001:DB8:20:0::3',
      port: 2600,
      lifetimeMs: 60_000,
    });
    assert.deepEqual(others.attempts(tried), [true, false, false, true, true]);
  }
  assert.deepEqual(others.attempts(tried), [false, false, false, false, true]);
  assert.equal(rulesetOf(host), before);
});

test('the dialling side: this host reaches the one port of the one peer', needs, async (t) => {
  const { host, tools } = await start(t);
  const leases = await FirewallLeases.open(tools);
  const tried = [
    { from: '10.20.0.2', to: '10.20.0.3', port: 2500 },
    { from: '10.20.0.2', to: '10.20.0.9', port: 2500 },
  ];
  assert.deepEqual(host.attempts(tried), [false, false]);
  // As a dual-stack socket writes it.
  await leases.lease({ direction: 'out', peer: '::ffff:10.20.0.3', port: 2500, lifetimeMs: 60_000 });
  assert.deepEqual(host.attempts(tried), [true, false]);
});

test('the kernel ends what a crashed process left open; a lease can be prolonged and ended twice', needs, async (t) => {
  const { host, tools } = await start(t);
  const leases = await FirewallLeases.open(tools);
  const opening = { direction: 'in', peer: '10.20.0.3', port: 2500 } as const;
  const elements = (): string => host.run('nft', ['list', 'set', 'inet', 'holdfast', 'lease_in4']);
  const lease = await leases.lease({ ...opening, lifetimeMs: 300 });
  const longer = await leases.lease({ ...opening, lifetimeMs: 60_000 });
  await wait(400);
  assert.match(elements(), /10\.20\.0\.3 \. 2500 timeout 1m/);
  await longer[Symbol.asyncDispose]();
  assert.doesNotMatch(elements(), /10\.20\.0\.3/);
  // Nobody disposes this one.
  await leases.lease({ ...opening, lifetimeMs: 200 });
  await wait(400);
  assert.doesNotMatch(elements(), /10\.20\.0\.3/);
  await lease[Symbol.asyncDispose]();
  await lease[Symbol.asyncDispose]();
  assert.doesNotMatch(elements(), /10\.20\.0\.3/);
});

test('without the sets, the right or the program leasing is refused, and nothing is made', needs, async (t) => {
  const { host } = await twoHosts(t, addresses);
  const tools = toolsOf(t, host);
  const refusal = (message: RegExp) => (error: unknown) => {
    assert.ok(hasCode(error, 'firewall.lease'));
    assert.match(error.message, message);
    return true;
  };
  await assert.rejects(FirewallLeases.open(tools), refusal(/no table inet holdfast with sets/));
  assert.equal(rulesetOf(host), '');
  host.run('nft', ['-f', '-'], await rulesOf('store-1', false));
  const standing = rulesetOf(host);
  await assert.rejects(FirewallLeases.open(tools), refusal(/no table inet holdfast with sets/));
  assert.equal(rulesetOf(host), standing);
  host.run('nft', ['-f', '-'], await rulesOf('store-1', true));
  const weak = host.wrapper(t, 'setpriv', ['--bounding-set=-net_admin', 'nft']);
  await assert.rejects(FirewallLeases.open({ ...tools, nft: weak }), refusal(/may not change the firewall/));
  await assert.rejects(FirewallLeases.open({ ...tools, nft: 'no-such-nft' }), refusal(/no program no-such-nft/));
});

test('what is no address never reaches nft', needs, async (t) => {
  const { tools } = await start(t);
  const leases = await FirewallLeases.open(tools);
  const peer = '10.20.0.3 . 1 }\nflush ruleset\n#';
  await assert.rejects(leases.lease({ direction: 'in', peer, port: 2500, lifetimeMs: 1000 }), (error: unknown) =>
    hasCode(error, 'channel.name'),
  );
  await assert.rejects(
    leases.lease({ direction: 'in', peer: '10.20.0.3', port: 70_000, lifetimeMs: 1000 }),
    RangeError,
  );
});
