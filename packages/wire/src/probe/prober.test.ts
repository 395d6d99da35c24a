import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as tcpConnect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls';
import { hasCode } from '@holdfast/core';
import { freePort } from '@holdfast/core/testing';
import { certificateFingerprint } from '../identity.ts';
import { createTestInstallation } from '../test-certificates.ts';
import { testFleet } from '../wire-fixture.ts';
import type { Diagnosis } from './diagnosis.ts';
import { ProbeListener, probeProtocol } from './probe-listener.ts';
import { type ProbePort, Prober, type ProberOptions } from './prober.ts';
import { type ProbeKey, probeKey, proveToListener, sendCommand } from './proof.ts';

const key = probeKey(randomBytes(32));
const address = '127.0.0.1';
const fleet = await testFleet();
const mover = { isFull: true, roles: ['mover'] } as const;

/** A probe listener on free ports of loopback that ends with the test. */
async function listening(
  t: TestContext,
  o: {
    count?: number;
    more?: readonly number[];
    as?: ProbeKey;
    good?: readonly number[];
    namesHolders?: boolean;
    platform?: NodeJS.Platform;
  } = {},
): Promise<readonly number[]> {
  const free = await Promise.all(Array.from({ length: o.count ?? 1 }, freePort));
  const ports = [...free, ...(o.more ?? [])];
  const listener = await ProbeListener.start({
    ports,
    admissions: [{ key: o.as ?? key, ports: o.good ?? ports }],
    namesHolders: o.namesHolders ?? true,
    addresses: [address],
    host: address,
    ...(o.platform ? { platform: o.platform } : {}),
  });
  t.after(() => listener[Symbol.asyncDispose]());
  return ports;
}

async function check(ports: readonly ProbePort[], options: Partial<ProberOptions> = {}) {
  return await new Prober({ payloadBytes: 20_000, ...options }).checkHost({ address, ports, key });
}

async function only(port: number, options: Partial<ProberOptions> = {}): Promise<readonly Diagnosis[]> {
  const [result] = await check([{ port, ...mover }], options);
  return result?.diagnoses ?? [];
}

test('both ends prove themselves, and payload, silence and addresses are in order', async (t) => {
  const [port = 0] = await listening(t);
  const [result] = await check([{ port, ...mover }], { idleMs: 200 });
  assert.deepEqual(result, { address, port, how: 'probe', diagnoses: [] });
});

test('hundreds of ports at once', async (t) => {
  const ports = await listening(t, { count: 300 });
  let tried = 0;
  const results = await check(
    ports.map((port) => ({ port, isFull: false, roles: [] })),
    // Both ends are this process: on a busy machine more would keep each other waiting for too long.
    { onTried: () => void (tried += 1), atOnce: 50 },
  );
  assert.equal(tried, 300);
  assert.ok(results.every(({ diagnoses }) => diagnoses.length === 0));
});

test('somebody with another secret proves nothing, at neither end', async (t) => {
  const [port = 0] = await listening(t, { as: probeKey(randomBytes(32)) });
  assert.deepEqual(await only(port), [{ kind: 'middlebox', said: 'wrong-proof' }]);
});

test('a secret that could be guessed is refused', () => {
  assert.throws(
    () => probeKey(Buffer.from('swordfish')),
    (error) => hasCode(error, 'usage.option'),
  );
});

test('what says nothing, closes, or speaks something else is not the host', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end('220 mail.example.com ESMTP\r\n');
  }).listen(0, address);
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  assert.deepEqual(await only(port), [{ kind: 'middlebox', said: 'not-tls' }]);
  const reached = await new Prober({}).reach({ address, port });
  assert.deepEqual(reached, { address, port, how: 'connect', diagnoses: [] });
});

test('nothing listens: refused; nothing known of a firewall', async () => {
  assert.deepEqual(await only(await freePort()), [{ kind: 'refused', by: 'unknown' }]);
});

