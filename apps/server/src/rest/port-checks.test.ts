import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { hasCode } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import type { TryRequest } from '@holdfast/protocol';
import { TestAgent } from '../testing/test-agent.ts';
import { TestServer, until } from '../testing/test-server.ts';

const topology = {
  name: 'site',
  zones: { z: {} },
  hosts: {
    srv: { zone: 'z', addresses: ['192.0.2.1'], roles: ['backup-server' as const] },
    // The test's agent says that it is called so.
    'test-host': { zone: 'z', addresses: ['192.0.2.2'], roles: ['agent-linux' as const] },
    other: { zone: 'z', addresses: ['192.0.2.3'], roles: ['agent-linux' as const] },
  },
};

/** A server with one agent, which has joined from an address that is not loopback's. */
async function fleet(t: TestContext, ports: TestAgent['ports'] = {}) {
  const server = await TestServer.start(temporaryFolder(t));
  t.after(() => server[Symbol.asyncDispose]());
  const agent = new TestAgent(await server.join('agent', { address: '192.0.2.2' }));
  t.after(() => agent[Symbol.asyncDispose]());
  agent.ports = ports;
  await agent.hold(server);
  await until(async () => (await server.client.call('computers', {})).computers[0]?.state === 'online', 'agent online');
  return { server, agent };
}

const ended = (server: TestServer, id: string) =>
  until(async () => (await server.client.call('portCheck', { params: { id } })).state !== 'running', 'the check ends');

