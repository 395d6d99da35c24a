import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { channels, effectiveRoles, isOff, roleNames, rolePlatforms, roles } from '../index.ts';
import { serviceKinds } from '../service-kinds.ts';
import { loadTopology, parseTopology, type Topology } from '../topology/index.ts';
import { applyChannels } from './apply-channels.ts';
import { classify } from './host-class.ts';
import { type HostRule, hostRules, type Plan, planTopology } from './index.ts';

const zones = 'zones: { a: {}, b: {}, home: { nat: [203.0.113.9] } }\n';

function topology(hosts: string, rest = ''): Topology {
  return parseTopology(`name: t\n${zones}hosts:\n${hosts}${rest}`);
}

const server = '  srv: { zone: a, addresses: [10.0.0.1], roles: [backup-server] }\n';
const store = '  store: { zone: a, addresses: [10.0.0.2], roles: [repository-linux] }\n';
const linux = '  web: { zone: a, addresses: [10.0.0.3], roles: [agent-linux] }\n';

const ids = ({ flows }: Plan): string[] => flows.map(({ id }) => id);
const lines = ({ flows }: Plan): string[] => flows.map(({ id, channels: carried }) => `${id} ${carried.join(' ')}`);

test('the example of the docs', async () => {
  const example = await loadTopology(new URL('../../../../docs/examples/topology.yaml', import.meta.url).pathname);
  assert.deepEqual(lines(planTopology(example)), [
    'backup-1>files-1:tcp/6184-6194 windows-agent-service',
    'backup-1>web-1+db-2:tcp/6162 server-to-agent-transport server-to-mover',
    'files-1>backup-1:tcp/10005 windows-agent-control windows-enrolment',
    'web-1+db-2+laptop-3>backup-1:tcp/10006 posix-agent-control mover-to-server enrolment',
    'laptop-3>store-1:tcp/6162 agent-to-mover-transport',
    'web-1+files-1>store-1+gate-1:tcp/6162 agent-to-mover-transport',
    'laptop-3>store-1:tcp/2500-3300 agent-to-mover-data',
    'web-1+files-1>store-1+gate-1:tcp/2500-3300 agent-to-mover-data',
    'backup-1>dns-1:udp/53 server-to-dns host-to-dns',
    'backup-1>dns-1:tcp/53 server-to-dns-tcp host-to-dns-tcp',
    'store-1+5~051fcd6d>dns-1:udp/53 host-to-dns',
    'store-1+5~051fcd6d>dns-1:tcp/53 host-to-dns-tcp',
    'backup-1>mail-1:tcp/25,587 server-to-smtp',
    'admin>backup-1:tcp/443 client-to-server',
    'admin>store-1:tcp/6162 client-to-mover',
    'backup-1>store-1+gate-1:tcp/6162 server-to-mover',
    'store-1+gate-1+files-1>backup-1:tcp/10006 mover-to-server enrolment',
    'ssh:admin>backup-1+10~82a6d52e:tcp/22 ',
  ]);
});

test('a flow says why it is there: channels, rows between these ends, features in use, fallbacks, leases', () => {
  const plan = planTopology(topology(server + store + linux));
  const [transport] = plan.flows.filter(({ id }) => id === 'srv>web:tcp/6162');
  assert.deepEqual(transport?.channels, ['server-to-agent-transport', 'server-to-mover']);
  assert.deepEqual(transport?.rows, ['server-to-linux-agent.transport', 'server-to-linux-agent.data-mover']);
  assert.deepEqual(transport?.features, ['managed-backup', 'managed-restore', 'mover-management']);
  assert.equal(transport?.reasons.length, 2);
  assert.deepEqual(transport?.fallbackFor, [], 'nothing dials leased ports of the agent here');
  const [data] = plan.flows.filter(({ id }) => id === 'web>store:tcp/2500-3300');
  assert.equal(data?.leased, true);
  const [session] = plan.flows.filter(({ id }) => id === 'web>store:tcp/6162');
  assert.deepEqual([session?.leased, session?.fallbackFor], [false, ['agent-to-mover-transport']]);
});

test('channels inside a computer, those that are off, and the probe open nothing', () => {
  const plan = planTopology(topology(server + store + linux), { includePlanned: true });
  for (const id of plan.flows.flatMap((flow) => flow.channels)) {
    const entry = channels.find((one) => one.id === id);
    assert.ok(entry && !entry.loopbackOnly && entry.transport !== 'local' && !isOff(id) && id !== 'probe', id);
  }
});

