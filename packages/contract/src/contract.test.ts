import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Deviation, deviations } from './deviations.ts';
import {
  type Channel,
  candidatePorts,
  certificateRoleOf,
  channel,
  channels,
  defaultPort,
  fallbacksOf,
  features,
  isOff,
  type PortRange,
  type Role,
  type Row,
  type RowId,
  roleNames,
  roles,
  rows,
} from './index.ts';
import { furtherOptions, isOnByDefault, optionIds } from './options.ts';
import { roleEntry } from './roles.ts';
import { findRow } from './rows.ts';

/** The size of the contract that was asked for. It changes only with the source documents. */
const expectedRows = 158;

function rowOf(id: RowId): Row {
  const row = findRow(id);
  assert.ok(row, `${id} is no row`);
  return row;
}

/** Every port of the ranges, so that ranges written differently compare equal. */
function portSet(ranges: readonly PortRange[]): Set<number> {
  return new Set(ranges.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, index) => from + index)));
}

function sameSet<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): boolean {
  return a.size === b.size && a.isSubsetOf(b);
}

/** The ports that a row asks for: its own, and those its listener may move up to. An open upper bound can't be met exactly. */
function rowPorts(row: Row): Set<number> {
  const ports = portSet(row.ports);
  if (row.increment)
    for (const port of portSet([{ from: row.increment.from, to: row.increment.to ?? 65_535 }])) ports.add(port);
  return ports;
}

function related(a: Role, b: Role): boolean {
  const covers = (general: Role, special: Role): boolean => roleEntry(special).is?.includes(general) ?? false;
  return a === b || covers(a, b) || covers(b, a);
}

/** The fields in which a channel and its rows differ. Transport and one-port-per-connection may not differ at all. */
function differences(entry: Channel): Set<Deviation['field']> {
  const mine = entry.rows.map(rowOf);
  const found = new Set<Deviation['field']>();
  const union = (end: 'from' | 'to'): Set<Role> => new Set(mine.flatMap((row) => [...row[end]]));
  if (!sameSet(new Set(entry.from), union('from')) || !sameSet(new Set(entry.to), union('to'))) found.add('roles');
  const asked = mine.reduce((ports, row) => ports.union(rowPorts(row)), new Set<number>());
  if (!sameSet(portSet(entry.ports), asked)) found.add('ports');
  if (mine.some((row) => (row.loopbackOnly ?? false) !== entry.loopbackOnly)) found.add('loopbackOnly');
  const hosts = (list: Channel['endpoints']): Set<string> =>
    new Set(list.map(({ host, region }) => `${host} ${region}`));
  if (!sameSet(hosts(entry.endpoints), hosts(mine.flatMap((row) => row.endpoints ?? [])))) found.add('endpoints');
  const optional = mine.every((row) => row.condition !== undefined);
  if ((entry.optional !== undefined) !== optional) found.add('optional');
  return found;
}

/** Pairs of roles that the channel joins although no row does: merging A to B with C to D must not open A to D. */
function strayPairs(entry: Channel): string[] {
  if (entry.loopbackOnly) return [];
  const mine = entry.rows.map(rowOf);
  const asked = (from: Role, to: Role): boolean =>
    mine.some((row) => row.from.some((role) => related(role, from)) && row.to.some((role) => related(role, to)));
  return entry.from.flatMap((from) => entry.to.filter((to) => !asked(from, to)).map((to) => `${from} to ${to}`));
}

const reference = channels.filter(({ origin }) => origin === 'reference');

test('the contract has exactly the rows that were asked for, each once', () => {
  assert.equal(rows.length, expectedRows);
  assert.equal(new Set(rows.map(({ id }) => id)).size, expectedRows);
});

test('every row is covered by exactly one channel, and channels name no row that does not exist', () => {
  const covered = channels.flatMap((entry) => entry.rows);
  assert.equal(covered.length, expectedRows);
  assert.deepEqual(new Set<string>(covered), new Set<string>(rows.map(({ id }) => id)));
});

test('channel ids are unique and are not names of roles', () => {
  assert.equal(new Set(channels.map(({ id }) => id)).size, channels.length);
  const names: ReadonlySet<string> = new Set(roleNames);
  assert.deepEqual(
    channels.filter(({ id }) => names.has(id)),
    [],
  );
  for (const { id } of channels) assert.match(id, /^[a-z0-9]+(-[a-z0-9]+)*$/);
});

