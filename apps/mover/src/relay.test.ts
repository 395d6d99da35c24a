import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { type HoldfastError, hasCode } from '@holdfast/core';
import { CallPeer, encodeFrame, registerWithLocalMover, taskMethods, taskProtocol } from '@holdfast/protocol';
import type { TestLeaf } from '@holdfast/wire/testing';
import { type MoverFixture, startFixture } from './testing/mover-fixture.ts';

/** How the server reaches an agent of the mover's computer: 6162, the local socket, and TLS from end to end inside. */

const channel = 'role-to-local-mover';
const hello = { protocolVersion: 1, productVersion: '1', hostname: 'here', platform: 'linux', ports: {} } as const;

function dialLocal(fixture: MoverFixture, who: TestLeaf = fixture.agent) {
  const wire = fixture.wireOf(who);
  return async (signal: AbortSignal | undefined): Promise<Duplex> =>
    (await wire.dialLocal(channel, fixture.mover.localSocket, signal ? { signal } : {})).stream;
}

/** An agent that answers `hello` over every relay that it is offered. */
async function agentOf(fixture: MoverFixture, agentId = fixture.agent.id) {
  const wire = fixture.wireOf(fixture.agent);
  const failures: HoldfastError[] = [];
  const registration = await registerWithLocalMover({
    agentId,
    dial: dialLocal(fixture),
    onRelay: (stream) => {
      void (async () => {
        const connection = await wire.secure(stream, {
          channel: 'server-to-agent-transport',
          side: 'server',
          expect: { role: 'server' },
        });
        new CallPeer({ stream: connection.stream, methods: taskMethods, handlers: { hello: async () => hello } });
      })().catch(() => stream.destroy());
    },
    onRelayFailure: (error) => failures.push(error),
  });
  return { registration, failures };
}

const upgrade = (fixture: MoverFixture, agentId: string, who = fixture.server): Promise<Duplex> =>
  fixture.client(who).upgrade(`/holdfast/v1/agents/${agentId}/tasks`, taskProtocol);

test('the server calls a registered agent through the mover, several times at once', async (t) => {
  const fixture = await startFixture(t);
  const { registration } = await agentOf(fixture);
  assert.equal(registration.moverId, fixture.mover.id);
  assert.deepEqual((await fixture.api('GET', '/agents')).json, { agents: [fixture.agent.id] });
  const wire = fixture.wireOf(fixture.server);
  await Promise.all(
    [1, 2, 3].map(async () => {
      const connection = await wire.secure(await upgrade(fixture, fixture.agent.id), {
        channel: 'server-to-agent-transport',
        side: 'client',
        expect: { role: 'agent', id: fixture.agent.id },
      });
      await using peer = new CallPeer({ stream: connection.stream, methods: taskMethods, handlers: {} });
      assert.equal((await peer.call('hello', hello)).hostname, 'here');
    }),
  );
  await registration[Symbol.asyncDispose]();
  await assert.rejects(upgrade(fixture, fixture.agent.id), (error) => hasCode(error, 'request.missing'));
});

test('who registers falsely gets a connection that it can do nothing with', async (t) => {
  const fixture = await startFixture(t);
  const victim = await fixture.installation.issue({ role: 'agent' });
  await agentOf(fixture, victim.id);
  const stream = await upgrade(fixture, victim.id);
  await assert.rejects(
    fixture.wireOf(fixture.server).secure(stream, {
      channel: 'server-to-agent-transport',
      side: 'client',
      expect: { role: 'agent', id: victim.id },
    }),
    (error) => hasCode(error, 'channel.identity'),
  );
});

test('only the server gets a relay, and only to an agent that is there and answers', {
  timeout: 400_000,
}, async (t) => {
  const fixture = await startFixture(t);
  await agentOf(fixture);
  await assert.rejects(upgrade(fixture, fixture.agent.id, fixture.agent), (error) => hasCode(error, 'auth.forbidden'));
  await assert.rejects(upgrade(fixture, randomUUID()), (error) => hasCode(error, 'request.missing'));
  const silent = await fixture.installation.issue({ role: 'agent' });
  const stream = await dialLocal(fixture)(undefined);
  stream.write(encodeFrame({ type: 'register', protocolVersion: 1, agentId: silent.id }));
  await once(stream, 'readable');
  assert.match(String(stream.read()), /registered/);
  const refused = assert.rejects(upgrade(fixture, silent.id), (error) => hasCode(error, 'channel.closed'));
  // It is asked for a relay, and goes.
  await once(stream, 'readable');
  stream.destroy();
  await refused;
});

test('a newer registration of an agent takes the place of an older one', async (t) => {
  const fixture = await startFixture(t);
  const first = await agentOf(fixture);
  const second = await agentOf(fixture);
  assert.ok(hasCode(await first.registration.closed, 'channel.closed'));
  assert.deepEqual((await fixture.api('GET', '/agents')).json, { agents: [fixture.agent.id] });
  await second.registration[Symbol.asyncDispose]();
  assert.equal(await second.registration.closed, undefined);
});

test('nonsense on the local socket is refused and counted for nothing', async (t) => {
  const fixture = await startFixture(t);
  const dial = dialLocal(fixture);
  const frames = [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from([0, 0, 0, 0]),
    Buffer.from([0xff, 0xff, 0xff, 0xff, 1]),
    encodeFrame({ type: 'register', protocolVersion: 1, agentId: '../x' }),
    encodeFrame({ type: 'register', protocolVersion: 99, agentId: randomUUID() }),
    encodeFrame({ type: 'relay', relayId: 'A'.repeat(43) }),
    Buffer.concat([Buffer.from([0, 0, 0, 1]), Buffer.from('{')]),
  ];
  for (const frame of frames) {
    const stream = await dial(undefined);
    let answer = '';
    stream.on('data', (piece: Buffer) => {
      answer += piece.toString();
    });
    stream.end(frame);
    await once(stream, 'close');
    assert.match(answer, /"refused"/);
  }
  assert.deepEqual((await fixture.api('GET', '/agents')).json, { agents: [] });
  await assert.rejects(
    registerWithLocalMover({ agentId: 'nobody', dial, onRelay: () => undefined, onRelayFailure: () => undefined }),
    (error) => hasCode(error, 'request.invalid'),
  );
});

test('when the mover ends, the agent is told', async (t) => {
  const fixture = await startFixture(t);
  const { registration } = await agentOf(fixture);
  await fixture.restart();
  assert.ok(hasCode(await registration.closed, 'channel.closed'));
  await agentOf(fixture);
});
