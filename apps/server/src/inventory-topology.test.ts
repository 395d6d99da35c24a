import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTopology } from '@holdfast/contract/topology';
import { topologyDocument } from '@holdfast/contract/topology/schema';
import { temporaryFolder } from '@holdfast/core/testing';
import type { TenantScope } from './catalogue/catalogue.ts';
import { inventoryTopology } from './inventory-topology.ts';
import { testCatalogue } from './testing/test-database.ts';
import { TestServer } from './testing/test-server.ts';

const own = { hostname: 'srv', platform: 'linux', addresses: ['10.0.0.1', 'fe80::1', '2001:db8::1'] } as const;
const listening = [
  { channel: 'client-to-server', host: '0.0.0.0', port: 8443 },
  { channel: 'posix-agent-control', host: '0.0.0.0', port: 10_006 },
];

let made = 0;

interface Drawn {
  readonly role: 'agent' | 'mover';
  readonly hostname: string;
  readonly address: string;
  readonly platform?: string;
  readonly groupName?: string;
  readonly portsJson?: string;
  readonly revokedAt?: string;
  readonly preinstalled?: number;
}

async function add(scope: TenantScope, drawn: Drawn): Promise<string> {
  made += 1;
  const id = crypto.randomUUID();
  await scope.query
    .insertInto('computers')
    .values({
      id,
      groupName: 'berlin',
      platform: 'linux',
      productVersion: '1',
      portsJson: '{}',
      certificateSerial: '00',
      certificateFingerprint: 'f',
      certificateExpiresAt: '2026',
      enrolledAt: `2026-${made}`,
      ...drawn,
    })
    .execute();
  return id;
}

async function backup(scope: TenantScope, agentId: string, moverId: string): Promise<void> {
  const repositoryId = moverId;
  const known = await scope.query.selectFrom('repositories').select('id').where('id', '=', repositoryId).execute();
  if (known.length === 0)
    await scope.query
      .insertInto('repositories')
      .values({ id: repositoryId, name: repositoryId, moverId, location: '/', sealedPassword: 's', createdAt: '2026' })
      .execute();
  const settings = {
    name: 'j',
    computers: [agentId],
    scope: { kind: 'folders', paths: ['/'] },
    target: { kind: 'shared', repositoryId },
  };
  await scope.query
    .insertInto('jobs')
    .values({
      id: `job-${agentId}`,
      groupName: 'berlin',
      name: settings.name,
      enabled: 1,
      settingsJson: JSON.stringify(settings),
      createdAt: '2026',
      changedAt: '2026',
      scheduledUntil: '2026',
    })
    .execute();
}

test('the inventory is a topology that can be planned: computers, groups, targets of jobs, ports of their own', async (t) => {
  const catalogue = await testCatalogue('topology');
  t.after(() => catalogue[Symbol.asyncDispose]());
  const scope = catalogue.tenant('local');
  const store = await add(scope, {
    role: 'mover',
    hostname: 'store',
    address: '10.0.0.2',
    portsJson: '{"server-to-mover":6262}',
  });
  await add(scope, { role: 'mover', hostname: 'srv', address: '10.0.0.1' });
  const web = await add(scope, { role: 'agent', hostname: 'web', address: '10.0.0.3' });
  await add(scope, { role: 'mover', hostname: 'web', address: '10.0.0.3' });
  const db = await add(scope, { role: 'agent', hostname: 'db', address: '10.0.0.4', preinstalled: 1 });
  const ownTarget = await add(scope, { role: 'mover', hostname: 'db', address: '10.0.0.4' });
  await add(scope, {
    role: 'agent',
    hostname: 'pc 1',
    address: '10.0.0.5',
    platform: 'win32',
    groupName: 'store',
    portsJson: '{"windows-agent-service":6187}',
  });
  await add(scope, { role: 'agent', hostname: 'web', address: '10.0.0.6' });
  await add(scope, { role: 'agent', hostname: 'gone', address: '10.0.0.7', revokedAt: '2026' });
  await backup(scope, web, store);
  await backup(scope, db, ownTarget);

  const document = await inventoryTopology(scope, { listening, name: 'fleet', computer: own });
  const zone = 'berlin';
  assert.deepEqual(document, {
    name: 'fleet',
    zones: { backup: {}, berlin: {}, store: {} },
    hosts: {
      srv: {
        zone: 'backup',
        addresses: ['10.0.0.1', '2001:db8::1'],
        os: 'linux',
        roles: ['backup-server', 'repository-linux'],
        ports: { 'client-to-server': 8443 },
      },
      'store-2': {
        zone,
        addresses: ['10.0.0.2'],
        os: 'linux',
        roles: ['repository-linux'],
        ports: { 'server-to-mover': 6262 },
      },
      web: { zone, addresses: ['10.0.0.3'], os: 'linux', roles: ['agent-linux'], uses: ['store-2'] },
      db: {
        zone,
        addresses: ['10.0.0.4'],
        os: 'linux',
        roles: ['agent-linux', 'data-mover'],
        uses: ['db'],
        preinstalled: true,
      },
      'pc-1': { zone: 'store', addresses: ['10.0.0.5'], os: 'windows', roles: ['agent-windows'] },
      'web-2': { zone, addresses: ['10.0.0.6'], os: 'linux', roles: ['agent-linux'] },
    },
  });
  assert.ok(topologyDocument.safeParse(document).success);
  assert.equal(parseTopology(JSON.stringify(document)).hosts.length, 6);
});

test('the API gives the inventory; a server that is reached on its own computer only has no address for others', async (t) => {
  const server = await TestServer.start(temporaryFolder(t));
  t.after(() => server[Symbol.asyncDispose]());
  await server.enrol({ token: await server.joinToken('agent'), role: 'agent' });
  const { hosts } = await server.client.call('topology', {});
  assert.deepEqual(hosts?.['test-host'], { zone: 'default', os: 'linux', roles: ['agent-linux'] });
  assert.equal(Object.values(hosts ?? {}).filter(({ roles }) => roles.includes('backup-server')).length, 1);
});
