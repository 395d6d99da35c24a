import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planTopology } from '@holdfast/contract/plan';
import { parseTopology } from '@holdfast/contract/topology';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import { fleetOf } from '../port-checks/fleet.ts';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer, until } from '../testing/test-server.ts';
import { type EndedCheck, networkMap } from './network-map.ts';

test('the map has what the plan opens, with what was used and checked; other topologies are tried out and rendered', async (t) => {
  await using server = await TestServer.start(temporaryFolder(t));
  const port = await freePort();
  const joined = await server.join('mover', { ports: { 'server-to-mover': port }, group: 'stores' });
  await using mover = new TestMover(joined, { port });
  await mover.listen();
  const ids: string[] = [];
  for (const last of [1, 2, 3]) {
    const { id } = (await server.join('agent', { group: 'desks' })).answer;
    ids.push(id);
    await server.alterDatabase(
      `update "computers" set "hostname" = 'desk-${last}', "address" = '10.0.0.${last}' where "id" = '${id}'`,
    );
  }
  const repository = await server.client.call('createRepository', { body: { name: 'books', moverId: mover.id } });
  await server.client.call('createJob', {
    body: {
      ...{ name: 'j', computers: ids, scope: { kind: 'folders', paths: ['/a'] } },
      target: { kind: 'shared', repositoryId: repository.id },
    },
  });

  await server.alterDatabase(
    `update "computers" set "hostname" = 'store', "address" = '10.0.1.1' where "id" = '${mover.id}'`,
  );

  const map = await server.client.call('networkMap', {});
  const desks = map.nodes.find(({ zone }) => zone === 'desks') ?? assert.fail(map.notes.join('\n'));
  assert.deepEqual([desks.count, desks.managed, desks.roles], [3, true, ['agent-linux']]);
  assert.deepEqual(new Set(desks.hosts.flatMap(({ computerIds }) => computerIds)), new Set(ids));
  const known = new Set(map.nodes.map(({ id }) => id));
  for (const { from, to } of map.flows) for (const end of [...from, ...to]) assert.ok(known.has(end), end);
  const control =
    map.flows.find(({ channels }) => channels.some(({ id }) => id === 'posix-agent-control')) ?? assert.fail();
  assert.ok(control.from.includes(desks.id) && control.rows.length > 0 && control.reasons.length > 0);
  assert.ok(control.features.every(({ id }) => map.features.some((feature) => feature.id === id)));
  const tells = map.flows.find(({ channels }) => channels.some(({ id }) => id === 'server-to-mover'));
  assert.equal(tells?.fromHosts, 1);

  // With one more computer, and one less.
  const topology = await server.client.call('topology', {});
  const gone = desks.hosts[0]?.name ?? '';
  const all = Object.entries(topology.hosts ?? {});
  const hosts = Object.fromEntries(
    all.map(([name, host]) => (name === gone ? ['new-1', { ...host, addresses: ['10.0.0.9'] }] : [name, host])),
  );
  const asked = { topology: { ...topology, hosts } };
  const { added, removed } = await server.client.call('whatIf', { body: asked });
  const ends = (changes: typeof added) => new Set(changes.flatMap(({ from, to }) => [...from, ...to]));
  assert.ok(ends(added).has('new-1') && !ends(added).has(gone));
  assert.ok(ends(removed).has(gone) && !ends(removed).has('new-1'));
  const same = await server.client.call('whatIf', { body: { topology } });
  assert.deepEqual([same.added, same.removed], [[], []]);

  const { renderers } = await server.client.call('renderers', {});
  assert.ok(renderers.length > 10);
  for (const format of ['nftables', 'change-request-markdown'].filter((id) =>
    renderers.some((each) => each.id === id),
  )) {
    const { files } = await server.client.call('renderPlan', { body: { format, ...asked } });
    const text = files.map(({ base64 }) => Buffer.from(base64, 'base64').toString('utf8')).join('\n');
    assert.match(text, /10\.0\.0\.9/, format);
  }
  await assert.rejects(server.client.call('renderPlan', { body: { format: 'none' } }), { code: 'request.invalid' });

  const { id } = await server.client.call('createPortCheck', { body: { hosts: ['desk-1'] } });
  await until(
    async () => (await server.client.call('portCheck', { params: { id } })).endedAt !== undefined,
    'the check',
  );
  const checked = await server.client.call('networkMap', {});
  assert.equal(checked.check?.id, id);
  const results = checked.flows.flatMap(({ check }) => check ?? []);
  assert.ok(results.length > 0 && results.every(({ checkId, outcome }) => checkId === id && outcome !== 'open'));
  assert.ok(results.some(({ causes }) => causes.length > 0));

  // One opening alone: of the others it is known what was found before.
  const [first, ...others] = checked.flows.filter(({ check }) => check);
  assert.ok(first && others.length > 0);
  const one = await server.client.call('createPortCheck', { body: { flows: [first.id] } });
  await until(
    async () => (await server.client.call('portCheck', { params: { id: one.id } })).endedAt !== undefined,
    'the check of one opening',
  );
  const again = await server.client.call('networkMap', {});
  assert.deepEqual(
    new Map(again.flows.flatMap(({ id: flow, check }) => (check ? [[flow, check.checkId]] : []))),
    new Map(
      checked.flows.flatMap(({ id: flow, check }) =>
        check ? [[flow, flow === first.id ? one.id : check.checkId]] : [],
      ),
    ),
  );
  await assert.rejects(server.client.call('createPortCheck', { body: { flows: ['a>b:tcp/1'] } }), {
    code: 'request.missing',
  });
});