test('the service itself answers in the place of the probe; another role or CA is noticed', async (t) => {
  const service = fleet.wire(t, fleet.mover, { role: 'data-mover', overrides: { 'server-to-mover': 0 } });
  const { port } = await service.listen('server-to-mover', { onConnection: () => undefined });
  const { caPem } = fleet.installation;
  // With what the listening end says of the port, by another one.
  const [probed = 0] = await listening(t, { more: [port] });
  const results = await check(
    [
      { port: probed, ...mover },
      { port, ...mover },
    ],
    { caPem },
  );
  assert.deepEqual(
    results.map(({ how, diagnoses }) => [how, diagnoses]),
    [
      ['probe', []],
      ['service', []],
    ],
  );
  const [alone] = await check([{ port, ...mover }], { caPem });
  assert.deepEqual([alone?.how, alone?.diagnoses], ['service', []]);
  const [wrongRole] = await check([{ port, isFull: true, roles: ['server'] }], { caPem });
  assert.deepEqual(
    wrongRole?.diagnoses.map(({ kind }) => kind),
    ['wrong-certificate'],
  );
  const other = await createTestInstallation();
  const believing = async (ports: readonly number[]) => {
    const all = await check(
      ports.map((one) => ({ port: one, ...mover })),
      { caPem: other.caPem },
    );
    return all.at(-1)?.diagnoses.map(({ kind }) => kind);
  };
  // The listening end sees the same certificate, so nobody intercepts.
  assert.deepEqual(await believing([probed, port]), ['wrong-certificate']);
  assert.deepEqual(await believing([port]), ['tls-intercepted']);
});

// Only Linux answers on all of 127.0.0.0/8 by itself.
test('a copy of the certificate by another CA is interception', { skip: process.platform !== 'linux' }, async (t) => {
  const service = fleet.wire(t, fleet.mover, { role: 'data-mover', overrides: { 'server-to-mover': 0 } });
  const { port } = await service.listen('server-to-mover', { onConnection: () => undefined });
  // It has every name of the real one.
  const copy = await (await createTestInstallation(fleet.installation.installation)).issue(fleet.mover);
  const way = '127.0.0.2';
  const interceptor = createTlsServer({ cert: copy.certificatePem, key: copy.privateKeyPem }, (socket) => {
    // What the service behind it does with what it does not understand.
    socket.on('error', () => socket.destroy()).on('data', () => socket.destroy());
  }).listen(port, way);
  await once(interceptor, 'listening');
  t.after(() => interceptor.close());
  const probed = await freePort();
  const listener = await ProbeListener.start({
    ports: [probed, port],
    admissions: [{ key, ports: [probed, port] }],
    namesHolders: true,
    addresses: [address],
    host: way,
  });
  t.after(() => listener[Symbol.asyncDispose]());
  const ports = [
    { port: probed, ...mover },
    { port, ...mover },
  ];
  const [, result] = await new Prober({}).checkHost({ address: way, ports, key });
  assert.deepEqual(
    result?.diagnoses.map(({ kind }) => kind),
    ['tls-intercepted'],
  );
});

test('an expired certificate is told as such', async (t) => {
  const expired = await fleet.installation.issue({
    role: 'mover',
    notBefore: new Date('2020-01-01'),
    notAfter: new Date('2020-02-01'),
  });
  const service = fleet.wire(t, expired, { role: 'data-mover', overrides: { 'server-to-mover': 0 } });
  const { port } = await service.listen('server-to-mover', { onConnection: () => undefined });
  assert.deepEqual(await only(port, { caPem: fleet.installation.caPem }), [
    { kind: 'wrong-certificate', reason: 'it is expired' },
  ]);
});

test('a port that a program has is named with that program', { skip: process.platform !== 'linux' }, async (t) => {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).end()).listen(0, address);
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const [probed = 0] = await listening(t, { more: [port] });
  const [, held] = await check([
    { port: probed, ...mover },
    { port, ...mover },
  ]);
  const [diagnosis] = held?.diagnoses ?? [];
  assert.equal(diagnosis?.kind, 'port-in-use');
  assert.match(diagnosis?.kind === 'port-in-use' ? diagnosis.holder : '', new RegExp(`\\(pid ${process.pid}\\)`));
});

