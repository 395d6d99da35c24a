import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import { parseTopology } from '../topology/index.ts';
import { compareDialStyles, diffPlans, explainOpening, parsePlace, planTopology, whatIfClosed } from './index.ts';

const text = `name: t
zones: { a: {}, home: { nat: [203.0.113.9] } }
hosts:
  srv: { zone: a, addresses: [10.0.0.1], names: [srv.example.com], roles: [backup-server] }
  store: { zone: a, addresses: [10.0.0.2, "2001:db8::2"], roles: [repository-linux] }
  web: { zone: a, addresses: [10.0.0.3], roles: [agent-linux] }
  pc: { zone: a, addresses: [10.0.0.4], roles: [agent-windows] }
  laptop: { zone: home, addresses: [192.168.1.5], roles: [agent-linux] }
allow:
  - { name: ssh, from: [198.51.100.0/24], to: [store], ports: [tcp/22], reason: maintenance }
`;
const topology = parseTopology(text);
const plan = planTopology(topology);
const place = (where: string) => parsePlace(where, plan.hosts);

test('a place is a host, by any of its names and addresses, and a port or a range', () => {
  for (const where of ['srv:443', 'SRV:443', 'srv.example.com:443', '10.0.0.1:443'])
    assert.equal(place(where).host.name, 'srv');
  for (const where of ['[2001:db8::2]:6162', '[2001:DB8:0::2]:6162', '2001:db8::2:6162'])
    assert.equal(place(where).host.name, 'store');
  const fleet = { ...place('srv:1').host, name: 'fleet', addresses: ['10.0.0.0/8', '10.9.0.0/16'] };
  assert.equal(parsePlace('10.9.1.2:22', [fleet, ...plan.hosts]).host.name, 'fleet');
  assert.equal(parsePlace('10.0.0.1:443', [fleet, ...plan.hosts]).host.name, 'srv');
  assert.deepEqual(place('store:2500-3300').range, { from: 2500, to: 3300 });
  for (const [where, says] of [
    ['srvx:443', /no host srvx in the topology. Did you mean srv\?/],
    ['srv', /no HOST:PORT/],
    ['srv:0', /whole number from 1 to 65535/],
    ['srv:http', /whole number/],
    ['srv:80.5', /whole number/],
    ['srv:0x50', /whole number/],
    ['10.0.0.77:443', /no host 10\.0\.0\.77/],
  ] as const)
    assert.throws(
      () => place(where),
      (error) => error instanceof HoldfastError && error.code === 'usage.option' && says.test(error.message),
    );
});

test('why a port is open: peers as the host sees them, channels, rows, and what stops', () => {
  const { openings } = explainOpening(plan, place('srv:10006'));
  const control = openings.find(({ flow }) => flow.channels.includes('posix-agent-control'));
  assert.deepEqual(
    control?.peers.map(({ name }) => name),
    ['web', 'home-outside'],
  );
  const [held] = control?.channels ?? [];
  assert.equal(held?.channel.id, 'posix-agent-control');
  assert.deepEqual(
    held?.rows.map(({ id }) => id),
    ['linux-agent-to-server.control'],
  );
  assert.ok(held?.stops.includes('the agent receives its policy and reports back'));
  const [ssh] = explainOpening(plan, place('store:22')).openings;
  assert.deepEqual(ssh?.flow.reasons, ['maintenance']);
  const closed = explainOpening(plan, place('web:9380'));
  assert.deepEqual(closed.openings, []);
  assert.ok(closed.others.some(({ id }) => id === 'server-to-distributor'));
});

test('two plans differ in the openings of the hosts that came, went or moved', () => {
  const shown = (one: string, other: string): string[] => {
    const { added, removed } = diffPlans(planTopology(parseTopology(one)), planTopology(parseTopology(other)));
    const line =
      (sign: string) =>
      (change: (typeof added)[number]): string =>
        `${sign} ${change.from.map(({ name }) => name).join()} ${change.to.map(({ name }) => name).join()} ${change.flow.ports[0]?.from}`;
    return [...removed.map(line('-')), ...added.map(line('+'))];
  };
  assert.deepEqual(shown(text, text), []);
  assert.deepEqual(shown(text, text.replace('allow:', 'features: { full-speed-data: false }\nallow:')), [
    '- web,pc,laptop store 2500',
  ]);
  const more = text.replace('  laptop', '  db: { zone: a, addresses: [10.0.0.9], roles: [agent-linux] }\n  laptop');
  const added = ['+ srv db 6162', '+ db srv 10006', '+ db store 6162', '+ db store 2500'];
  assert.deepEqual(shown(text, more), added);
  assert.deepEqual(
    shown(more, text),
    added.map((line) => line.replace('+', '-')),
  );
  const moved = shown(text, text.replace('10.0.0.2', '10.0.0.22'));
  assert.ok(moved.includes('- srv store 6162') && moved.includes('+ srv store 6162'), moved.join('\n'));
  assert.ok(
    moved.every((line) => line.includes('store')),
    moved.join('\n'),
  );
});

test('what closing a port stops, and what goes on over which channel', () => {
  const effects = (where: string): string[] =>
    whatIfClosed(topology, place(where)).map(
      ({ channel, from, stopped, covered, standIns }) =>
        `${channel.id} from ${from.join()}: stops ${stopped.join()}; ${covered.join()} over ${standIns.map(({ id }) => id).join()}`,
    );
  assert.deepEqual(effects('web:6162'), [
    'server-to-agent-transport from srv: stops ; managed-backup,managed-restore over posix-agent-control',
    'server-to-mover from srv: stops mover-management;  over ',
  ]);
  assert.deepEqual(effects('store:2500-3300'), [
    'agent-to-mover-data from web,pc,laptop: stops ; full-speed-data over agent-to-mover-transport',
  ]);
  assert.deepEqual(effects('store:2600'), effects('store:2500-3300'));
  // The port that would carry the data is closed as well.
  assert.deepEqual(effects('store:2500-6162'), [
    'agent-to-mover-transport from web,pc,laptop: stops agent-backup,agent-restore;  over ',
    'agent-to-mover-data from web,pc,laptop: stops full-speed-data;  over ',
    'server-to-mover from srv: stops mover-management;  over ',
  ]);
  // The server dials web itself; laptop it reaches only by the connection that this one holds.
  assert.deepEqual(effects('srv:10006').slice(0, 2), [
    'posix-agent-control from web: stops agent-policy;  over ',
    'posix-agent-control from laptop: stops agent-policy,managed-backup,managed-restore;  over ',
  ]);
  assert.deepEqual(effects('web:443'), []);
});

test('ways of dialling compared: fewer openings, and what each costs', () => {
  const [classic, outbound, single] = compareDialStyles(topology);
  assert.ok(classic && outbound && single);
  assert.deepEqual([classic.isChosen, outbound.isChosen, single.isChosen], [true, false, false]);
  assert.ok(classic.incomingRules > outbound.incomingRules && outbound.incomingRules > single.incomingRules);
  assert.ok(classic.openPorts > outbound.openPorts && outbound.openPorts > 800 && single.openPorts < 20);
  assert.deepEqual(classic.degraded, ['managed-backup', 'managed-restore'], 'for the computer behind NAT');
  assert.deepEqual([classic.stopped, outbound.stopped, single.stopped], [[], [], []]);
  assert.deepEqual(single.degraded, ['managed-backup', 'managed-restore', 'full-speed-data']);
});