test('an opening tells of the check that found its outcome, not of a newer one between other computers', () => {
  const web = (last: number) => ({ zone: 'z', addresses: [`10.0.1.${last}`], roles: ['agent-linux'] });
  const srv = { zone: 'z', addresses: ['10.0.0.1'], roles: ['backup-server'] };
  const plan = planTopology(
    parseTopology(JSON.stringify({ name: 't', zones: { z: {} }, hosts: { srv, 'web-1': web(1), 'web-2': web(2) } })),
  );
  const flow = plan.flows.find(({ from, to }) => from.length === 1 && to.length === 2) ?? assert.fail();
  const found = (to: string, outcome: 'failed' | 'open') => ({
    ...{
      from: 'srv',
      to,
      outcome,
      flow: flow.id,
      tried: 1,
      channels: [],
      diagnoses: [],
      reason: `${to} is ${outcome}`,
    },
  });
  const check = (id: string, ...results: readonly ReturnType<typeof found>[]) => ({
    id,
    endedAt: `ended ${id}`,
    results,
  });
  const newer = check('newer', found('web-2', 'open'));
  const outcomes = (older: EndedCheck) => {
    const known = {
      fleet: fleetOf(plan, []),
      zones: [],
      check: undefined,
      audit: undefined,
      reportOf: () => undefined,
    };
    const ownReport = () => ({ process: 'server' as const, since: '', traffic: [], refusals: [] });
    const map = networkMap(plan, { ...known, ownReport, endedChecks: [newer, older] });
    return map.flows.find(({ id }) => id === flow.id)?.check;
  };
  const older = check('older', found('web-1', 'failed'), found('web-2', 'failed'));
  assert.deepEqual(outcomes(older), {
    ...{ checkId: 'older', at: 'ended older', outcome: 'failed', causes: ['web-2 is open', 'web-1 is failed'] },
  });
  assert.equal(outcomes(check('older', found('web-1', 'open')))?.checkId, 'newer');
});

test('a topology that would hold up the server is refused, and a part of it is not', async (t) => {
  await using server = await TestServer.start(temporaryFolder(t));
  const { client } = server;
  const hostsOf = (count: number, more: (at: number) => object) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, at) => [
        `h${at}`,
        {
          ...{ zone: 'a', addresses: [`10.1.${at >> 8}.${at & 255}`] },
          roles: ['agent-linux' as const, 'repository-linux' as const, ...(at === 0 ? ['backup-server' as const] : [])],
          ...more(at),
        },
      ]),
    );
  const refused = { code: 'internal.limit' };
  const topology = { name: 'many', zones: { a: {} }, hosts: hostsOf(1_500, () => ({})) };
  // Each opens to each: few flows, and millions of rules.
  await assert.rejects(client.call('renderPlan', { body: { format: 'nftables', topology } }), refused);
  await assert.rejects(client.call('whatIf', { body: { topology } }), refused);
  const one = await client.call('renderPlan', { body: { format: 'nftables', topology, host: 'h5' } });
  assert.deepEqual(
    one.files.map(({ path }) => path),
    ['h5.nft'],
  );
  // No two are alike, and each is looked at with each, though all use but one.
  const differing = hostsOf(2_000, (at) => ({
    uses: ['h0'],
    ports: { 'agent-to-mover-data': `${2500 + (at % 700)}-${3300 - Math.floor(at / 700)}` },
  }));
  await assert.rejects(client.call('whatIf', { body: { topology: { ...topology, hosts: differing } } }), refused);
  // No two use the same: as many flows as there are pairs.
  const choosing = hostsOf(600, (at) => ({
    uses: Array.from({ length: 100 }, (_, each) => `h${(at + each * 5) % 600}`),
    ports: { 'agent-to-mover-data': `${2500 + (at % 700)}-3300` },
  }));
  await assert.rejects(client.call('whatIf', { body: { topology: { ...topology, hosts: choosing } } }), refused);
});
