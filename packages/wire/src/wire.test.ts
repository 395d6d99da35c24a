import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { hasCode } from '@holdfast/core';
import type { Connection } from './connection.ts';
import { createTestInstallation } from './test-certificates.ts';
import { createWire } from './wire.ts';

const installation = await createTestInstallation();
const serverLeaf = await installation.issue({ role: 'server' });
const agentLeaf = await installation.issue({ role: 'agent' });
const moverLeaf = await installation.issue({ role: 'mover' });

test('an agent dials the server along its control channel, and both ends know each other', async () => {
  const accepted = Promise.withResolvers<Connection>();
  await using server = createWire({
    role: 'backup-server',
    bind: '127.0.0.1',
    overrides: { 'posix-agent-control': 0 },
    identity: () => serverLeaf,
  });
  await using agent = createWire({ role: 'agent-linux', bind: '127.0.0.1', identity: () => agentLeaf });
  const listener = await server.listen(['posix-agent-control', 'enrolment'], { onConnection: accepted.resolve });
  const out = await agent.dial('posix-agent-control', '127.0.0.1', { port: listener.port, peerId: serverLeaf.id });
  const inward = await accepted.promise;
  assert.equal(out.peer?.role, 'server');
  assert.equal(out.peer?.serial, serverLeaf.serial);
  assert.equal(inward.peer?.id, agentLeaf.id);
  assert.equal(inward.peer?.fingerprint, agentLeaf.fingerprint);
  assert.equal(inward.channel, 'posix-agent-control');
  out.stream.write('hello');
  const [data] = await once(inward.stream, 'data');
  assert.equal(String(data), 'hello');
  const [use] = server.use();
  assert.equal(use?.bytesIn, 5);
  assert.equal(use?.connectionsIn, 1);
});

test("a mover may not come along the agents' channel", async () => {
  await using server = createWire({
    role: 'backup-server',
    bind: '127.0.0.1',
    overrides: { 'posix-agent-control': 0 },
    identity: () => serverLeaf,
  });
  await using mover = createWire({ role: 'data-mover', bind: '127.0.0.1', identity: () => moverLeaf });
  const listener = await server.listen('posix-agent-control', { onConnection: () => assert.fail('admitted') });
  await assert.rejects(mover.dial('posix-agent-control', '127.0.0.1', { port: listener.port }), (error) => {
    assert.ok(hasCode(error, 'channel.identity'));
    return true;
  });
});
