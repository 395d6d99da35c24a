import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PowerShellCommand, powerShellParser } from '../testing/powershell-script.ts';
import { samplePlan } from '../testing/sample-plan.ts';
import type { RenderOptions } from './renderer.ts';
import { windowsFirewall } from './windows-firewall.ts';

const parse = await powerShellParser();

/** What the commands take of what the renderer says, from Microsoft's reference of the module NetSecurity. */
const reference: Readonly<Record<string, Readonly<Record<string, RegExp | 'switch'>>>> = {
  'Get-NetFirewallRule': { Group: /^Holdfast$/, ErrorAction: /^SilentlyContinue$/ },
  'Remove-NetFirewallRule': {},
  'Out-Null': {},
  'Set-NetFirewallProfile': {
    All: 'switch',
    Enabled: /^True$/,
    DefaultInboundAction: /^(?:Block|NotConfigured)$/,
    DefaultOutboundAction: /^(?:Block|NotConfigured)$/,
  },
  'New-NetFirewallRule': {
    Name: /^Holdfast-[\w-]+$/,
    DisplayName: /^Holdfast: .+$/,
    Group: /^Holdfast$/,
    Direction: /^(?:Inbound|Outbound)$/,
    Action: /^Allow$/,
    Profile: /^Any$/,
    Protocol: /^(?:TCP|UDP|ICMPv4|ICMPv6)$/,
    LocalPort: /^\d+(?:-\d+)?$/,
    RemotePort: /^\d+(?:-\d+)?$/,
    RemoteAddress: /^(?:Any|[0-9a-f.:]+(?:\/[1-9]\d*)?)$/,
    IcmpType: /^\d+$/,
  },
};
const manyValues = new Set(['LocalPort', 'RemotePort', 'RemoteAddress', 'IcmpType']);

/** The commands of the script, each of which has only parameters that Windows knows, with values that it takes. */
function check(script: string): readonly PowerShellCommand[] {
  const commands = parse(script);
  for (const { name, parameters } of commands)
    for (const [parameter, values] of Object.entries(parameters)) {
      const expected = reference[name]?.[parameter];
      assert.ok(expected !== undefined, `${name} -${parameter}`);
      if (expected === 'switch') assert.deepEqual(values, []);
      else {
        assert.ok(values.length === 1 || (values.length > 1 && manyValues.has(parameter)), `${name} -${parameter}`);
        for (const value of values) assert.match(value, expected);
      }
    }
  return commands;
}

async function rendered(options?: RenderOptions): Promise<{ readonly apply: string; readonly remove: string }> {
  const { files, removal } = await windowsFirewall.render(samplePlan, { host: 'win-1', ...options });
  return { apply: String(files[0]?.content), remove: String(removal[0]?.content) };
}

function named(commands: readonly PowerShellCommand[], name: string): readonly PowerShellCommand['parameters'][] {
  return commands.filter((command) => command.name === name).map(({ parameters }) => parameters);
}

test('the scripts of every host are PowerShell that Windows has the commands for', async () => {
  const { files, removal } = await windowsFirewall.render(samplePlan);
  assert.equal(files.length, 8);
  for (const { content } of files) {
    const names = named(check(String(content)), 'New-NetFirewallRule').map(({ Name }) => Name?.[0]);
    assert.ok(names.length > 5);
    assert.equal(new Set(names).size, names.length);
  }
  for (const { content } of removal) assert.deepEqual(named(check(String(content)), 'New-NetFirewallRule'), []);
});