test('a check over the REST API: started, watched, read, refused while another runs, cancelled', async (t) => {
  const asked: TryRequest[] = [];
  const held = Promise.withResolvers<void>();
  const waits = Promise.withResolvers<AbortSignal>();
  const { server } = await fleet(t, {
    'ports.try': async (request, { emit, signal }) => {
      asked.push(request);
      if (asked.length > 1) {
        waits.resolve(signal);
        return await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      }
      await held.promise;
      for (const { id, openings } of request.targets)
        await emit({
          target: id,
          results: openings
            .flatMap(({ ports }) => ports)
            .map((port) => ({
              ...{ address: '192.0.2.1', port, how: 'service' as const },
              diagnoses: [{ kind: 'tls-intercepted' as const, issuer: 'CN=Proxy\u001b[2J' }],
            })),
          unchecked: [],
        });
      return {};
    },
  });
  const { client } = server;
  const started = await client.call('createPortCheck', { body: { topology, hosts: ['test-host'] } });
  assert.deepEqual([started.state, started.done], ['running', 0]);
  await assert.rejects(client.call('createPortCheck', { body: { topology } }), (error) =>
    hasCode(error, 'request.conflict'),
  );
  await until(() => asked.length > 0, 'the agent is asked');
  held.resolve();
  const { id } = started;
  // The server tries the mover beside the agent, which has not joined.
  await ended(server, id);
  const view = await client.call('portCheck', { params: { id } });
  assert.equal(view.state, 'finished');
  assert.equal(view.failures, 1);
  const { results, next } = await client.call('portCheckResults', { params: { id }, query: { only: 'problems' } });
  assert.equal(next, undefined);
  const failed = results.find(({ outcome }) => outcome === 'failed');
  assert.deepEqual(
    [failed?.from, failed?.to, failed?.firstPort, failed?.channels[0]],
    ['test-host', 'srv', 10_006, 'posix-agent-control'],
  );
  // What a computer says can't steer a terminal.
  assert.match(failed?.diagnoses[0]?.cause ?? '', /issued by CN=Proxy \[2J\.$/);
  const [target] = asked[0]?.targets ?? [];
  assert.deepEqual(target?.addresses, ['192.0.2.1']);
  const missing = results.filter(({ outcome }) => outcome === 'unchecked');
  assert.ok(missing.some(({ to, reason }) => to === 'test-host' && reason?.startsWith('nothing on test-host')));
  assert.ok(!results.some(({ from, to }) => from === 'other' || to === 'other'));

  const second = await client.call('createPortCheck', { body: { topology, hosts: ['test-host'] } });
  const signal = await waits.promise;
  await client.call('cancelPortCheck', { params: { id: second.id } });
  await ended(server, second.id);
  assert.equal((await client.call('portCheck', { params: { id: second.id } })).state, 'cancelled');
  await until(() => signal.aborted, 'the agent is told to stop');
  const { checks } = await client.call('portChecks', {});
  assert.deepEqual(
    checks.map((one) => one.id),
    [second.id, id],
  );
});

test('a topology with a mistake, an unknown host and an unknown check are refused', async (t) => {
  const { server } = await fleet(t);
  const { client } = server;
  const wrong = { ...topology, hosts: { ...topology.hosts, twin: topology.hosts.other } };
  await assert.rejects(
    client.call('createPortCheck', { body: { topology: wrong } }),
    (error) => hasCode(error, 'topology.invalid') && /192\.0\.2\.3/.test(error.message),
  );
  await assert.rejects(client.call('createPortCheck', { body: { topology, hosts: ['othr'] } }), (error) =>
    hasCode(error, 'request.missing'),
  );
  const params = { id: crypto.randomUUID() };
  await assert.rejects(client.call('portAudit', { params }), (error) => hasCode(error, 'request.missing'));
  assert.deepEqual(await client.call('portChecks', {}), { checks: [] });
});

test('an audit over the REST API: what each computer tells, and who could not be asked', async (t) => {
  const rules: unknown[] = [];
  const uses: unknown[] = [];
  const { server, agent } = await fleet(t, {
    'ports.audit': async (request) => {
      uses.push(request.use);
      rules.push(...request.rules.map(({ direction, ports, peers }) => [direction, ports[0]?.from, peers.length]));
      const finding = { kind: 'rule-unknown', subject: 'a rule', message: 'It lets through\u0007 all.', advice: 'No.' };
      return { findings: [finding], findingCount: 3, notes: ['a note'] };
    },
  });
  const { client } = server;
  const lastUsedAt = '2026-05-01T00:00:00.000Z';
  const used = { channel: 'posix-agent-control', direction: 'out' as const };
  const amounts = { connections: 1, openConnections: 1, receivedBytes: 1, sentBytes: 1 };
  const since = '2026-01-01T00:00:00.000Z';
  agent.report = {
    ...{ process: 'agent', since, refusals: [] },
    traffic: [
      { ...used, peer: 'server', ...amounts, lastUsedAt },
      { ...used, peer: 'client', ...amounts, lastUsedAt: since },
    ],
  };
  const unusedForMs = 86_400_000;
  const { id } = await client.call('createPortAudit', { body: { topology, unusedForMs } });
  await until(async () => (await client.call('portAudit', { params: { id } })).state === 'finished', 'the audit ends');
  // What an audit has no use for is left out.
  const report = { process: 'agent', since, refusals: [], traffic: [{ ...used, lastUsedAt }] };
  assert.deepEqual(uses, [{ forMs: unusedForMs, reports: [report] }]);
  const { results } = await client.call('portAuditResults', { params: { id } });
  const byHost = new Map(results.map((one) => [one.host, one]));
  const told = byHost.get('test-host');
  assert.equal(told?.error, undefined);
  assert.deepEqual([told?.outcome, told?.by, told?.findingCount, told?.notes], ['findings', 'agent', 3, ['a note']]);
  assert.equal(told?.findings[0]?.message, 'It lets through  all.');
  assert.deepEqual(byHost.get('other')?.outcome, 'unaudited');
  assert.match(byHost.get('other')?.error?.message ?? '', /^Nothing on other has joined the server\.$/);
  assert.deepEqual(rules, [
    ['in', 6162, 1],
    ['out', 10_006, 1],
  ]);
  assert.match(byHost.get('srv')?.error?.message ?? '', /^The server runs without the rights/);
  const view = await client.call('portAudit', { params: { id } });
  assert.deepEqual([view.total, view.done], [3, 3]);
});

test('a computer that no plan can have keeps nobody else from being looked at, and is told', async (t) => {
  const { server } = await fleet(t);
  const { client } = server;
  await server.join('agent', { address: '192.0.2.9', ports: { 'client-to-server': 22 } });
  const { id } = await client.call('createPortCheck', { body: {} });
  const { results } = await client.call('portCheckResults', { params: { id }, query: {} });
  const told = results.filter(({ reason }) => reason?.includes('nothing here listens along client-to-server'));
  assert.deepEqual(
    told.map(({ from, outcome }) => [from, outcome]),
    [['test-host-2', 'unchecked']],
  );
  await client.call('cancelPortCheck', { params: { id } });
  const audit = await client.call('createPortAudit', { body: { hosts: ['test-host-2'] } });
  const found = await client.call('portAuditResults', { params: { id: audit.id }, query: {} });
  assert.match(found.results[0]?.error?.message ?? '', /nothing here listens along client-to-server/);
  await client.call('cancelPortAudit', { params: { id: audit.id } });
});