test('nothing dials in to a zone behind address translation; what stands in is named', () => {
  const away = '  laptop: { zone: home, addresses: [192.168.1.5], roles: [agent-linux] }\n';
  const plan = planTopology(topology(server + store + away));
  assert.deepEqual(
    ids(plan).filter((id) => id.includes('>laptop')),
    [],
  );
  assert.ok(ids(plan).includes('laptop>srv:tcp/10006'));
  assert.match(
    plan.notes.join('\n'),
    /zone home: server-to-agent-transport is not opened to laptop; posix-agent-control stands in/,
  );
  // The server sees the address that the zone has for others.
  const rules = hostRules(plan).find(({ host }) => host.name === 'srv');
  const control = rules?.incoming.find(({ ports }) => ports[0]?.from === 10_006);
  assert.deepEqual(
    control?.peers.flatMap(({ addresses }) => addresses),
    ['203.0.113.9'],
  );
});

test('within a zone behind address translation computers dial each other', () => {
  const hosts = `${server}  h: { zone: home, addresses: [192.168.1.2], roles: [repository-linux] }\n  l: { zone: home, addresses: [192.168.1.5], roles: [agent-linux] }\n`;
  const plan = planTopology(topology(hosts));
  assert.ok(ids(plan).includes('l>h:tcp/6162'));
  assert.match(plan.notes.join('\n'), /server-to-mover is not opened to h; without it, this stops: mover-management/);
});

test('a computer with an agent that was installed beforehand is not dialled by the server', () => {
  const plan = planTopology(topology(server + store + linux.replace('roles', 'preinstalled: true, roles')));
  assert.deepEqual(
    ids(plan).filter((id) => id.includes('>web')),
    [],
  );
  assert.match(plan.notes.join('\n'), /installed beforehand: server-to-agent-transport is not opened to web/);
});

test('who names one of a kind uses only that; of other kinds all', () => {
  const two = '  store-2: { zone: b, addresses: [10.0.1.2], roles: [repository-linux] }\n';
  const plan = planTopology(topology(server + store + two + linux.replace('roles', 'uses: [store-2], roles')));
  assert.deepEqual(
    ids(plan).filter((id) => id.startsWith('web>')),
    ['web>srv:tcp/10006', 'web>store-2:tcp/6162', 'web>store-2:tcp/2500-3300'],
  );
  const servers = topology(
    `${server}  srv-2: { zone: a, addresses: [10.0.0.9], roles: [backup-server] }\n${store}${linux.replace('roles', 'uses: [srv-2], roles')}`,
  );
  assert.deepEqual(
    ids(planTopology(servers)).filter((id) => id.includes('web')),
    ['srv-2>web:tcp/6162', 'web>srv-2:tcp/10006', 'web>store:tcp/6162', 'web>store:tcp/2500-3300'],
  );
});

test('ports of the configuration take the place of those of the contract, for every channel of the listener', () => {
  const moved = store.replace('roles', 'ports: { server-to-mover: 7000, agent-to-mover-data: 7100-7199 }, roles');
  const plan = planTopology(topology(server + moved + linux));
  assert.deepEqual(
    ids(plan).filter((id) => id.includes('>store')),
    ['web>store:tcp/7000', 'web>store:tcp/7100-7199', 'srv>store:tcp/7000'],
  );
});

test('optional channels come with their options', () => {
  const hosts = `${server}${linux}  admin: { zone: a, addresses: [10.9.0.0/24], roles: [client] }\n`;
  assert.ok(!ids(planTopology(topology(hosts))).includes('admin>srv:tcp/8443'));
  const plan = planTopology(topology(hosts, 'features: { alternate-rest-port: true }\n'));
  const [alternate] = plan.flows.filter(({ id }) => id === 'admin>srv:tcp/8443');
  assert.deepEqual(alternate?.fallbackFor, ['client-to-server-alternate']);
  const dialled = '  both: { zone: a, addresses: [10.0.0.7], roles: [backup-server, repository-linux] }\n';
  assert.ok(!ids(planTopology(topology(dialled + linux))).includes('both>web:tcp/2500-3300'));
  assert.ok(
    ids(planTopology(topology(dialled + linux, 'features: { mover-dials: true }\n'))).includes(
      'both>web:tcp/2500-3300',
    ),
  );
  // Only a mover dials leased ports: a server without one never does.
  assert.ok(
    !ids(planTopology(topology(server + linux, 'features: { mover-dials: true }\n'))).includes('srv>web:tcp/2500-3300'),
  );
});

