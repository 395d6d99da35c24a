import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket, connect as tcpConnect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls';
import { type ErrorCode, type HoldfastError, hasCode, ManualClock } from '@holdfast/core';
import type { Connection } from './connection.ts';
import { certificateFingerprint } from './identity.ts';
import { revocationCheckIntervalMs } from './limits.ts';
import { createTestInstallation, selfSigned, type TestLeaf } from './test-certificates.ts';
import { connectedPair, testFleet } from './wire-fixture.ts';
import type { ListenOptions } from './wire-options.ts';

const fleet = await testFleet();
const control = 'posix-agent-control';
const anyPort = { [control]: 0, enrolment: 0, 'client-to-server': 0, 'server-to-mover': 0 } as const;

async function rejection(promise: Promise<unknown>, code: ErrorCode): Promise<HoldfastError> {
  const error: unknown = await promise.then(
    () => assert.fail(`expected ${code}, but it succeeded`),
    (reason: unknown) => reason,
  );
  assert.ok(hasCode(error, code), `expected ${code}, got ${String(error)}`);
  return error;
}

/** A server that listens along the agents' channel, and whom it turned away. */
async function listening(t: TestContext, options: Parameters<typeof fleet.wire>[2] = {}, identity = fleet.server) {
  const refused: HoldfastError[] = [];
  const admitted: Connection[] = [];
  const server = fleet.wire(t, identity, { overrides: anyPort, onRefused: (error) => refused.push(error), ...options });
  const listener = await server.listen([control, 'enrolment'], {
    onConnection: (connection) => admitted.push(connection),
  });
  return { server, port: listener.port, refused, admitted };
}

test('both ends learn who the other is, and bytes are counted at both', async (t) => {
  const server = fleet.wire(t, fleet.server, { overrides: anyPort });
  const agent = fleet.wire(t, fleet.agent);
  const { near, far } = await connectedPair(agent, server, control);
  assert.equal(near.peer?.role, 'server');
  assert.equal(near.peer?.serial, fleet.server.serial);
  assert.equal(far.peer?.id, fleet.agent.id);
  assert.equal(far.peer?.fingerprint, fleet.agent.fingerprint);
  assert.equal(far.peer?.installation, fleet.installation.installation);
  assert.equal(far.channel, control);
  near.stream.write('hello');
  const [data] = (await once(far.stream, 'data')) as [Buffer];
  assert.equal(String(data), 'hello');
  far.stream.destroy();
  await Promise.all([near.closed, far.closed]);
  const [inward] = server.use();
  const [outward] = agent.use();
  assert.deepEqual(
    [inward?.channel, inward?.connectionsIn, inward?.bytesIn, inward?.ports],
    [control, 1, 5, [near.remotePort]],
  );
  // The verdict is the one byte that came before.
  assert.deepEqual([outward?.connectionsOut, outward?.bytesOut, outward?.bytesIn], [1, 5, 1]);
});

test('a role that the channel does not name is refused, and told why', async (t) => {
  const { port, refused, admitted } = await listening(t);
  const mover = fleet.wire(t, fleet.mover);
  const error = await rejection(mover.dial(control, '127.0.0.1', { port }), 'channel.identity');
  assert.match(error.message, /posix-agent-control from backup-server on .* to 127\.0\.0\.1:\d+ was refused/);
  assert.match(error.message, /mover .* may not use posix-agent-control/);
  assert.equal(refused[0]?.code, 'channel.identity');
  assert.equal(admitted.length, 0);
});

test('an agent that listens is not taken for a server, nor one server for another', async (t) => {
  const pretender = await listening(t, {}, fleet.otherAgent);
  const agent = fleet.wire(t, fleet.agent);
  const error = await rejection(agent.dial(control, '127.0.0.1', { port: pretender.port }), 'channel.identity');
  assert.match(error.message, /met agent .* where server belongs/);
  assert.match(error.guidance, /holdfast ports list --role backup-server/);
  const { port } = await listening(t);
  await rejection(agent.dial(control, '127.0.0.1', { port, peerId: 'another' }), 'channel.identity');
  await rejection(agent.dial(control, '127.0.0.1', { port, fingerprint: fleet.mover.fingerprint }), 'channel.identity');
});