test('every channel agrees with its rows, except where a deviation gives the reason', () => {
  for (const entry of reference) {
    const declared = new Set(deviations.filter((each) => each.channel === entry.id).map(({ field }) => field));
    assert.deepEqual([...differences(entry)].sort(), [...declared].sort(), entry.id);
  }
  for (const { settled, reason } of deviations) assert.ok(settled.length > 10 && reason.length > 10);
  const keys = deviations.map((each) => `${each.channel} ${each.field}`);
  assert.equal(new Set(keys).size, keys.length, 'one deviation a channel and field');
});

test('the comparison with the rows sees every kind of difference', () => {
  const good = channel('posix-agent-control');
  assert.deepEqual([...differences(good)], []);
  const bad: [Deviation['field'], Partial<Channel>][] = [
    ['roles', { from: ['agent-linux'] }],
    ['roles', { to: ['backup-server', 'gateway'] }],
    ['ports', { ports: [{ from: 10_006, to: 10_007 }] }],
    ['loopbackOnly', { loopbackOnly: true }],
    ['endpoints', { endpoints: [{ host: 'example.com' }] }],
    ['optional', { optional: { condition: 'never', options: [] } }],
  ];
  for (const [field, change] of bad) assert.deepEqual([...differences({ ...good, ...change })], [field]);
  assert.deepEqual(strayPairs({ ...good, to: ['backup-server', 'gateway'] }), [
    'agent-linux to gateway',
    'agent-unix to gateway',
    'agent-macos to gateway',
  ]);
});

test('no channel joins two roles that none of its rows joins', () => {
  for (const entry of reference) assert.deepEqual(strayPairs(entry), [], entry.id);
});

test('transport, increment and one port per connection are as the rows say', () => {
  for (const entry of reference) {
    for (const row of entry.rows.map(rowOf)) {
      assert.equal(entry.transport, row.transport, row.id);
      if (row.onePortPerConnection) assert.equal(entry.busy.kind, 'onePortPerConnection', row.id);
      if (row.increment) {
        assert.ok(entry.busy.kind === 'increment', row.id);
        assert.equal(entry.busy.sticky, row.increment.sticky, row.id);
      }
      if (row.customizable) assert.ok(entry.configurationKey, row.id);
      if (row.ports.length === 0) assert.ok(entry.configurationKey, row.id);
    }
  }
});

test('ports are valid, in order, and apart; a listener moves up to the last of them', () => {
  for (const entry of channels) {
    const ports = candidatePorts(entry);
    for (const { from, to } of entry.ports) assert.ok(1 <= from && from <= to && to <= 65_535, entry.id);
    assert.deepEqual(
      ports,
      [...new Set(ports)].sort((a, b) => a - b),
      entry.id,
    );
    assert.equal(defaultPort(entry), ports[0], entry.id);
    if (entry.busy.kind === 'increment') assert.equal(entry.busy.to, ports.at(-1), entry.id);
    if (entry.transport === 'local') assert.deepEqual(ports, [], entry.id);
  }
});

test('the doubtful ports are settled as designed', () => {
  const open = (id: Channel['id']): string =>
    channel(id)
      .ports.map(({ from, to }) => `${from}-${to}`)
      .join(' ');
  assert.equal(open('windows-agent-service'), '6184-6194');
  assert.deepEqual(channel('windows-agent-service').busy, { kind: 'increment', to: 6194, sticky: true });
  assert.equal(open('agent-local-api'), '6183-6183 6195-6204');
  assert.equal(open('agent-control-panel'), '9395-9404');
  assert.equal(open('agent-to-cloud-gateway'), '6180-6182');
  assert.equal(open('windows-agent-local-data'), '2500-3500');
  assert.equal(open('agent-local-data'), '2500-3300');
  assert.equal(open('agent-to-mover-data'), '2500-3300');
  assert.equal(candidatePorts(channel('agent-to-mover-data')).length, 800, 'all but 3260, which is the mount server');
  assert.ok(isOff('agent-to-windows-gateway-smb-udp'));
  assert.equal(open('agent-to-windows-gateway-smb-udp'), '');
  assert.ok(channels.every((entry) => entry.transport !== 'udp' || !candidatePorts(entry).includes(445)));
});

