import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { exitStatus, HoldfastError } from '@holdfast/core';
import fc from 'fast-check';
import { loadTopology, parseTopology, parseTopologyJson, readTopologyJson } from './index.ts';
import { maxDepth, maxHosts, maxProblems, maxTopologyBytes } from './limits.ts';

const base = `name: t
zones:
  a: { addresses: [10.0.0.0/8] }
hosts:
  srv: { zone: a, addresses: [10.0.0.1], roles: [backup-server] }
`;
const swap = (from: string, to: string): string => {
  assert.ok(base.includes(from), from);
  return base.replace(from, to);
};
const host = (text: string): string => `${base}  ${text}\n`;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refusal(text: string | Uint8Array): HoldfastError {
  try {
    parseTopology(text);
  } catch (error) {
    assert.ok(error instanceof HoldfastError, String(error));
    return error;
  }
  assert.fail(`accepted: ${text.slice(0, 200).toString()}`);
}

/** What is wrong, where, and what was meant. */
const mistakes: Readonly<Record<string, { readonly text: string | Uint8Array; readonly says: readonly string[] }>> = {
  'a key with a slip': {
    text: swap('zone: a,', 'zoen: a,'),
    says: ['topology.yaml:5:10: a host has no key "zoen". Did you mean zone?'],
  },
  'a section with a slip': {
    text: swap('hosts:', 'host:'),
    says: ['topology.yaml:4:1: a topology has no key "host". Did you mean hosts?'],
  },
  'an unknown role': {
    text: swap('backup-server', 'backup-sever'),
    says: ['topology.yaml:5:50: "backup-sever" is not a known role. Did you mean backup-server?'],
  },
  'the beginning of a role': {
    text: swap('backup-server', 'agent'),
    says: ['5:50', 'Did you mean agent-windows, agent-linux, agent-unix or agent-macos?'],
  },
  'an allow rule that opens nothing': {
    text: `${swap('zones:', 'zones:\n  none: {}')}neighbours: { bucket: { roles: [s3] } }
allow: [{ name: x, from: [a], to: [none, bucket], ports: [tcp/1] }]\n`,
    says: [
      'topology.yaml:8:36: zone none has neither hosts nor prefixes: this opens nothing',
      'topology.yaml:8:42: bucket has neither addresses nor names: give it some',
    ],
  },
  'text that would steer the terminal': {
    text: `${base}allow: [{ name: x, from: ["\\e[2J\\u202E"], to: [a], ports: [tcp/1] }]\n`,
    says: ['topology.yaml:6:27: there is no host, neighbour or zone  [2J .'],
  },
  'an address twice': {
    text: host('b: { zone: a, addresses: [10.0.0.1], roles: [agent-linux] }'),
    says: ['topology.yaml:6:29: 10.0.0.1 belongs to srv already (topology.yaml:5:31)'],
  },
  'an address within the prefix of another host': {
    text: host('b: { zone: a, addresses: [10.0.0.0/24], roles: [agent-linux] }'),
    says: ['topology.yaml:5:31: 10.0.0.1 lies in 10.0.0.0/24 of b already (topology.yaml:6:29)'],
  },
  'an address outside of its zone': {
    text: swap('10.0.0.1', '192.168.0.1'),
    says: ['topology.yaml:5:31: 192.168.0.1 is not in zone a (10.0.0.0/8)'],
  },
  'zones that overlap': {
    text: swap('hosts:', '  b: { addresses: [10.1.0.0/16] }\nhosts:'),
    says: ['topology.yaml:4:20: 10.1.0.0/16 overlaps 10.0.0.0/8 of zone a (topology.yaml:3:20)'],
  },
  'an IPv6 address written in two ways': {
    text: `${base}  b: { zone: a, addresses: ["2001:db8::1"], roles: [agent-linux] }\n  c: { zone: a, addresses: ["2001:DB8:0:0::0001"], roles: [agent-linux] }\n`,
    says: ['topology.yaml:7:29: 2001:db8::1 belongs to b already (topology.yaml:6:29)'],
  },
  'no address': { text: swap('10.0.0.1]', '10.0.0.300]'), says: ['5:31', '"10.0.0.300" is no IPv4 or IPv6 address'] },
  'an octal address': { text: swap('10.0.0.1]', '010.0.0.1]'), says: ['5:31', '"010.0.0.1" is no IPv4'] },
  'a loopback address': { text: swap('10.0.0.1]', '127.0.0.1]'), says: ['5:31', 'is a loopback address'] },
  'a prefix with host bits': {
    text: swap('10.0.0.0/8', '10.0.0.5/8'),
    says: ['3:20', 'the prefix is 10.0.0.0/8, the address alone 10.0.0.5'],
  },
  'a port above 65535': {
    text: swap('roles:', 'ports: { client-to-server: 70000 }, roles:'),
    says: ['topology.yaml:5:69: 70000: a port is a whole number from 1 to 65535'],
  },
  'a port below 1': { text: swap('roles:', 'ports: { client-to-server: 0 }, roles:'), says: ['5:69: 0: a port is'] },
  'no port': { text: swap('roles:', 'ports: { client-to-server: http }, roles:'), says: ['5:69: "http": a port is'] },
  'a range upside down': {
    text: swap('roles:', 'ports: { client-to-server: 90-80 }, roles:'),
    says: ['5:69', 'a range begins with the lower port: 80-90'],
  },
  'a port that another channel of the host has': {
    text: swap('roles:', 'ports: { client-to-server: 10006 }, roles:'),
    says: ['topology.yaml:5:51: tcp port 10006 collides with posix-agent-control (10006) on this host'],
  },
  'two overrides that collide': {
    text: swap('roles:', 'ports: { client-to-server: 7000, posix-agent-control: 7000 }, roles:'),
    says: [
      '5:51: tcp port 7000 collides with posix-agent-control',
      '5:75: tcp port 7000 collides with client-to-server',
    ],
  },
  'a port in the data range of the mover': {
    text: host('s: { zone: a, addresses: [10.0.0.2], roles: [repository-linux], ports: { server-to-mover: 2600 } }'),
    says: ['tcp port 2600 collides with agent-to-mover-data (2500-3300)'],
  },
  'an unknown channel': {
    text: swap('roles:', 'ports: { client-to-sever: 8443 }, roles:'),
    says: ['5:51', 'Did you mean client-to-server?'],
  },
  'a channel along which the host does not listen': {
    text: swap('roles:', 'ports: { agent-to-mover-data: 8000-8100 }, roles:'),
    says: ['5:51: nothing here listens along agent-to-mover-data'],
  },
  'a port of the operating system': {
    text: host(
      'w: { zone: a, addresses: [10.0.0.2], roles: [agent-windows], ports: { server-to-windows-agent-smb: 4450 } }',
    ),
    says: ["the port of server-to-windows-agent-smb is not Holdfast's to change"],
  },
  'a role that does not live on the platform': {
    text: swap('roles: [backup-server]', 'os: windows, roles: [backup-server, agent-linux]'),
    says: ["topology.yaml:5:78: the role agent-linux can't live on windows, only on linux"],
  },
  'roles of different platforms': {
    text: swap('[backup-server]', '[agent-windows, agent-linux]'),
    says: ['5:49: no computer can have all of these roles'],
  },
  'a neighbour among the hosts': {
    text: host('dns: { zone: a, addresses: [10.0.0.53], roles: [dns-server] }'),
    says: ['6:3: dns-server runs nothing of Holdfast: it belongs under neighbours:'],
  },
  'a host among the neighbours': {
    text: `${base}neighbours:\n  x: { addresses: [10.0.0.53], roles: [agent-linux] }\n`,
    says: ['7:40: agent-linux is a part of Holdfast: it belongs under hosts:'],
  },
  'an unknown zone': { text: swap('zone: a,', 'zone: aa,'), says: ['5:16: there is no zone aa. Did you mean a?'] },
  'an unknown host in uses': {
    text: swap('zone: a,', 'zone: a, uses: [srvv],'),
    says: ['5:26: there is no host or neighbour srvv. Did you mean srv?'],
  },
  'a zone in uses': { text: swap('zone: a,', 'zone: a, uses: [a],'), says: ['5:26: a is a zone: name hosts'] },
  'a protected computer in uses': {
    text: host('w: { zone: a, addresses: [10.0.0.2], roles: [agent-linux], uses: [w] }'),
    says: ['6:69: w (agent-linux) serves nobody: name a server, a target or a neighbour'],
  },
  'a name in capitals': {
    text: swap('zone: a,', 'zone: a, uses: [SRV],'),
    says: ['5:26: SRV is written srv where it is defined'],
  },
  'unknown features': {
    text: `${base}features: { netbios: true, webhooks: maybe }\n`,
    says: [
      '6:13: features has no key "netbios". Did you mean netbios-names?',
      '6:38: features.webhooks must be true or false',
    ],
  },
  'an unknown dial style': { text: `${base}dial: clasic\n`, says: ['6:7', 'Did you mean classic?'] },
  'an allow rule that leads nowhere': {
    text: `${base}allow:\n  - { name: x, from: [srvx, 10.0.0.300], to: [any], ports: [tcp/22] }\n`,
    says: ['7:23: there is no host, neighbour or zone srvx. Did you mean srv?', '7:29: "10.0.0.300" is no IPv4'],
  },
  'a port of an allow rule': {
    text: `${base}allow:\n  - { name: x, from: [any], to: [srv], ports: [22, tcp/99999] }\n`,
    says: ['7:48: 22: a port is written as tcp/22'],
  },
  'one name for two things': {
    text: `${base}neighbours:\n  a: { roles: [s3] }\n`,
    says: ['7:3: the name a is taken by the zone at topology.yaml:3:3'],
  },
  'a name that means something to a shell': {
    text: host('"evil; drop": { zone: a, addresses: [10.0.0.3], roles: [agent-linux] }'),
    says: [`6:3: "evil; drop" can't be a key here`],
  },
  'a name that means something to JavaScript': {
    text: host('__proto__: { zone: a, addresses: [10.0.0.3], roles: [agent-linux] }'),
    says: ["6:3: __proto__ can't be a name"],
  },
  'a host twice': {
    text: host('srv: { zone: a, addresses: [10.0.0.9], roles: [agent-linux] }'),
    says: ['topology.yaml:6:3: "srv" appears twice; first in line 5'],
  },
  'a value in place of a list': {
    text: swap('[backup-server]', 'backup-server'),
    says: ['5:49: roles must be a list: [ … ], not "backup-server"'],
  },
  'something missing': { text: swap(', roles: [backup-server]', ''), says: ['5:3: roles is missing'] },
  'no addresses': { text: swap('addresses: [10.0.0.1], ', ''), says: ["5:3: addresses is missing: rules need srv's"] },
  'an empty value': { text: swap('[10.0.0.1]', ''), says: ['addresses must be a list: [ … ], not nothing'] },
  'mistakes of both kinds': {
    text: `${swap('zone: a,', 'zoen: a,')}  b: { zone: a, addresses: [11.0.0.1], roles: [agent-linux] }\n`,
    says: ['5:10: a host has no key "zoen"', '6:29: 11.0.0.1 is not in zone a'],
  },
  'no hosts': { text: 'name: t\n', says: ['topology.yaml:1:1: the topology has no hosts'] },
  'an empty file': { text: '', says: ['topology.yaml:1:1: the file is empty'] },
  'blank lines': { text: '\n\n  \n', says: ['topology.yaml:1:1: the file is empty'] },
  'only comments': { text: '# nothing\n', says: ['topology.yaml:1:1: the file holds nothing but comments'] },
  'a binary file': {
    text: new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0, 0xff]),
    says: ['topology.yaml:1:1: this is not a text file in UTF-8'],
  },
  'a list': { text: '- a\n- b\n', says: ['topology.yaml:1:1: a topology is a mapping'] },
  'broken YAML': { text: host('x: { zone: a, addresses: 10.0.0.2'), says: ['topology.yaml:7:1: Flow map in block'] },
  'a tab': { text: 'name: t\nhosts:\n\tx: 1\n', says: ['topology.yaml:3:1: Tabs are not allowed as indentation'] },
  'two documents': { text: `${base}---\nname: u\n`, says: ['topology.yaml:6:1: a second document begins here'] },
  'an unknown tag': { text: swap('name: t', 'name: !!js/function t'), says: ['topology.yaml:1:7: Unresolved tag'] },
  'an alias of nothing': { text: 'name: *x\n', says: ['topology.yaml:1:7: there is no anchor &x before this alias'] },
  'aliases of aliases of aliases': {
    text: `a: &a [x,x,x,x,x,x,x,x,x]\n${'b c d e f g h i j'
      .split(' ')
      .map((name, at) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghi'[at]}`).join()}]`)
      .join('\n')}\n`,
    says: ['the aliases unfold to more than 100 times their values'],
  },
  'many aliases': {
    text: `a: &a x\nb: [${Array(200).fill('*a').join()}]\n`,
    says: ['topology.yaml:2:', 'more than 100 aliases'],
  },
  'brackets without end': {
    text: `name: ${'['.repeat(100_000)}`,
    says: [`topology.yaml:1:${7 + maxDepth}: more than ${maxDepth} values within each other`],
  },
  'lists within lists without end': { text: '- '.repeat(100_000), says: ['values within each other'] },
  'a huge file': { text: `#${' '.repeat(maxTopologyBytes)}`, says: [`at most ${maxTopologyBytes}`] },
};

