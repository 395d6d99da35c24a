import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTopologyJson } from '@holdfast/contract/topology';
import type { Host } from '@holdfast/contract/topology/schema';
import { hasCode } from '@holdfast/core';
import { parseInventory } from './parse-inventory.ts';

const agent = (place: Partial<Host>): Host => ({ zone: 'z', os: 'linux', roles: ['agent-linux'], ...place });
const store = (place: Partial<Host>): Host => ({ zone: 'z', os: 'linux', roles: ['repository-linux'], ...place });
const srv: Host = { zone: 'z', addresses: ['10.0.0.1'], roles: ['backup-server'] };
const parse = (hosts: Record<string, Host>) => parseInventory({ name: 'f', zones: { z: {} }, hosts }, readTopologyJson);

test('what one computer says of itself leaves out that computer, and nobody else', () => {
  const { topology, leftOut } = parse({
    srv,
    store: store({ addresses: ['10.0.0.2'] }),
    'port-below': store({ addresses: ['10.0.0.3'], ports: { 'server-to-mover': 0 } }),
    'port-taken': store({ addresses: ['10.0.0.4'], ports: { 'server-to-mover': 2500 } }),
    'port-of-none': agent({ addresses: ['10.0.0.5'], ports: { 'client-to-server': 6000 } }),
    web: agent({ addresses: ['10.0.0.6'], uses: ['store', 'twin'] }),
    'same-router': agent({ addresses: ['10.0.0.6'], uses: ['store'] }),
    'nowhere-1': agent({ uses: ['store'] }),
    twin: store({ addresses: ['10.0.0.2'] }),
    'twin-user': agent({ addresses: ['10.0.0.7'], uses: ['twin'] }),
    named: agent({ names: ['not a name'] }),
  });
  assert.deepEqual(topology.hosts.map(({ name }) => name).toSorted(), [
    ...['port-below', 'port-of-none', 'port-taken', 'srv', 'store', 'web'],
  ]);
  const ports = 'its ports are taken to be those of the contract: ';
  const reasons = leftOut.map(({ name, reason }) => `${name}: ${reason}`).toSorted();
  assert.deepEqual(reasons, [
    'named: name: this is not a DNS name',
    "nowhere-1: addresses is missing: rules need nowhere-1's",
    `port-below: ${ports}0: a port is a whole number from 1 to 65535, or a range such as "2500-2600"`,
    `port-of-none: ${ports}nothing here listens along client-to-server. \`holdfast ports list --role agent-linux\` prints the channels`,
    `port-taken: ${ports}tcp port 2500 collides with agent-to-mover-data (2500-3300) on this host`,
    'same-router: 10.0.0.6 belongs to web already',
    'twin-user: no plan can have what it uses: twin',
    'twin: 10.0.0.2 belongs to store already',
  ]);
});

test('an inventory whose server cannot be planned, or with too many mistakes, is refused', () => {
  const refused = (error: unknown): boolean =>
    hasCode(error, 'topology.invalid') && error.message.startsWith('The inventory of the server');
  assert.throws(() => parse({ srv: { ...srv, addresses: ['300.0.0.1'] } }), refused);
  const many = Array.from({ length: 400 }, (_, n) => [`a-${n}`, agent({ addresses: ['10.0.0.9'] })] as const);
  assert.throws(() => parse({ srv, ...Object.fromEntries(many) }), refused);
});
