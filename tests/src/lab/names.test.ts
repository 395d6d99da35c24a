import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { planTopology } from '@holdfast/contract/plan';
import { parseTopology } from '@holdfast/contract/topology';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { type LabHost, LabNetwork, NameServers, nameServerPlacesOf, placesOf, type RunReport } from '@holdfast/lab';
import { waitUntil } from '../system/one-computer.ts';
import { holdfastProgram, labNeeds } from './lab-needs.ts';
import { loadPlannedRules } from './planned-rules.ts';
import { makeSource } from './three-computers.ts';

/** Computers that know each other by name, with a name server between them and exactly the planned rules. */

const plan = planTopology(
  parseTopology(`name: names
zones:
  centre: { addresses: [10.1.0.0/16] }
hosts:
  server: { zone: centre, addresses: [10.1.0.10], names: [server.example.com], roles: [backup-server] }
  store: { zone: centre, addresses: [10.1.0.11], names: [store.example.com], roles: [repository-linux] }
  web: { zone: centre, addresses: [10.1.1.21], roles: [agent-linux], preinstalled: true, uses: [store] }
neighbours:
  dns: { addresses: [10.1.0.53], roles: [dns-server] }
`),
);
/** Packets that the rules of a computer have let out to the name server. */
function asked({ namespace }: LabHost, transport: 'tcp' | 'udp'): number {
  const rule = new RegExp(`daddr 10\\.1\\.0\\.53 ${transport} dport 53 counter packets (\\d+)`);
  return Number(rule.exec(namespace.readNft('list', 'chain', 'inet', 'holdfast', 'output'))?.[1]);
}

test('names come from a name server', { skip: labNeeds || skipUnless({ programs: ['dnsmasq'] }) }, async (t) => {
  const places = [...placesOf(plan), ...nameServerPlacesOf(plan)];
  const network = LabNetwork.build(places, { folder: temporaryFolder(t), program: holdfastProgram });
  t.after(() => network[Symbol.asyncDispose]());
  const [server, store, web] = [network.host('server'), network.host('store'), network.host('web')];
  await loadPlannedRules(network, plan);
  const nameServers = await NameServers.start(network, plan);
  t.after(() => nameServers[Symbol.asyncDispose]());

  const data = server.dataOf('server');
  const access = ['--token-file', join(data, 'admin-token'), '--cacert', join(data, 'ca.pem')];
  const admin = [...access, '--server', server.address, '--json'];
  const ask = async <Form>(...args: readonly string[]): Promise<Form> =>
    JSON.parse(await server.succeed([...args, ...admin])) as Form;
  /** Joins by the server's name. */
  const enrol = async (
    host: LabHost,
    role: 'agent' | 'mover',
    o: { readonly token?: readonly string[]; readonly enroll?: readonly string[] },
  ): Promise<void> => {
    type Invitation = { readonly token: string; readonly caFingerprint: string };
    const made = await ask<Invitation>('token', 'create', '--role', role, ...(o.token ?? []));
    const place = ['--server', 'server.example.com', '--ca-fingerprint', made.caFingerprint];
    const args = ['enroll', '--role', role, '--token-file', '-', '--data', host.dataOf(role), ...place];
    await host.succeed([...args, ...(o.enroll ?? [])], { input: made.token });
  };
  const computers = async () =>
    (await ask<{ computers: { id: string; role: string; hostname: string; state: string }[] }>('computers', 'list'))
      .computers;

  await server.start('server', { bind: server.address });
  await enrol(store, 'mover', { enroll: ['--address', 'store.example.com'] });
  await store.start('mover', {
    bind: store.address,
    storageRoot: join(store.folder, 'repositories'),
    localSocket: join(store.folder, 'm.sock'),
  });
  await enrol(web, 'agent', { token: ['--preinstalled'] });
  await web.start('agent', { bind: web.address });
  await waitUntil('both are seen', async () => (await computers()).every(({ state }) => state === 'online'));
  const idOf = async (name: string): Promise<string> =>
    (await computers()).find(({ hostname }) => hostname === name)?.id ?? '';

  await t.test('the server resolves the names of the computers that it dials over UDP 53', () => {
    assert.match(nameServers.log, /query\[A\] store\.example\.com from 10\.1\.0\.10\b/);
    assert.ok(asked(server, 'udp') > 0);
  });

  await t.test('what does not fit into an answer over UDP the server asks for over TCP 53', () => {
    assert.ok(asked(server, 'tcp') > 0);
  });

  await server.succeed(['repo', 'create', 'at-store', '--mover', await idOf('store'), ...admin]);
  const job = [
    'job',
    'create',
    'web',
    makeSource(web),
    '--agent',
    await idOf('web'),
    '--repository',
    'at-store',
    '--retries',
    '0',
  ];
  await server.succeed([...job, ...admin]);

  await t.test('a computer resolves the names of its server and of its repository', async () => {
    const { run } = await ask<{ run: RunReport }>('job', 'run', 'web');
    assert.equal(run.state, 'succeeded', JSON.stringify(run));
    assert.match(nameServers.log, /query\[A\] server\.example\.com from 10\.1\.1\.21\b/);
    assert.match(nameServers.log, /query\[A\] store\.example\.com from 10\.1\.1\.21\b/);
    assert.ok(asked(web, 'udp') > 0 && asked(web, 'tcp') > 0);
  });

  await t.test('without the name server a run fails, and the error says which name and what to do', async () => {
    await loadPlannedRules(network, { ...plan, flows: plan.flows.filter(({ transport }) => transport !== 'udp') });
    // What is connected already needs no name.
    await store.process('mover').kill();
    const ended = await server.holdfast(['job', 'run', 'web', ...admin]);
    const { run } = JSON.parse(ended.stdout) as { run: RunReport };
    assert.equal(run.state, 'failed');
    assert.equal(run.error?.code, 'channel.name');
    assert.match(run.error.message, /store\.example\.com/);
    assert.match(run.error.guidance, /DNS.*host-to-dns/);
  });
});