for (const [name, { text, says }] of Object.entries(mistakes))
  test(`refused with what was meant: ${name}`, () => {
    const { code, message, entry } = refusal(text);
    assert.equal(code, 'topology.invalid');
    assert.equal(entry.exit, exitStatus.usage);
    for (const part of says) assert.ok(message.includes(part), message);
    assert.equal(
      message.split('\n').length - 1,
      Math.max(1, says.filter((part) => part.includes(': ')).length),
      message,
    );
  });

test('all mistakes of a file are reported at once, up to a bound', () => {
  const hosts = Array.from(
    { length: maxProblems * 2 },
    (_, at) => `  h${at}: { zone: a, addresses: [x], roles: [y] }\n`,
  );
  const { message } = refusal(base + hosts.join(''));
  assert.equal(message.split('\n').filter((line) => line.includes('is not a known role')).length, maxProblems);
  assert.match(message, /these are the first/);
});

test('a file with 50,000 hosts is refused by a limit that the message names', () => {
  const hosts = Array.from(
    { length: 50_000 },
    (_, at) =>
      `  h${at}: { zone: a, addresses: [10.${at >> 16}.${(at >> 8) & 255}.${at & 255}], roles: [agent-linux] }\n`,
  );
  const { message } = refusal(base + hosts.slice(0, maxHosts).join(''));
  assert.match(message, /topology\.yaml:20005:\d+: there are more than 20000 hosts and neighbours/);
  const inJson = hosts.map((_, at) => `"h${at}": {"roles": []}`).join();
  assert.match(refusal(`{"hosts": {${inJson}}}`).message, /topology\.yaml:1:\d+: there are more than 20000 hosts/);
  // The word alone is no host.
  const words = `${base}  w: { zone: a, addresses: [10.0.0.2], roles: [client], note: "roles: roles:" }\n# roles:\n`;
  assert.equal(parseTopology(words + '# roles: roles:\n'.repeat(maxHosts)).hosts.length, 2);
  assert.match(refusal(base + hosts.join('') + ' '.repeat(maxTopologyBytes)).message, /bytes; a topology has at most/);
});