test('what is not in use is not opened', () => {
  const used = ids(planTopology(topology(server + store + linux)));
  const without = ids(planTopology(topology(server + store + linux, 'features: { full-speed-data: false }\n')));
  assert.deepEqual(
    used.filter((id) => !without.includes(id)),
    ['web>store:tcp/2500-3300'],
  );
});

test('what this version does not make is left out unless asked for, and said', () => {
  const directory = 'neighbours:\n  dc: { roles: [active-directory], addresses: [10.0.0.25] }\n';
  const plan = planTopology(topology(server, directory));
  assert.deepEqual(plan.flows, []);
  assert.match(plan.notes.join('\n'), /does not make \d+ .* What has to wait: directory-groups/);
  const planned = ids(planTopology(topology(server, directory), { includePlanned: true }));
  assert.ok(planned.includes('srv>dc:tcp/389,636') || planned.includes('srv>dc:tcp/636'), planned.join());
});

test('agents mail by themselves only where they are said to stand alone', () => {
  const mail = 'neighbours:\n  mail: { roles: [smtp-server], addresses: [10.0.0.25] }\n';
  assert.ok(!ids(planTopology(topology(store + linux, mail))).some((id) => id.includes('>mail:')));
  const alone = ids(planTopology(topology(store + linux, `${mail}features: { stand-alone-agents: true }\n`)));
  assert.ok(alone.includes('web>mail:tcp/25,587'), alone.join());
});

test('a neighbour that nobody described has the names that the contract knows, by region and purpose', () => {
  const cloud = `neighbours:\n  bucket: { roles: [s3] }\n  china: { roles: [azure-blob], region: china }\n  mine: { roles: [s3-compatible], names: [s3.example.com] }\n`;
  const gate = '  gate: { zone: a, addresses: [10.0.0.4], roles: [gateway-linux] }\n';
  const plan = planTopology(topology(gate, cloud), { includePlanned: true });
  const names = Object.fromEntries(plan.flows.flatMap(({ to }) => to).map((host) => [host.name, host.names]));
  assert.deepEqual(names, {
    bucket: ['*.amazonaws.com'],
    'bucket-s3-certificate-status': ['*.amazontrust.com', '*.cloudfront.net'],
    china: ['*.blob.core.chinacloudapi.cn'],
    'china-azure-blob-certificate-status': ['ocsp.digicert.com', 'oneocsp.microsoft.com'],
  });
  assert.match(
    plan.notes.join('\n'),
    /The port of mine is not known: give it as `ports: \{ s3-compatible-api: PORT \}`/,
  );
  assert.deepEqual(plan.hosts.map(({ name }) => name).slice(0, 2), ['gate', 'mine']);
});

test('openings of the administrator stay, for hosts, zones and addresses', () => {
  const rest =
    'allow:\n  - { name: time, from: [b, srv], to: [198.51.100.0/24, any], ports: [udp/123, tcp/4460, tcp/4461], reason: clocks }\n';
  const plan = planTopology(topology(`${server}  x: { zone: b, addresses: [10.0.2.1], roles: [agent-linux] }\n`, rest));
  const own = plan.flows.filter(({ origin }) => origin === 'administrator');
  assert.deepEqual(
    own.map(({ id, ports, reasons }) => [id, ports, reasons]),
    [
      ['time:x+srv>198.51.100.0/24+0.0.0.0/0+::/0:udp/123', [{ from: 123, to: 123 }], ['clocks']],
      ['time:x+srv>198.51.100.0/24+0.0.0.0/0+::/0:tcp/4460-4461', [{ from: 4460, to: 4461 }], ['clocks']],
    ],
  );
});