test('the declared fallbacks are there, and none leads back to itself', () => {
  const standIns = (id: Channel['id']): string[] => fallbacksOf(id).map((entry) => entry.id);
  assert.deepEqual(standIns('agent-to-mover-data'), ['agent-to-mover-transport', 'agent-to-mover-data-overflow']);
  assert.deepEqual(standIns('server-to-agent-data'), ['server-to-agent-transport']);
  assert.deepEqual(standIns('server-to-agent-transport'), ['posix-agent-control']);
  assert.deepEqual(standIns('windows-agent-service'), ['windows-agent-control']);
  assert.deepEqual(standIns('server-to-windows-agent-setup'), ['server-to-windows-agent-setup-alternate']);
  assert.deepEqual(standIns('server-to-linux-agent-setup'), [
    'server-to-linux-agent-setup-alternate',
    'server-to-linux-agent-ssh',
  ]);
  for (const entry of channels.filter(({ ports }) => ports.some(({ from }) => from === 6160)))
    assert.ok(
      fallbacksOf(entry.id).some(({ ports }) => defaultPort({ ...entry, ports }) === 11_731),
      entry.id,
    );
  assert.deepEqual(standIns('agent-to-crl-http'), ['agent-to-crl-https']);
  assert.deepEqual(standIns('client-to-server'), ['client-to-server-alternate']);
  for (const start of channels) {
    const seen = new Set<Channel['id']>();
    for (let at: Channel | undefined = start; at; at = at.fallbackOf && channel(at.fallbackOf)) {
      assert.ok(!seen.has(at.id), start.id);
      seen.add(at.id);
    }
  }
});

test('every channel says what it is for and what stops without it; an own one says why it exists', () => {
  for (const entry of channels) {
    assert.ok(entry.purpose.length > 10, entry.id);
    assert.equal(entry.features.length === 0, isOff(entry.id), entry.id);
    assert.equal(entry.origin === 'own', entry.reason !== undefined, entry.id);
    assert.equal(entry.origin === 'own', entry.rows.length === 0, entry.id);
  }
  assert.deepEqual(new Set<string>(channels.flatMap((entry) => [...entry.features])), new Set(Object.keys(features)));
});

test('what a topology turns on decides every condition, and only the channel that is off has none', () => {
  for (const entry of channels)
    if (entry.optional) assert.equal(entry.optional.options.length === 0, isOff(entry.id), entry.id);
  const decisive = new Set<string>(channels.flatMap((entry) => entry.optional?.options ?? []));
  for (const id of Object.keys(furtherOptions)) assert.ok(decisive.has(id), `${id} decides nothing`);
  for (const id of optionIds)
    if (!isOnByDefault(id)) assert.ok(decisive.has(id) || id === 'previous-agents', `${id} is off for nothing`);
});

test('every role has something to do, and every general role that a role claims exists', () => {
  const used = new Set<Role>(channels.flatMap((entry) => [...entry.from, ...entry.to]));
  assert.deepEqual([...used].sort(), [...roleNames].sort());
  const names: ReadonlySet<string> = new Set(roleNames);
  for (const role of roleNames) for (const general of roleEntry(role).is ?? []) assert.ok(names.has(general), role);
});

test('each port of our services belongs to one program on a computer', () => {
  const owners = new Map([
    [6160, 'deployer'],
    [11_731, 'deployer'],
    [6162, 'mover'],
    [3260, 'mount-server'],
    [9380, 'distributor'],
    [10_001, 'server'],
    [10_002, 'server'],
    [10_005, 'server'],
    [10_006, 'server'],
  ]);
  const seen = new Set<number>();
  for (const entry of channels)
    for (const port of candidatePorts(entry)) {
      const owner = owners.get(port);
      if (owner === undefined) continue;
      seen.add(port);
      assert.deepEqual(entry.processes.to, [owner], `${entry.id} on ${port}`);
    }
  assert.deepEqual(seen, new Set(owners.keys()));
});

test('the certificates at the ends of a channel are those of the programs there', () => {
  const ends = (id: Channel['id']): Channel['certificates'] => channel(id).certificates;
  assert.deepEqual(ends('windows-agent-service'), { from: ['server'], to: ['agent'] });
  assert.deepEqual(ends('posix-agent-control'), { from: ['agent'], to: ['server'] });
  assert.deepEqual(ends('server-to-mover'), { from: ['server'], to: ['mover'] });
  assert.deepEqual(ends('agent-to-mover-transport'), { from: ['agent'], to: ['mover'] });
  assert.deepEqual(ends('server-to-agent-data').from, ['mover']);
  assert.deepEqual(ends('mover-to-agent-transport').to, ['mover']);
  assert.deepEqual(ends('agent-to-smb-share'), { from: [], to: [] });
  assert.deepEqual(ends('client-to-server'), { from: ['machine', 'agent', 'mover'], to: ['server'] });
  for (const entry of channels)
    if (entry.security === 'mutual-tls') {
      assert.ok(entry.certificates.from.length > 0 && entry.certificates.to.length > 0, entry.id);
      assert.ok(!entry.processes.to.includes('outside'), entry.id);
    }
  assert.equal(certificateRoleOf[roles['repository-linux'].process], 'mover');
});