test('what was right stays as it was written, in canonical form', () => {
  const topology = parseTopology(`# comment
name: t
dial: outbound-only
zones:
  a: { addresses: [10.0.0.0/8], owner: Network, uses: [store] }
  home: { nat: [203.0.113.9] }
  site: { nat: true }
hosts:
  srv: { zone: a, addresses: [10.0.0.1, "2001:DB8:0:0::0001"], names: [SRV.example.com], roles: [backup-server], ports: { client-to-server: 8443 } }
  store: { zone: a, addresses: [10.0.0.2], os: linux, roles: [repository] }
  fleet: { zone: home, addresses: [192.168.1.0/24], roles: &roles [agent-linux], preinstalled: true, uses: [srv] }
  other: { zone: site, addresses: [192.168.1.7], roles: *roles }
  desk: { zone: a, addresses: [10.9.0.0/24], roles: [client] }
neighbours:
  bucket: { roles: [s3], region: china }
features: { netbios-names: true, webhooks: false }
allow:
  - { name: time, from: [a, 198.51.100.0/24], to: [any], ports: [udp/123, tcp/4460], reason: "ti\\e]0;me\\a\\n" }
`);
  assert.equal(topology.dial, 'outbound-only');
  const [srv, store, fleet, other, desk, bucket] = topology.hosts;
  assert.deepEqual(srv?.addresses, ['10.0.0.1', '2001:db8::1']);
  assert.deepEqual(srv?.names, ['srv.example.com']);
  assert.deepEqual([...(srv?.ports ?? [])], [['client-to-server', { from: 8443, to: 8443 }]]);
  assert.deepEqual(store?.uses, ['store'], 'of its zone');
  assert.equal(store?.platform, 'linux');
  assert.deepEqual(fleet?.zone?.nat, { addresses: ['203.0.113.9'] });
  assert.deepEqual([fleet?.isPreinstalled, fleet?.uses, fleet?.platform], [true, ['srv'], 'linux']);
  assert.deepEqual(other?.zone?.nat, { addresses: [] });
  assert.deepEqual([desk?.isManaged, fleet?.isManaged, bucket?.isManaged], [false, true, false]);
  assert.deepEqual([bucket?.region, bucket?.addresses, bucket?.zone], ['china', [], undefined]);
  assert.ok(topology.options.has('netbios-names') && !topology.options.has('webhooks'));
  assert.ok(topology.options.has('name-resolution') && !topology.options.has('mover-dials'));
  const [rule] = topology.allow;
  assert.deepEqual(rule?.from, {
    hosts: ['srv', 'store', 'desk'],
    zones: [srv?.zone],
    addresses: ['198.51.100.0/24'],
  });
  assert.equal(rule?.reason, 'ti ]0;me');
  assert.deepEqual(rule?.to, { hosts: [], zones: [], addresses: ['0.0.0.0/0', '::/0'] });
});