test('a zone behind address translation that may connect is what others see of it, whatever others have its addresses', () => {
  const zones = `zones:
  a: {}
  home: { nat: [192.0.2.1], addresses: [192.168.0.0/16] }
  site: { nat: true, addresses: [192.168.0.0/16] }
`;
  const laptop = '  pc: { zone: home, addresses: [192.168.0.9], roles: [agent-linux], uses: [srv] }\n';
  const rest = `allow:
  - { name: one, from: [home], to: [srv], ports: [tcp/1] }
  - { name: two, from: [site], to: [srv], ports: [tcp/2] }
  - { name: three, from: [home], to: [home], ports: [tcp/3] }
`;
  const plan = planTopology(parseTopology(`name: t\n${zones}hosts:\n${server}${laptop}${rest}`));
  const [srv, pc] = hostRules(plan);
  const peers = (rules: readonly HostRule[] | undefined): unknown =>
    rules
      ?.filter(({ flow }) => flow.origin === 'administrator')
      .map((rule) => [rule.ports[0]?.from, ...rule.peers.flatMap(({ addresses }) => addresses)]);
  assert.deepEqual(peers(srv?.incoming), [
    [1, '192.0.2.1'],
    [2, '192.168.0.0/16'],
  ]);
  assert.deepEqual(peers(pc?.incoming), [[3, '192.168.0.0/16']]);
});

test('addresses of which nobody said the zone lie in the one that has them, unless they are translated there', () => {
  const rest =
    'neighbours: { dns: { roles: [dns-server], addresses: [10.0.0.53] }, ns: { roles: [dns-server], addresses: [10.0.0.54, 192.0.2.1] } }\nallow: [{ name: ssh, from: [10.0.9.0/24, 10.9.0.1, 192.168.1.1], to: [srv], ports: [tcp/22] }]\n';
  const within =
    'zones: { a: { addresses: [10.0.0.0/16] }, b: {}, home: { nat: true, addresses: [192.168.0.0/16] } }\n';
  const plan = planTopology(parseTopology(`name: t\n${within}hosts:\n${server}${rest}`));
  assert.deepEqual(
    plan.hosts.map(({ name, zone }) => [name, zone]),
    [
      ['srv', 'a'],
      ['dns', 'a'],
      ['ns', ''],
      ['10.0.9.0/24', 'a'],
      ['10.9.0.1', ''],
      ['192.168.1.1', ''],
    ],
  );
});

test('ways of dialling: nothing dials agents; data on the port of the sessions', () => {
  const fleet = topology(server + store + linux);
  assert.deepEqual(
    ids(planTopology(fleet, { dial: 'outbound-only' })).filter((id) => id.includes('>web')),
    [],
  );
  const single = planTopology(fleet, { dial: 'single-port' });
  assert.ok(single.flows.every(({ ports }) => ports.every(({ from, to }) => from === to)));
  assert.match(
    single.notes.join('\n'),
    /agent-to-mover-data is not opened to store; agent-to-mover-transport stands in/,
  );
  const [session] = single.flows.filter(({ id }) => id === 'web>store:tcp/6162');
  assert.deepEqual(session?.fallbackFor, ['agent-to-mover-transport']);
});

test('ten thousand computers are a handful of flows', () => {
  const many = Array.from({ length: 10_000 }, (_, at) => ({ name: `h${at}`, address: `10.1.${at >> 8}.${at & 255}` }));
  const base = topology(server + store + linux);
  const [example] = base.hosts.filter(({ name }) => name === 'web');
  assert.ok(example);
  const hosts = [...base.hosts, ...many.map(({ name, address }) => ({ ...example, name, addresses: [address] }))];
  const plan = planTopology({ ...base, hosts });
  assert.equal(plan.hosts.length, 10_003);
  assert.ok(plan.flows.length < 10, `${plan.flows.length} flows`);
  // Lists of hosts are shared by the flows, not copied.
  assert.ok(new Set(plan.flows.flatMap(({ from, to }) => [from, to])).size <= 6);
  const rules = hostRules(plan);
  assert.equal(rules.length, 10_003);
  assert.ok(rules.reduce((sum, { incoming, outgoing }) => sum + incoming.length + outgoing.length, 0) < 50_000);
});

test('a topology with too many different connections is refused', () => {
  const small = topology(server + store + linux);
  const choice = { dial: 'classic', includePlanned: false } as const;
  const { open } = applyChannels(small, classify(small), choice);
  const enough = { channels: open.length, pairs: 1_000 };
  applyChannels(small, classify(small), choice, enough);
  for (const fewer of [{ channels: open.length - 1 }, { pairs: 3 }])
    assert.throws(() => applyChannels(small, classify(small), choice, { ...enough, ...fewer }), {
      code: 'internal.limit',
    });
});

