import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHoldfastError } from '@holdfast/core';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import { limits, type Route, routes } from '@holdfast/protocol';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer } from '../testing/test-server.ts';

/** Everything that is kept for a tenant and can be named by an id, moved to another one without a word to the server. */
const tables = [
  ...[
    'tokenUses',
    'certificates',
    'computers',
    'joinTokens',
    'groups',
    'expectedComputers',
    'repositories',
    'snapshots',
    'ransomwareAlerts',
  ],
  ...['jobs', 'jobMembers', 'policyHandouts', 'sessions', 'runs', 'bandwidthRules', 'grants', 'recoveryTokens'],
  ...['accounts', 'credentials', 'secondFactors', 'recoveryCodes', 'approvals', 'oauthClients', 'serviceAccounts'],
];
const snapshotId = 'ab'.repeat(32);

test('no route shows, changes or starts anything of another tenant', async (t) => {
  await using server = await TestServer.start(temporaryFolder(t), { config: { people: { fourEyes: 'off' } } });
  const { client } = server;
  const port = await freePort();
  await using mover = new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port });
  await mover.listen();
  await server.haveGroup('theirs-g');
  const [agent, other] = [
    (await server.join('agent', { preinstalled: true, group: 'theirs-g' })).answer,
    (await server.join('agent', { preinstalled: true })).answer,
  ];
  const repository = await client.call('createRepository', { body: { name: 'theirs-r', moverId: mover.id } });
  const opens = new Date(Date.now() + 6 * 3_600_000).toISOString().slice(11, 13);
  const settings = (of: { readonly id: string }) => ({
    ...{ name: 'theirs-j', computers: [of.id], scope: { kind: 'folders' as const, paths: ['/srv'] } },
    target: { kind: 'shared' as const, repositoryId: repository.id },
    // Nothing is begun meanwhile.
    ...{ timeZone: 'UTC', windows: [{ from: `${opens}:00`, to: `${opens}:30` }] },
  });
  const job = await client.call('createJob', { body: settings(agent) });
  const policy = await client.call('createPolicy', { body: { ...settings(other), name: 'theirs-p' } });
  const session = await client.call('runJob', { params: { id: job.id }, body: {} });
  const [run = assert.fail()] = await server.runsOf(session.id);
  const rule = await client.call('createBandwidthRule', { body: { name: 'theirs-b', bytesPerSecond: 1_000_000 } });
  const grant = await client.call('repositoryGrant', { params: { id: repository.id }, body: { mode: 'read' } });
  const user = await server.person('theirs-u', 'auditor');
  const administrator = await server.person('theirs-a', 'administrator');
  const program = await client.call('createOauthClient', {
    body: { name: 'c', redirectUris: ['https://c.test/back'] },
  });
  const machine = await client.call('createServiceAccount', {
    body: { name: 'theirs-m', role: 'auditor', computerId: agent.id },
  });
  await server.alterDatabase(`update "repositories" set "initialisedAt" = "createdAt"`);
  await server.alterDatabase(
    `insert into "snapshots" ("tenant", "id", "repositoryId", "agentId", "hostname", "sourcesJson", "tagsJson", "takenAt",
     "totalFiles", "totalBytes", "storedBytes") values ('local', '${snapshotId}', '${repository.id}', '${agent.id}', 'h',
     '[]', '[]', '2026-01-01T00:00:00.000Z', 1, 1, 1)`,
  );
  const alertId = crypto.randomUUID();
  await server.alterDatabase(
    `insert into "ransomwareAlerts" ("tenant", "id", "raisedAt", "agentId", "hostname", "repositoryId", "snapshotId",
     "comparedWith", "findingsJson", "state") values ('local', '${alertId}', '2026-01-01T00:00:00.000Z', '${agent.id}', 'h',
     '${repository.id}', '${snapshotId}', '${snapshotId}',
     '[{"sign":"mass-rename","extension":"locked","files":200,"folders":3}]', 'open')`,
  );
  const recovery = await client.call('createRecoveryToken', { body: { repositories: [repository.id] } });
  const token = await client.call('createToken', { body: { role: 'agent', group: 'theirs-g' } });
  /** By the second part of the path below /api/v1. */
  const byPath: Readonly<Record<string, string>> = {
    ...{
      computers: agent.id,
      movers: mover.id,
      'join-tokens': token.id,
      groups: 'theirs-g',
      jobs: job.id,
      runs: run.id,
    },
    ...{ policies: policy.id, sessions: session.id, repositories: repository.id, 'bandwidth-rules': rule.id },
    ...{ grants: grant.id, users: user.id, 'oauth-clients': program.id, 'service-accounts': machine.id },
    'recovery-tokens': recovery.id,
    'ransomware-alerts': alertId,
  };
  const ids = [...Object.values(byPath), snapshotId];
  const idsFor = ({ path }: Route): readonly string[] => {
    if (!path.includes('{')) return [''];
    const own = byPath[path.split('/')[3] ?? ''];
    return [...(own === undefined ? [] : [own]), agent.id];
  };

  // What is theirs is shown while it is ours: otherwise the rest of the test would say nothing.
  const shown = await Promise.all(reading().map((route) => ask(server, route, '')));
  for (const id of ids)
    assert.ok(
      shown.some(({ text }) => text.includes(id)),
      `${id} is shown to its own tenant`,
    );
  const before = server.usesPostgres ? 'set session_replication_role = replica;' : 'pragma foreign_keys = off;';
  await server.alterDatabase(
    before + tables.map((table) => `update "${table}" set tenant = 'theirs' where tenant = 'local';`).join(''),
  );
  const theirs = async () =>
    Promise.all(tables.map((table) => server.readDatabase(`select count(*) from "${table}" where tenant = 'theirs'`)));
  const kept = await theirs();

  let asked = 0;
  for (const route of reading()) {
    for (const id of idsFor(route)) {
      const { text } = await ask(server, route, id);
      asked += 1;
      // What was asked for may be in the answer.
      const told = text
        .replaceAll(id || '-', '')
        .replaceAll(route.path.includes('{snapshotId}') ? snapshotId : '-', '');
      for (const secret of ids) assert.ok(!told.includes(secret), `${route.id} ${id}: ${text}`);
    }
  }
  assert.ok(asked > 40, `${asked} requests`);
  for (const route of Object.values<Route>(routes)) {
    if (route.method === 'GET' || route.stream || route.body !== undefined || !route.path.includes('{')) continue;
    for (const id of idsFor(route)) {
      const { status } = await ask(server, route, id);
      assert.ok(status >= 400 && status < 500, `${route.id} ${id}: ${status}`);
    }
  }

  await client.call('createGroup', { body: { name: 'ours-g' } });
  const ours = (await server.join('agent', { preinstalled: true, group: 'ours-g' })).answer;
  const of = (id: string) => ({ params: { id } });
  const names = { computers: [{ name: 'web1' }] };
  const body = settings(agent);
  const missing: Readonly<Record<string, () => Promise<unknown>>> = {
    changeJob: () => client.call('changeJob', { ...of(job.id), body }),
    runJob: () => client.call('runJob', { ...of(job.id), body: {} }),
    changePolicy: () => client.call('changePolicy', { ...of(policy.id), body }),
    runPolicy: () => client.call('runPolicy', { ...of(policy.id), body: {} }),
    createJob: () => client.call('createJob', { body }),
    'createJob of ours to theirs': () => client.call('createJob', { body: { ...body, computers: [ours.id] } }),
    createPolicy: () => client.call('createPolicy', { body }),
    stopSession: () => client.call('stopSession', { ...of(session.id), body: {} }),
    changeGroup: () =>
      client.call('changeGroup', {
        ...of('theirs-g'),
        body: { exclusions: [], rescanAt: null, enabled: false, csvFile: null },
      }),
    expectComputers: () => client.call('expectComputers', { ...of('theirs-g'), body: names }),
    exportGroup: () => client.call('exportGroup', { ...of('theirs-g'), body: {} }),
    createToken: () => client.call('createToken', { body: { role: 'agent', group: 'theirs-g' } }),
    moveComputer: () => client.call('moveComputer', { ...of(agent.id), body: { group: 'ours-g' } }),
    'moveComputer of ours to theirs': () =>
      client.call('moveComputer', { ...of(ours.id), body: { group: 'theirs-g' } }),
    updateUser: () => client.call('updateUser', { ...of(user.id), body: { disabled: true } }),
    resetUser: () => client.call('resetUser', { ...of(user.id), body: { password: 'a password for a start' } }),
    createServiceAccount: () =>
      client.call('createServiceAccount', { body: { name: 'm', role: 'auditor', computerId: agent.id } }),
    createRepository: () => client.call('createRepository', { body: { name: 'r', moverId: mover.id } }),
    importRepository: () =>
      client.call('importRepository', { ...of(mover.id), body: { name: 'theirs-r', password: 'none' } }),
    createRestore: () =>
      client.call('createRestore', {
        body: { agentId: ours.id, repositoryId: repository.id, snapshotId, target: '/t' },
      }),
    setRepositoryMaintenance: () => client.call('setRepositoryMaintenance', { ...of(repository.id), body: {} }),
    setRepositoryExecutor: () =>
      client.call('setRepositoryExecutor', { ...of(repository.id), body: { executorId: null } }),
    maintain: () => client.call('maintain', { ...of(repository.id), body: { kind: 'check' } }),
    forgetSnapshots: () =>
      client.call('forgetSnapshots', { ...of(repository.id), body: { snapshotIds: [snapshotId] } }),
    readSnapshots: () => client.call('repositoryStats', { ...of(repository.id), body: {} }),
    startDrills: () => client.call('startDrills', { ...of(repository.id), body: {} }),
    repositoryGrant: () => client.call('repositoryGrant', { ...of(repository.id), body: { mode: 'read' } }),
    settleRansomwareAlert: () =>
      client.call('settleRansomwareAlert', { ...of(alertId), body: { state: 'acknowledged' } }),
    createRecoveryToken: () => client.call('createRecoveryToken', { body: { repositories: [repository.id] } }),
    changeBandwidthRule: () =>
      client.call('changeBandwidthRule', { ...of(rule.id), body: { name: 'b', bytesPerSecond: 1_000_000 } }),
  };
  for (const [what, call] of Object.entries(missing))
    await assert.rejects(
      call(),
      (error) => isHoldfastError(error) && /^(request|snapshot)\.missing$/.test(error.code),
      what,
    );
  // Who is of the other tenant finds theirs there, and nothing of ours.
  const seen = (await server.clientWith(user.token).list('computers', {})).map(({ id }) => id);
  assert.ok(seen.includes(agent.id) && !seen.includes(ours.id), seen.join());
  // What tells of all tenants is for who owns the installation, and for no administrator of theirs.
  for (const [method, path] of [
    ['GET', '/metrics'],
    ['GET', routes.supportBundle.path],
    ['POST', routes.backUpConfiguration.path],
    ['POST', routes.createSetUpCode.path],
  ] as const) {
    const headers = { authorization: `Bearer ${administrator.token}` };
    const response = await server.http.request({ method, path, headers });
    assert.deepEqual([path, response.status], [path, 403], await response.text(limits.maxJsonBytes));
  }
  assert.deepEqual(await theirs(), kept, 'nothing of theirs is gone, and there is no more of it');
});

/** Routes that give something of the tenant and end by themselves. The audit says what was done, and is another test's. */
function reading(): Route[] {
  return Object.values<Route>(routes).filter(
    (route) => route.method === 'GET' && !route.stream && !['audit', 'openapi'].includes(route.id),
  );
}

async function ask(server: TestServer, route: Route, id: string): Promise<{ status: number; text: string }> {
  const response = await server.http.request({
    method: route.method,
    path: route.path.replace('{snapshotId}', snapshotId).replaceAll(/\{\w+\}/g, id || 'nothing'),
    headers: { authorization: `Bearer ${server.token}` },
  });
  return { status: response.status, text: await response.text(limits.maxJsonBytes) };
}