/** Writes files into a folder of their own; gives the path of the first. */
function files(t: TestContext, content: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-topology-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(content)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return join(folder, Object.keys(content)[0] ?? '');
}

async function loadRefusal(path: string): Promise<HoldfastError> {
  const error = await loadTopology(path).then(
    () => assert.fail('accepted'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof HoldfastError, String(error));
  assert.equal(error.entry.exit, exitStatus.usage);
  return error;
}

const site = 'hosts:\n  web: { zone: a, addresses: [10.1.0.1], roles: [agent-linux] }\n';

test('files are included from below the folder of the first one', async (t) => {
  const path = files(t, {
    'top.yaml': `${base}include: [sites/a.yaml, sites/b.yaml]\n`,
    'sites/a.yaml': `include: [deep/c.yaml]\n${site}`,
    'sites/b.yaml': 'zones:\n  b: {}\n',
    'sites/deep/c.yaml': 'hosts:\n  db: { zone: b, addresses: [10.2.0.1], roles: [agent-linux] }\n',
  });
  const topology = await loadTopology(path);
  assert.deepEqual(
    topology.hosts.map(({ name, zone }) => [name, zone?.name]),
    [
      ['srv', 'a'],
      ['web', 'a'],
      ['db', 'b'],
    ],
  );
});

test('a mistake in an included file is reported with that file', async (t) => {
  const path = files(t, {
    'top.yaml': `${base}include: [sites/a.yaml]\n`,
    'sites/a.yaml': site.replace('10.1.0.1', '10.0.0.1'),
  });
  const { message } = await loadRefusal(path);
  assert.match(message, /sites\/a\.yaml:2:31: 10\.0\.0\.1 belongs to srv already \(.*top\.yaml:5:31\)/);
});

test('includes end, and stay in their folder', async (t) => {
  const outside = files(t, { 'secret.yaml': 'zones: { s: {} }\n' });
  const path = files(t, {
    'top.yaml': `${base}include: [a.yaml, ../x.yaml, /etc/passwd, gone.yaml, link.yaml, b.yaml, sub, ..c.yaml]\n`,
    'sub/x': '',
    '..c.yaml': 'hosts: 1\n',
    'a.yaml': 'include: [b.yaml]\n',
    'b.yaml': 'include: [a.yaml]\nname: no\n',
  });
  symlinkSync(outside, join(dirname(path), 'link.yaml'));
  const { message } = await loadRefusal(path);
  for (const part of [
    'b.yaml:1:11: a.yaml includes itself: top.yaml -> a.yaml -> b.yaml -> a.yaml',
    'b.yaml:2:1: a topology has no key "name"',
    'top.yaml:6:19: ../x.yaml is outside of',
    'top.yaml:6:30: /etc/passwd: give the path relative to this file',
    'top.yaml:6:43: there is no file',
    'is a link that leads out of',
    'b.yaml is included twice',
    'sub is no file',
    '..c.yaml:1:8: hosts must be a mapping',
  ])
    assert.ok(message.includes(part), `${part} in ${message}`);
});

test('what is no file is refused before anything else', async (t) => {
  const path = files(t, { 'top.yaml': base });
  assert.match((await loadRefusal(join(dirname(path), 'none.yaml'))).message, /There is no file/);
  assert.match((await loadRefusal(dirname(path))).message, /can't be read: EISDIR/);
  writeFileSync(path, `#${' '.repeat(maxTopologyBytes)}`);
  assert.match((await loadRefusal(path)).message, /:1:1: the file has more than \d+ bytes/);
});

test('the example of the docs is a topology', async () => {
  const topology = await loadTopology(new URL('../../../../docs/examples/topology.yaml', import.meta.url).pathname);
  assert.equal(topology.name, 'example');
});

test('whatever the text, the answer is a topology or mistakes with their places', () => {
  const pieces = [
    ...[
      'name: t\n',
      'hosts:\n',
      '  a: ',
      '{ zone: a, ',
      'addresses: [10.0.0.1], ',
      'roles: [agent-linux] }\n',
      '- ',
      ': ',
    ],
    ...[
      '&x ',
      '*x',
      '[',
      ']',
      '{',
      '}',
      '\t',
      '\n',
      '"',
      "'",
      '|',
      '>',
      '---\n',
      '%',
      '!!map ',
      '? ',
      '<<: ',
      '\0',
      '💾',
      'zones:\n',
    ],
  ];
  const piece = fc.nat(pieces.length - 1).map((at) => pieces[at] ?? '');
  const mangled = fc
    .record({ at: fc.nat(base.length), length: fc.nat(20), text: fc.oneof(fc.string({ maxLength: 12 }), piece) })
    .map(({ at, length, text }) => base.slice(0, at) + text + base.slice(at + length));
  const text = fc.oneof(
    mangled,
    fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
    fc.string(),
  );
  fc.assert(
    fc.property(text, (given) => {
      try {
        assert.ok(parseTopology(given).hosts.length > 0);
      } catch (error) {
        assert.ok(error instanceof HoldfastError, String(error));
        assert.equal(error.code, 'topology.invalid', String(error.stack));
        const { line, column } = error.context;
        const lines = given.split('\n');
        assert.ok(typeof line === 'number' && line >= 1 && line <= lines.length, error.message);
        assert.ok(
          typeof column === 'number' && column >= 1 && column <= (lines[line - 1]?.length ?? 0) + 1,
          error.message,
        );
      }
    }),
    { seed: 20_261_121, numRuns: 1000 },
  );
});

test('JSON with a mistake is read as JSON, and the mistake is named by its path', () => {
  // The word as a value is nobody's mistake.
  const srv = { zone: 'b', addresses: ['10.0.0.1'], roles: ['backup-server'], owner: '__proto__' };
  const document = { name: 't', zones: { a: {} }, hosts: { srv, web: { ...srv, roles: ['agent-linux'] } } };
  const named = (text: string, place: string, says: string): void =>
    assert.throws(() => parseTopologyJson(text, 'sent'), {
      code: 'topology.invalid',
      message: new RegExp(`^ {2}${RegExp.escape(`${place}: ${says}`)}`, 'm'),
    });
  named(JSON.stringify(document), 'sent:/hosts/srv/zone', 'there is no zone b. Did you mean a?');
  named(
    JSON.stringify(document),
    'sent:/hosts/web/addresses/0',
    '10.0.0.1 belongs to srv already (sent:/hosts/srv/addresses/0)',
  );
  named(JSON.stringify({ ...document, 'a/b': 1 }), 'sent:/a~1b', 'a topology has no key "a/b"');
  named(
    JSON.stringify({ ...document, zones: { 'a: ()': {} } }),
    'sent:/zones/a%3A%20()',
    '"a: ()" can\'t be a key here',
  );
  named(JSON.stringify(document).replace('"srv"', '"__proto__"'), 'sent:/hosts/__proto__', "__proto__ can't be a name");
  named(
    `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
    `sent:${'/0'.repeat(maxDepth)}`,
    `more than ${maxDepth} values`,
  );
  named('[1]', 'sent', 'a topology is a mapping');
  named('{', 'sent', 'this is no JSON');
  named(JSON.stringify(' '.repeat(maxTopologyBytes)), 'sent', `the file has ${maxTopologyBytes + 2} bytes`);
  const many = Object.fromEntries(Array.from({ length: maxHosts / 2 + 1 }, (_, n) => [`h${n}`, { roles: ['s3'] }]));
  named(
    JSON.stringify({ hosts: many, neighbours: many }),
    `sent:/neighbours/h${maxHosts / 2 - 1}/roles`,
    'there are more than',
  );
});

test('allow rules that name a zone of many hosts again and again are refused before they fill the memory', () => {
  const srv = { zone: 'a', addresses: ['10.0.0.0/24'], roles: ['backup-server'] };
  const inside = Array.from({ length: 2000 }, (_, n) => {
    const address = `10.1.${Math.floor(n / 250)}.${(n % 250) + 1}`;
    return [`h${n}`, { zone: 'a', addresses: [address], roles: ['agent-linux'] }] as const;
  });
  const rule = { from: Array<string>(50).fill('a'), to: Array<string>(50).fill('srv'), ports: ['tcp/22'] };
  const allow = Array.from({ length: 300 }, (_, n) => ({ ...rule, name: `r${n}` }));
  const document = { name: 't', zones: { a: {} }, hosts: { srv, ...Object.fromEntries(inside) } };
  const { topology } = readTopologyJson(JSON.stringify({ ...document, allow: allow.slice(0, 200) }), 'sent');
  assert.deepEqual([topology?.allow[199]?.from.hosts.length, topology?.allow[199]?.to.hosts], [2001, ['srv']]);
  const { problems } = readTopologyJson(JSON.stringify({ ...document, allow }), 'sent');
  assert.deepEqual(
    problems.found.map(({ at, message }) => [at, message.slice(0, 43)]),
    [[{ path: ['allow', 249] }, 'the allow rules name more than 500000 hosts']],
  );
});

test('what JSON.stringify wrote is read much faster, to the same topology or the same mistakes', () => {
  const known: readonly unknown[] = [
    ...['a', 'srv', 'zoen', ['10.0.0.1'], ['10.0.0.2', '10.0.0.2'], ['agent-linux'], ['backup-server'], ['web']],
    ...[
      { zone: 'a', addresses: ['10.0.0.1'], roles: ['agent-linux'] },
      { nat: true },
      JSON.parse('{"__proto__":{}}') as unknown,
    ],
    JSON.parse('['.repeat(60) + ']'.repeat(60)) as unknown,
  ];
  const paths = ['', 'name', 'zones', 'zones/a', 'hosts', 'hosts/srv', 'hosts/new', 'hosts/srv/zone', 'include'];
  const change = fc.record({
    path: fc.constantFrom(...paths, 'hosts/srv/addresses', 'hosts/srv/roles', 'hosts/srv/uses', 'allow', 'unknown'),
    value: fc.oneof(fc.constantFrom(...known), fc.jsonValue({ maxDepth: 2 })),
  });
  const outcome = (read: () => unknown): string => {
    try {
      return inspect(read(), { depth: 12 });
    } catch (error) {
      assert.ok(error instanceof HoldfastError, String(error));
      return error.message
        .replace(/^ {2}topology\.yaml\S*: /gm, '  ')
        .replace(/topology\.yaml:(\d+:\d+|\/[^\s:)]*)/g, 'there');
    }
  };
  let topologies = 0;
  fc.assert(
    fc.property(fc.array(change, { maxLength: 3 }), fc.constantFrom(0, 1), (changes, indentation) => {
      const srv = { zone: 'a', addresses: ['10.0.0.1'], roles: ['backup-server'] };
      const document: Record<string, unknown> = { name: 't', zones: { a: {} }, hosts: { srv } };
      for (const { path, value } of changes) {
        const names = path.split('/');
        const last = names.pop() ?? '';
        const place = names.reduce<unknown>((inner, name) => (isRecord(inner) ? inner[name] : undefined), document);
        if (isRecord(place)) place[last] = value;
      }
      const text = JSON.stringify(document, undefined, indentation);
      const read = outcome(() => parseTopologyJson(text, 'topology.yaml'));
      assert.equal(
        read,
        outcome(() => parseTopology(text)),
      );
      if (!read.startsWith('The topology has')) topologies += 1;
    }),
    { seed: 20_261_122, numRuns: 400 },
  );
  assert.ok(topologies > 20, `${topologies}`);
});

test('whatever the bytes, too', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        parseTopology(bytes);
        assert.fail('random bytes are no topology');
      } catch (error) {
        assert.ok(error instanceof HoldfastError && error.code === 'topology.invalid', String(error));
      }
    }),
    { seed: 20_261_121, numRuns: 300 },
  );
});