test('a revoked certificate is refused at either end', async (t) => {
  const isRevoked = (serial: string): boolean => serial === fleet.agent.serial || serial === fleet.server.serial;
  const strict = await listening(t, { isRevoked });
  const agent = fleet.wire(t, fleet.agent);
  const error = await rejection(agent.dial(control, '127.0.0.1', { port: strict.port }), 'channel.revoked');
  assert.match(error.message, new RegExp(fleet.agent.serial));
  const { port } = await listening(t);
  await rejection(fleet.wire(t, fleet.agent, { isRevoked }).dial(control, '127.0.0.1', { port }), 'channel.revoked');
});

test('an open connection is cut at the next minute after its certificate was revoked', async (t) => {
  const revoked = new Set<string>();
  const clock = new ManualClock(new Date());
  const server = fleet.wire(t, fleet.server, { overrides: anyPort, isRevoked: (serial) => revoked.has(serial), clock });
  const { near, far } = await connectedPair(fleet.wire(t, fleet.agent), server, control);
  clock.advance(revocationCheckIntervalMs);
  await setImmediate();
  assert.equal(far.stream.destroyed, false);
  far.assertTrusted();
  revoked.add(fleet.agent.serial);
  assert.throws(() => far.assertTrusted(), { code: 'channel.revoked' });
  clock.advance(revocationCheckIntervalMs);
  const error = await far.closed;
  assert.ok(hasCode(error, 'channel.revoked'));
  await near.closed;
});

test('an expired certificate, and one for the wrong use, are refused at either end', async (t) => {
  const past = { notBefore: new Date(Date.now() - 9e6), notAfter: new Date(Date.now() - 1e6) };
  const expiredAgent = await fleet.installation.issue({ role: 'agent', ...past });
  const expiredServer = await fleet.installation.issue({ role: 'server', ...past });
  const { port } = await listening(t);
  const error = await rejection(fleet.wire(t, expiredAgent).dial(control, '127.0.0.1', { port }), 'channel.tls');
  assert.match(error.message, /expired/);
  assert.match(error.guidance, /clocks/);
  const old = await listening(t, {}, expiredServer);
  await rejection(fleet.wire(t, fleet.agent).dial(control, '127.0.0.1', { port: old.port }), 'channel.tls');
  const serverOnly = await fleet.installation.issue({ role: 'agent', usage: 'server' });
  await rejection(fleet.wire(t, serverOnly).dial(control, '127.0.0.1', { port }), 'channel.tls');
});

test('a certificate of another CA is refused at either end, and interception is named', async (t) => {
  const foreign = await createTestInstallation();
  const foreignAgent = await foreign.issue({
    role: 'agent',
    uri: `holdfast://${fleet.installation.installation}/agent/a1`,
  });
  const foreignServer = await foreign.issue({ role: 'server' });
  const { port } = await listening(t);
  // The client believes our CA and shows a foreign certificate.
  const mixed = { ...foreignAgent, caPem: fleet.installation.caPem };
  const error = await rejection(fleet.wire(t, mixed).dial(control, '127.0.0.1', { port }), 'channel.tls');
  assert.match(error.guidance, /intercepts TLS/);
  const other = await listening(t, {}, foreignServer);
  const seen = await rejection(
    fleet.wire(t, fleet.agent).dial(control, '127.0.0.1', { port: other.port }),
    'channel.tls',
  );
  assert.match(seen.message, /did not issue/);
});

test('another installation under the same CA, and a certificate without a name of ours, are refused', async (t) => {
  const { port, refused, admitted } = await listening(t);
  const cases = ['holdfast://elsewhere/agent/a1', 'https://example.org/agent'];
  for (const uri of cases) {
    const leaf = await fleet.installation.issue({ role: 'agent', uri });
    // A wire with such an identity of its own would not even start: dial by hand.
    const socket = tlsConnect({
      port,
      host: '127.0.0.1',
      cert: leaf.certificatePem,
      key: leaf.privateKeyPem,
      ca: leaf.caPem,
      checkServerIdentity: () => undefined,
    });
    await once(socket, 'close');
  }
  assert.match(refused[0]?.message ?? '', /agent a1 of another installation/);
  assert.match(refused[1]?.message ?? '', /names no role/);
  assert.equal(admitted.length, 0);
});