/** Any topology of a few hosts: roles that may live together, zones, preferences, ports of their own. */
const anyTopology = fc
  .array(
    fc.record({
      roles: fc.uniqueArray(fc.constantFrom(...roleNames), { minLength: 1, maxLength: 2 }),
      zone: fc.constantFrom('a', 'b', 'home', 'site'),
      preinstalled: fc.boolean(),
      uses: fc.option(fc.nat(5), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((drawn) => drawn.filter(({ roles: both }) => compatible(both)))
  .filter((drawn) => drawn.some(({ roles: both }) => both.some((role) => roles[role].process !== 'outside')))
  .map((drawn) => {
    const entry = (at: number): string => {
      const one = drawn[at];
      if (!one) return '';
      const outside = one.roles.every((role) => roles[role].process === 'outside');
      const used = drawn[(one.uses ?? 0) % drawn.length];
      const isServed = one.uses !== undefined && used && serviceKinds(effectiveRoles(used.roles)).length > 0;
      const uses = isServed && !outside ? `, uses: [h${drawn.indexOf(used)}]` : '';
      const own = outside ? '' : `, zone: ${one.zone}, preinstalled: ${one.preinstalled}${uses}`;
      return `  h${at}: { addresses: [10.0.0.${at + 1}], roles: [${one.roles.join()}]${own} }\n`;
    };
    const isOutside = (at: number): boolean =>
      drawn[at]?.roles.every((role) => roles[role].process === 'outside') ?? false;
    const places = drawn.map((_, at) => at);
    const hosts = places
      .filter((at) => !isOutside(at))
      .map(entry)
      .join('');
    const neighbours = places.filter(isOutside).map(entry).join('');
    return `name: t\nzones: { a: {}, b: {}, home: { nat: true }, site: { nat: true } }\nhosts:\n${hosts}${neighbours === '' ? '' : `neighbours:\n${neighbours}`}`;
  });

function compatible(both: readonly (typeof roleNames)[number][]): boolean {
  const [first, second] = both;
  if (!first || !second) return true;
  const isMixed = (roles[first].process === 'outside') !== (roles[second].process === 'outside');
  return !isMixed && rolePlatforms(first).some((platform) => rolePlatforms(second).includes(platform));
}

test('a plan opens for each pair of hosts exactly what the contract has between them, once, and in the same order each time', () => {
  fc.assert(
    fc.property(
      anyTopology,
      fc.boolean(),
      fc.constantFrom('classic', 'outbound-only', 'single-port'),
      (text, includePlanned, dial) => {
        const given = parseTopology(text);
        const plan = planTopology(given, { includePlanned, dial });
        assert.deepEqual(planTopology(parseTopology(text), { includePlanned, dial }), plan);
        assert.equal(new Set(ids(plan)).size, plan.flows.length, 'ids are unique');
        const pairs = new Set<string>();
        for (const { from, to, transport, ports, channels: carried } of plan.flows) {
          assert.ok(ports.every(({ from: low, to: high }, at) => low <= high && low > (ports[at - 1]?.to ?? 0) + 1));
          for (const one of from)
            for (const other of to) {
              if (one === other) continue;
              assert.ok(one.managed || other.managed);
              for (const id of carried) {
                const pair = `${one.name} ${other.name.replace(/-.*/, '')} ${transport} ${id}`;
                assert.ok(!pairs.has(pair), `twice: ${pair}`);
                pairs.add(pair);
              }
            }
        }
        const applied = applyChannels(given, classify(given), { includePlanned, dial });
        const expected = new Set<string>();
        for (const {
          channel: { id, transport },
          from,
          to,
        } of applied.open)
          for (const one of from.hosts)
            for (const other of to.hosts)
              if (one !== other) expected.add(`${one.name} ${other.name} ${transport} ${id}`);
        assert.deepEqual([...pairs].sort(), [...expected].sort());
        const zoneOf = new Map(given.hosts.map((host) => [host.name, host.zone]));
        for (const pair of pairs) {
          const [one = '', other = ''] = pair.split(' ');
          assert.ok(!zoneOf.get(other)?.nat || zoneOf.get(one) === zoneOf.get(other), `${pair} dials in`);
        }
      },
    ),
    { seed: 20_261_121, numRuns: 200 },
  );
});