test('a check that is aborted ends at once', async (t) => {
  const server = createServer((socket) => socket.on('error', () => socket.destroy())).listen(0, address);
  await once(server, 'listening');
  t.after(() => server.close());
  const stop = new AbortController();
  server.once('connection', () => stop.abort(new Error('enough')));
  const { port } = server.address() as AddressInfo;
  await assert.rejects(only(port, { signal: stop.signal }), /enough/);
});

test('a listener learns nothing of strangers, and they learn nothing of it', async (t) => {
  const [port = 0] = await listening(t);
  const socket = tcpConnect(port, address);
  t.after(() => socket.destroy());
  let received = 0;
  socket.on('data', (bytes) => void (received += bytes.length)).on('error', () => socket.destroy());
  socket.end('GET / HTTP/1.1\r\n\r\n');
  await once(socket, 'close');
  // At most a TLS alert.
  assert.ok(received <= 7, `${received} bytes`);
});

test('a key is good for its own ports, and tells of these alone, without the name of who has them', async (t) => {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).end()).listen(0, address);
  await once(server, 'listening');
  t.after(() => server.close());
  const { port: held } = server.address() as AddressInfo;
  const good = await Promise.all([freePort(), freePort()]);
  const [first, second] = good;
  await listening(t, { count: 0, more: [first, second, held], good: [first, held], namesHolders: false });
  const results = await check([first, second, held].map((port) => ({ port, ...mover })));
  assert.deepEqual(
    results.map(({ diagnoses }) => diagnoses),
    [[], [{ kind: 'middlebox', said: 'wrong-proof' }], [{ kind: 'port-in-use', holder: 'a program there' }]],
  );
});

test('what the listening end has said beforehand tells who answers, where no port of it can be asked', async (t) => {
  const service = fleet.wire(t, fleet.mover, { role: 'data-mover', overrides: { 'server-to-mover': 0 } });
  const { port } = await service.listen('server-to-mover', { onConnection: () => undefined });
  const { caPem } = fleet.installation;
  const judge = async (fingerprint: string) => {
    const states = new Map([[port, { kind: 'held' as const, holder: 'node', fingerprint }]]);
    const [result] = await new Prober({ caPem }).checkHost({ address, key, states, ports: [{ port, ...mover }] });
    return result?.diagnoses.map(({ kind }) => kind);
  };
  assert.deepEqual(await judge(certificateFingerprint(new X509Certificate(fleet.mover.certificatePem))), []);
  assert.deepEqual(await judge('of another certificate'), ['tls-intercepted']);
});

test('who asks for more than it takes does not fill the memory of the listener', async (t) => {
  const [port = 0] = await listening(t);
  // socket exception: plays another end that does not read what it asked for
  const socket = tlsConnect({ host: address, port, rejectUnauthorized: false, ALPNProtocols: [probeProtocol] });
  t.after(() => socket.destroy());
  socket.on('error', () => socket.destroy());
  await once(socket, 'secureConnect');
  assert.equal(await proveToListener(socket, key, { timeoutMs: 10_000 }), 'proven');
  const beforeBytes = process.memoryUsage().arrayBuffers;
  for (let count = 0; count < 8_000; count += 1) sendCommand(socket, { kind: 'give', bytes: 16_384 });
  await setTimeout(1_000);
  const grownBytes = process.memoryUsage().arrayBuffers - beforeBytes;
  assert.ok(grownBytes < 32 * 1024 * 1024, `${grownBytes} bytes`);
});

test('who holds ports and says nothing does not keep a listener from being given up', async (t) => {
  const over = new AbortController();
  let asked = 0;
  const holders = [1, 2, 3].map(() =>
    createServer((socket) => {
      socket.on('error', () => socket.destroy());
      t.after(() => socket.destroy());
      asked += 1;
      over.abort();
    }).listen(0, address),
  );
  for (const holder of holders) t.after(() => holder.close());
  await Promise.all(holders.map((holder) => once(holder, 'listening')));
  const ports = holders.map((holder) => (holder.address() as AddressInfo).port);
  await assert.rejects(
    ProbeListener.start({
      ...{ ports, admissions: [], namesHolders: true, addresses: [address], host: address },
      signal: over.signal,
    }),
    (error) => error === over.signal.reason,
  );
  assert.equal(asked, 1);
});