test('without a certificate one may only come along channels that admit that', async (t) => {
  const { port, admitted } = await listening(t);
  const joiner = fleet.wire(t, undefined);
  const { caPem } = fleet.installation;
  await rejection(joiner.dial(control, '127.0.0.1', { port, caPem }), 'usage.configuration');
  const connection = await joiner.dial('enrolment', '127.0.0.1', { port, caPem });
  assert.equal(connection.peer?.role, 'server');
  assert.deepEqual([admitted[0]?.channel, admitted[0]?.peer], ['enrolment', undefined]);

  const server = fleet.wire(t, fleet.server, { overrides: anyPort });
  const strict = await server.listen(control, {
    onConnection: () => assert.fail('admitted'),
    clientCertificate: 'optional',
  });
  const error = await rejection(
    joiner.dial('enrolment', '127.0.0.1', { port: strict.port, caPem }),
    'channel.identity',
  );
  assert.match(error.message, /somebody without a certificate/);
});

test('several channels share a port; who comes, and what it asks for, decides', async (t) => {
  const seen: string[] = [];
  const mover = fleet.wire(t, fleet.mover, { overrides: anyPort });
  const listener = await mover.listen(
    [
      'server-to-mover',
      'server-to-agent-transport',
      'agent-to-mover-transport',
      'mover-to-agent-transport',
      'client-to-mover',
    ],
    { onConnection: ({ channel, peer }) => seen.push(`${channel} ${peer?.role}`) },
  );
  const { port } = listener;
  const server = fleet.wire(t, fleet.server);
  await server.dial('server-to-agent-transport', '127.0.0.1', { port });
  await server.dial('server-to-mover', '127.0.0.1', { port });
  await fleet.wire(t, fleet.agent).dial('agent-to-mover-transport', '127.0.0.1', { port });
  await fleet.wire(t, undefined).dial('client-to-mover', '127.0.0.1', { port, caPem: fleet.installation.caPem });
  // A client that is not ours names no channel: restic.
  const plain = tlsConnect({
    port,
    host: '127.0.0.1',
    ca: fleet.installation.caPem,
    checkServerIdentity: () => undefined,
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  await once(plain, 'secureConnect');
  assert.equal(plain.alpnProtocol, 'http/1.1');
  await fleet.wire(t, fleet.mover).dial('mover-to-agent-transport', '127.0.0.1', { port });
  while (seen.length < 6) await setImmediate();
  plain.destroy();
  assert.deepEqual(seen.sort(), [
    'agent-to-mover-transport agent',
    'client-to-mover undefined',
    'client-to-mover undefined',
    'mover-to-agent-transport mover',
    'server-to-agent-transport server',
    'server-to-mover server',
  ]);
});

test('a TLS session cannot be resumed, with or without a certificate', async (t) => {
  const { port } = await listening(t);
  const { certificatePem: cert, privateKeyPem: key, caPem: ca } = fleet.agent;
  const options = { port, host: '127.0.0.1', ca, checkServerIdentity: () => undefined };
  const first = tlsConnect({ ...options, cert, key });
  const [session] = (await once(first, 'session')) as [Buffer];
  first.destroy();
  const second = tlsConnect({ ...options, session });
  await once(second, 'secureConnect');
  assert.equal(second.isSessionReused(), false);
  second.destroy();
});

test('TLS 1.2 is refused', async (t) => {
  const { port } = await listening(t);
  const old = tlsConnect({
    port,
    host: '127.0.0.1',
    ca: fleet.agent.caPem,
    maxVersion: 'TLSv1.2',
    checkServerIdentity: () => undefined,
  });
  const [error] = (await once(old, 'error')) as [Error];
  assert.match(error.message, /protocol version|PROTOCOL_VERSION/i);
});

test('the CA fingerprint is compared before anything is sent', async (t) => {
  const { port, admitted } = await listening(t);
  const joiner = fleet.wire(t, undefined);
  const { caFingerprint } = fleet.installation;
  const connection = await joiner.dial('enrolment', '127.0.0.1', { port, caFingerprint });
  assert.equal(connection.caPem?.trim(), fleet.installation.caPem.trim());
  assert.equal(admitted.filter(({ stream }) => !stream.destroyed).length, 1);

  const impostor = await createTestInstallation();
  const leaf = await impostor.issue({ role: 'server' });
  const received: Buffer[] = [];
  const fake = fleet.wire(t, leaf, { overrides: anyPort });
  const listener = await fake.listen('enrolment', {
    onConnection: ({ stream }) => stream.on('data', (piece: Buffer) => received.push(piece)),
  });
  const error = await rejection(
    joiner.dial('enrolment', '127.0.0.1', { port: listener.port, caFingerprint }),
    'auth.fingerprint',
  );
  assert.match(error.message, new RegExp(impostor.caFingerprint));
  assert.equal(received.length, 0);
  // An impostor that sends our root along with its own chain gets past the comparison, but not past the verification.
  const liar = fleet.wire(t, { ...leaf, caPem: `${leaf.caPem}${fleet.installation.caPem}` }, { overrides: anyPort });
  const lying = await liar.listen('enrolment', {
    onConnection: ({ stream }) => stream.on('data', (piece: Buffer) => received.push(piece)),
  });
  await assert.rejects(joiner.dial('enrolment', '127.0.0.1', { port: lying.port, caFingerprint }));
  assert.equal(received.length, 0);
});

test('failures are told apart: refused, not answered, no such name, not TLS, cut', async (t) => {
  const agent = fleet.wire(t, fleet.agent);
  const { port, server } = await listening(t);
  await server[Symbol.asyncDispose]();
  const refused = await rejection(agent.dial(control, '127.0.0.1', { port }), 'channel.refused');
  assert.match(refused.message, /nothing listens there/);
  assert.match(refused.guidance, /holdfast ports list --role/);
  await rejection(agent.dial(control, 'no-such-host.invalid'), 'channel.name');

  // A listener that takes connections and stays silent, one that talks something else, one that cuts.
  const behaviours = {
    silent: () => undefined,
    other: (socket: Socket) => socket.end('SSH-2.0-x\r\n'),
    cutting: (socket: Socket) => socket.destroy(),
  };
  for (const [name, behave] of Object.entries(behaviours)) {
    const sockets = new Set<Socket>();
    const peer = createServer((socket) => {
      sockets.add(socket.on('error', () => socket.destroy()));
      behave(socket);
    }).listen(0, '127.0.0.1');
    await once(peer, 'listening');
    const address = peer.address();
    assert.ok(typeof address === 'object' && address);
    const expected = { silent: 'channel.timeout', other: 'channel.tls', cutting: 'channel.closed' }[name] as ErrorCode;
    // Only the silent one is waited for to the end.
    const timeoutMs = name === 'silent' ? 300 : 10_000;
    const error = await rejection(agent.dial(control, '127.0.0.1', { port: address.port, timeoutMs }), expected);
    if (name === 'silent') assert.match(error.message, /TLS handshake was not answered/);
    for (const socket of sockets) socket.destroy();
    peer.close();
  }
});

test('a handshake that never ends is cut, and does not hold up others', async (t) => {
  // Long enough for another one on a busy machine.
  const { port, refused } = await listening(t, { handshakeTimeoutMs: 5_000 });
  const stalled = tcpConnect(port, '127.0.0.1');
  stalled.on('error', () => stalled.destroy());
  await fleet.wire(t, fleet.agent).dial(control, '127.0.0.1', { port });
  await once(stalled, 'close');
  assert.equal(refused[0]?.code, 'channel.timeout');
});

test('dialling can be aborted at any time', async (t) => {
  const silent = createServer().listen(0, '127.0.0.1');
  t.after(() => silent.close());
  await once(silent, 'listening');
  const address = silent.address();
  assert.ok(typeof address === 'object' && address);
  const agent = fleet.wire(t, fleet.agent);
  const reason = new Error('enough');
  await assert.rejects(
    agent.dial(control, '127.0.0.1', { port: address.port, signal: AbortSignal.abort(reason) }),
    reason,
  );
  const abort = new AbortController();
  silent.once('connection', (socket) => {
    socket.on('error', () => socket.destroy());
    setTimeout(() => abort.abort(reason), 20);
  });
  await assert.rejects(agent.dial(control, '127.0.0.1', { port: address.port, signal: abort.signal }), reason);
});

test('a renewed certificate is used by the next handshake', async (t) => {
  let identity = fleet.server;
  const server = fleet.wire(t, undefined, { overrides: anyPort, identity: () => identity });
  const listener = await server.listen(control, { onConnection: () => undefined });
  const agent = fleet.wire(t, fleet.agent);
  const before = await agent.dial(control, '127.0.0.1', { port: listener.port });
  identity = await fleet.installation.issue({ role: 'server', id: fleet.server.id });
  const after = await agent.dial(control, '127.0.0.1', { port: listener.port, peerId: fleet.server.id });
  assert.equal(before.peer?.serial, fleet.server.serial);
  assert.equal(after.peer?.serial, identity.serial);
});

test('a listener that is disposed frees its port and cuts what it accepted', async (t) => {
  const server = fleet.wire(t, fleet.server, { overrides: anyPort });
  const { near, far } = await connectedPair(fleet.wire(t, fleet.agent), server, control);
  const port = near.remotePort;
  await server[Symbol.asyncDispose]();
  await Promise.all([near.closed, far.closed]);
  const again = fleet.wire(t, fleet.server, { overrides: { [control]: port } });
  assert.equal((await again.listen(control, { onConnection: () => undefined })).port, port);
});

test('without a certificate a process cannot listen', async (t) => {
  const error = await rejection(
    fleet.wire(t, undefined, { overrides: anyPort }).listen(control, { onConnection: () => undefined }),
    'usage.configuration',
  );
  assert.match(error.guidance, /holdfast enroll/);
});

/** A TLS server that is not ours, with the certificate of a host, which may claim to be a mover's. */
async function foreignServer(
  t: TestContext,
  o: { hostName?: string; askForCertificate?: boolean; claimsRole?: boolean } = {},
) {
  const { hostName, askForCertificate = false, claimsRole = false } = o;
  const leaf = await fleet.installation.issue({
    role: 'mover',
    ...(claimsRole ? {} : { uri: 'https://backup.example/' }),
    ...(hostName === undefined ? {} : { hostName }),
  });
  const met: (string | undefined)[] = [];
  const server = createTlsServer(
    {
      cert: leaf.certificatePem,
      key: leaf.privateKeyPem,
      ca: fleet.installation.caPem,
      ALPNProtocols: ['h2', 'http/1.1'],
      requestCert: askForCertificate,
      rejectUnauthorized: askForCertificate,
    },
    (socket) => {
      met.push(socket.getPeerX509Certificate()?.subject);
      socket.on('error', () => socket.destroy()).end('ready');
    },
  );
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  return { port: (server.address() as AddressInfo).port, met };
}

test('a certificate without a role is good where a host name will do, and is the right one', async (t) => {
  const client = fleet.wire(t, undefined, { role: 'client' });
  const { caPem } = fleet.installation;
  const { port } = await foreignServer(t);
  for (const host of ['127.0.0.1', 'localhost']) {
    const connection = await client.dial('client-to-mover', host, { port, caPem, orHostName: true });
    assert.equal(connection.peer, undefined);
    connection.assertTrusted();
    assert.equal(String((await once(connection.stream, 'data'))[0]), 'ready');
    connection.stream.destroy();
  }
  const strict = await rejection(client.dial('client-to-mover', '127.0.0.1', { port, caPem }), 'channel.identity');
  assert.match(strict.message, /names no role of Holdfast/);
  const elsewhere = await foreignServer(t, { hostName: 'elsewhere.example' });
  const wrong = { port: elsewhere.port, caPem, orHostName: true };
  const error = await rejection(client.dial('client-to-mover', '127.0.0.1', wrong), 'channel.identity');
  assert.match(error.message, /of another host/);
  const otherCa = (await createTestInstallation()).caPem;
  const unknown = { port, caPem: otherCa, orHostName: true };
  const untrusted = await rejection(client.dial('client-to-mover', '127.0.0.1', unknown), 'channel.tls');
  assert.match(untrusted.guidance, /--cacert/);
});

test('a role is proven by a CA of ours only: one that is believed for hosts vouches for the name of the host', async (t) => {
  const client = fleet.wire(t, undefined, { role: 'client' });
  const { caPem } = fleet.installation;
  const otherPem = (await createTestInstallation()).caPem;
  const dial = (port: number, o: { caPem?: string; hostCaPem?: string }) =>
    client.dial('client-to-mover', '127.0.0.1', { port, orHostName: true, ...o });
  const elsewhere = await foreignServer(t, { claimsRole: true, hostName: 'elsewhere.example' });
  for (const trust of [{ hostCaPem: caPem }, { caPem: otherPem, hostCaPem: `${otherPem}\n${caPem}` }]) {
    const error = await rejection(dial(elsewhere.port, trust), 'channel.identity');
    assert.match(error.message, /of another host/);
  }
  const here = await foreignServer(t, { claimsRole: true });
  assert.equal((await dial(here.port, { hostCaPem: caPem })).peer, undefined, 'a host, whatever it claims');
  for (const trust of [{ caPem }, { caPem: `${otherPem}\n${caPem}`, hostCaPem: otherPem }])
    assert.equal((await dial(elsewhere.port, trust)).peer?.role, 'mover');
  await rejection(dial(elsewhere.port, { hostCaPem: otherPem }), 'channel.tls');
});

test('where a host name will do, a role is still the right one', async (t) => {
  const { port } = await listening(t, {}, fleet.otherAgent);
  const client = fleet.wire(t, undefined, { role: 'client' });
  const options = { port, caPem: fleet.installation.caPem, orHostName: true };
  const error = await rejection(client.dial('client-to-mover', '127.0.0.1', options), 'channel.identity');
  assert.match(error.message, /met agent/);
});

test('a certificate of an unknown issuer proves its key where it is let in, and nothing else', async (t) => {
  const accepted: Connection[] = [];
  const listen = async (o: Partial<ListenOptions>): Promise<number> => {
    const wire = fleet.wire(t, fleet.server, { overrides: anyPort });
    const onConnection = (connection: Connection): void => void accepted.push(connection);
    return (await wire.listen('client-to-server', { onConnection, ...o })).port;
  };
  const client = fleet.wire(t, undefined, { role: 'client' });
  const { caPem } = fleet.installation;
  const dial = (port: number, clientPem: string) =>
    client.dial('client-to-server', '127.0.0.1', { port, caPem, clientPem });
  const pemOf = ({ privateKeyPem, certificatePem }: TestLeaf): string => `${privateKeyPem}\n${certificatePem}`;
  const own = await selfSigned();
  await rejection(dial(await listen({}), own.pem), 'channel.tls');

  const port = await listen({ foreignCertificates: 'admit' });
  await dial(port, own.pem);
  const [admitted] = accepted;
  assert.equal(admitted?.peer, undefined);
  assert.equal(
    admitted?.certificate && certificateFingerprint(admitted.certificate),
    certificateFingerprint(own.certificatePem),
  );
  // Whoever claims a role has to prove it, and an old proof is none.
  const elsewhere = await createTestInstallation();
  const expired = { notAfter: new Date(Date.now() - 60_000) };
  for (const claiming of [
    await elsewhere.issue({ role: 'agent' }),
    await fleet.installation.issue({ role: 'agent', ...expired }),
    await fleet.installation.issue({ role: 'deployer' }),
  ])
    await assert.rejects(dial(port, pemOf(claiming)), /channel client-to-server/i);
  const agent = await fleet.installation.issue({ role: 'agent' });
  await dial(port, pemOf(agent));
  assert.deepEqual(
    accepted.map(({ peer }) => peer?.id),
    [undefined, agent.id],
  );
});

test('a client without an identity shows the certificate that it was given', async (t) => {
  const { port, met } = await foreignServer(t, { askForCertificate: true });
  const client = fleet.wire(t, undefined, { role: 'client' });
  const { certificatePem, privateKeyPem, id } = await fleet.installation.issue({ role: 'agent' });
  const options = { port, caPem: fleet.installation.caPem, orHostName: true };
  const connection = await client.dial('client-to-mover', '127.0.0.1', {
    ...options,
    clientPem: `${privateKeyPem}\n${certificatePem}`,
  });
  assert.equal(String((await once(connection.stream, 'data'))[0]), 'ready');
  assert.deepEqual(met, [`CN=agent ${id}`]);
});