test('the rules say what the plan says', async () => {
  const { apply } = await rendered();
  const rules = named(check(apply), 'New-NetFirewallRule').slice(4);
  const said = rules.map(({ Direction, Protocol, LocalPort, RemotePort, RemoteAddress }) =>
    [Direction, Protocol, LocalPort ?? RemotePort, RemoteAddress].map((values) => values?.join(',')),
  );
  const server = '10.1.0.10,2001:db8:1::10';
  const dns = '10.1.0.53,2001:db8:1::53';
  assert.deepEqual(said, [
    ['Inbound', 'TCP', '6184-6194', server],
    ['Inbound', 'UDP', '137-138', server],
    ['Inbound', 'TCP', '22', '10.9.0.0/24,2001:db8:9::/64'],
    ['Outbound', 'TCP', '10005', server],
    ['Outbound', 'UDP', '53', dns],
    ['Outbound', 'TCP', '53', dns],
  ]);
  for (const { Direction, LocalPort, RemotePort } of rules) {
    const [own, other] = Direction?.[0] === 'Inbound' ? [LocalPort, RemotePort] : [RemotePort, LocalPort];
    assert.ok(own !== undefined && other === undefined);
  }
});

test('our old rules go first; what is not allowed is blocked unless it is to be left', async () => {
  const { apply, remove } = await rendered();
  const commands = check(apply);
  assert.deepEqual(
    commands.slice(0, 2).map(({ name }) => name),
    ['Get-NetFirewallRule', 'Remove-NetFirewallRule'],
  );
  const block = { All: [], Enabled: ['True'], DefaultInboundAction: ['Block'], DefaultOutboundAction: ['Block'] };
  assert.deepEqual(named(commands, 'Set-NetFirewallProfile'), [block]);
  assert.equal(named(check(remove), 'Set-NetFirewallProfile').length, 1);
  const left = await rendered({ otherwise: 'leave' });
  for (const script of [left.apply, left.remove]) assert.deepEqual(named(check(script), 'Set-NetFirewallProfile'), []);
});

test('more addresses than one rule takes are several rules; every address is two halves', async () => {
  const [flow] = samplePlan.flows;
  const [host] = flow?.to ?? [];
  assert.ok(flow && host);
  const peer = { ...host, name: 'many', managed: false };
  const addresses = Array.from({ length: 2500 }, (_, index) => `10.${index >> 8}.${index & 255}.1`);
  const plan = (peers: readonly string[]): typeof samplePlan => ({
    ...samplePlan,
    hosts: [host],
    flows: [{ ...flow, from: [{ ...peer, addresses: peers }], to: [host] }],
  });
  const remote = async (peers: readonly string[]): Promise<readonly (readonly string[])[]> => {
    const { files } = await windowsFirewall.render(plan(peers));
    return named(check(String(files[0]?.content)), 'New-NetFirewallRule').flatMap(({ RemoteAddress }) =>
      RemoteAddress ? [RemoteAddress] : [],
    );
  };
  const chunks = await remote(addresses);
  assert.deepEqual(
    chunks.map(({ length }) => length),
    [1000, 1000, 500],
  );
  assert.deepEqual(chunks.flat().toSorted(), addresses.toSorted());
  assert.deepEqual(await remote(['0.0.0.0/0', '::/0']), [['0.0.0.0/1', '128.0.0.0/1', '::/1', '8000::/1']]);
});

test('the check refuses what PowerShell refuses, and what would do more', async () => {
  const { apply } = await rendered();
  const samples: readonly (readonly [string, string])[] = [
    ["-Name 'Holdfast-1'", "-Name 'Holdfast-1"],
    ["-Name 'Holdfast-1'", "-Nome 'Holdfast-1'"],
    ["-Name 'Holdfast-1'", "-Name 'Holdfast-1' -Name 'x'"],
    ["-Name 'Holdfast-1'", '-Name "$(Get-Date)"'],
    ["-Name 'Holdfast-1'", '-Name (Get-Date)'],
    ['-Action Allow', '-Action Alow'],
    ["'6184-6194'", "'6184-'"],
    ["'6184-6194'", "'6184-6194',"],
    ["'10.1.0.10', ", "'10.1.0.10' | "],
    ["'10.1.0.10', ", "'10.1.0.0/0', "],
    ['-Direction Inbound', '-Direction Inbound, Outbound'],
    ['New-NetFirewallRule', 'New-NetFirewalRule'],
    ['| Out-Null', '| { Out-Null'],
  ];
  for (const [right, wrong] of samples) {
    assert.ok(apply.includes(right), right);
    assert.throws(() => check(apply.replace(right, () => wrong)), wrong);
  }
});
