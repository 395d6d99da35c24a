import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { HoldfastError, hasCode } from '@holdfast/core';
import { freePort } from '@holdfast/core/testing';
import { Prober, probeKey } from '@holdfast/wire/probe';
import { type PortHandlersOptions, portHandlers } from './port-handlers.ts';
import { listenEvent, listenRequest, type TryEvent, tryRequest } from './port-messages.ts';

const bind = '127.0.0.1';

function handlersOf(options: Partial<PortHandlersOptions> = {}) {
  return portHandlers({
    process: 'mover',
    bind,
    overrides: {},
    ownPorts: () => [],
    caPem: () => '',
    leases: undefined,
    audit: async () => assert.fail('nobody asked for an audit'),
    ...options,
  });
}

const secret = (): string => randomBytes(32).toString('base64url');

/** Waits at a port until the signal; resolves when it waits. */
async function listen(
  t: TestContext,
  handlers: ReturnType<typeof handlersOf>,
  o: { readonly port: number; readonly secret: string; readonly forMs?: number; readonly peers?: string[] },
) {
  const stop = new AbortController();
  const waits = Promise.withResolvers<unknown>();
  const request = listenRequest.parse({
    admissions: [{ ports: [o.port], secrets: [o.secret], peers: o.peers ?? [] }],
    forMs: o.forMs ?? 60_000,
  });
  const ended = handlers['ports.listen'](request, {
    signal: stop.signal,
    emit: async (event) => waits.resolve(event),
  });
  ended.catch(waits.reject);
  t.after(() => stop.abort());
  return { event: await waits.promise, ended, stop: () => stop.abort() };
}

async function isOpen(port: number, given: string): Promise<boolean> {
  const key = probeKey(Buffer.from(given, 'base64url'));
  const [result] = await new Prober({}).checkHost({ address: bind, key, ports: [{ port, isFull: false, roles: [] }] });
  return result?.diagnoses.length === 0;
}

test('ports of this program wait for whom the server admits, until they are told to stop or the time is over', async (t) => {
  const port = await freePort();
  const handlers = handlersOf({ overrides: { 'agent-to-mover-data': { from: port, to: port } } });
  const one = secret();
  const first = await listen(t, handlers, { port, secret: one });
  assert.deepEqual(first.event, { states: [[port, { kind: 'open', unproven: 0 }]], leasesOnly: false });
  assert.ok(await isOpen(port, one));
  assert.ok(!(await isOpen(port, secret())));
  await assert.rejects(listen(t, handlers, { port, secret: one }), (error) => hasCode(error, 'request.conflict'));
  first.stop();
  // The next one waits for its port.
  const second = await listen(t, handlers, { port, secret: one });
  assert.deepEqual(second.event, first.event);
  assert.deepEqual(await first.ended, {});
  second.stop();
  await second.ended;
  assert.ok(!(await isOpen(port, one)));
  const short = await listen(t, handlers, { port, secret: one, forMs: 1 });
  await short.ended;
  assert.ok(!(await isOpen(port, one)));
});

test('no port is opened that this program does not listen on', async (t) => {
  const port = await freePort();
  await assert.rejects(
    listen(t, handlersOf(), { port, secret: secret() }),
    (error) => hasCode(error, 'auth.forbidden') && error.message.includes(`Port ${port} `),
  );
  const own = await listen(t, handlersOf({ ownPorts: () => [port] }), { port, secret: secret() });
  own.stop();
  await own.ended;
});

async function attempt(
  options: Partial<PortHandlersOptions>,
  target: Parameters<typeof attemptAll>[1][number],
  signal?: AbortSignal,
): Promise<readonly TryEvent[]> {
  return await attemptAll(options, [target], signal);
}

async function attemptAll(
  options: Partial<PortHandlersOptions>,
  all: readonly { addresses?: string[]; names?: string[]; channels: string[]; ports: number[] }[],
  signal = AbortSignal.timeout(60_000),
  handlers = handlersOf({ process: 'agent', ...options }),
): Promise<readonly TryEvent[]> {
  const events: TryEvent[] = [];
  const request = tryRequest.parse({
    targets: all.map(({ channels, ports, addresses = [], names = [] }, id) => ({
      ...{ id, addresses, names, secret: secret(), sources: [], states: [] },
      openings: [{ channels, ports, waits: false }],
    })),
    payloadBytes: 1024,
    atOnce: 10,
    forMs: 60_000,
  });
  await handlers['ports.try'](request, {
    signal,
    emit: async (event) => void events.push(event),
  });
  return events;
}

test('nothing is dialled along what this program does not dial, on ports of other services, or at what is no other computer', async () => {
  const refused = async (target: Parameters<typeof attempt>[1]): Promise<string> => {
    const [event] = await attempt({}, target);
    assert.deepEqual(event?.results, []);
    return event?.unchecked[0]?.reason ?? '';
  };
  const peer = ['192.0.2.1'];
  assert.match(await refused({ addresses: peer, channels: ['server-to-mover'], ports: [6162] }), /dials nobody along/);
  assert.match(await refused({ addresses: peer, channels: ['nothing'], ports: [6162] }), /dials nobody along/);
  assert.match(await refused({ addresses: peer, channels: ['role-to-local-mover'], ports: [6162] }), /dials nobody/);
  assert.match(await refused({ addresses: peer, channels: ['agent-to-mover-data'], ports: [2500, 22] }), /^port 22 is/);
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '169.254.169.254', '0.0.0.0', '224.0.0.1', 'fe80::1'])
    assert.match(
      await refused({ addresses: [address], channels: ['posix-agent-control'], ports: [10_006] }),
      /is no address of another computer/,
      address,
    );
  // Names lead nowhere else, either.
  assert.match(
    await refused({ names: ['localhost'], channels: ['posix-agent-control'], ports: [10_006] }),
    /is no address of another computer/,
  );
});

/** A firewall that knows leases; what was opened and closed in it. */
function leasingFirewall() {
  const changes: string[] = [];
  const leases: NonNullable<PortHandlersOptions['leases']> = {
    lease: async ({ direction, peer, port, lifetimeMs }) => {
      changes.push(`open ${direction} ${peer} ${port} ${lifetimeMs}`);
      return { [Symbol.asyncDispose]: async () => void changes.push(`close ${direction} ${peer} ${port}`) };
    },
  };
  return { leases, changes };
}

test('a firewall that knows leases is opened for the peers of the check and for its data ports alone, and closed again', async (t) => {
  const [data, service] = await Promise.all([freePort(), freePort()]);
  const firewall = leasingFirewall();
  const overrides = { 'agent-to-mover-data': { from: data, to: data } };
  const waits = handlersOf({ leases: firewall.leases, overrides, ownPorts: () => [service] });
  const peers = ['192.0.2.7', '192.0.2.8'];
  const ones = await listen(t, waits, { port: data, secret: secret(), peers });
  ones.stop();
  await ones.ended;
  const opened = peers.map((peer) => `open in ${peer} ${data} 60000`);
  assert.deepEqual(firewall.changes.splice(0), [
    ...opened,
    ...peers.map((peer) => `close in ${peer} ${data}`).toReversed(),
  ]);
  const other = await listen(t, waits, { port: service, secret: secret(), peers });
  other.stop();
  await other.ended;
  assert.deepEqual(firewall.changes, []);
  const many = Array.from({ length: 301 }, (_, n) => `192.0.${2 + (n >> 8)}.${n & 255}`);
  const crowd = await listen(t, waits, { port: data, secret: secret(), peers: many });
  assert.ok((crowd.event as { leasesOnly: boolean }).leasesOnly);
  crowd.stop();
  await crowd.ended;
  assert.deepEqual(firewall.changes, []);

  const stop = new AbortController();
  const target = { addresses: ['192.0.2.1'], ports: [2500, 2501] };
  // It is over before anybody there could answer.
  const last: PortHandlersOptions['leases'] = {
    lease: async (opening) => {
      if (opening.port === 2501) stop.abort();
      return firewall.leases.lease(opening);
    },
  };
  await assert.rejects(attempt({ leases: last }, { ...target, channels: ['agent-to-mover-data'] }, stop.signal));
  assert.deepEqual(
    new Set(firewall.changes),
    new Set([
      ...target.ports.map((port) => `close out 192.0.2.1 ${port}`),
      ...target.ports.map((port) => `open out 192.0.2.1 ${port} 60000`),
    ]),
  );
});

test('a firewall that refuses a lease keeps it from that computer alone', async () => {
  const lease = async (): Promise<never> => {
    throw new HoldfastError('firewall.lease', { message: 'The set is gone.' });
  };
  const data = ['agent-to-mover-data'];
  const [event] = await attempt({ leases: { lease } }, { addresses: ['192.0.2.1'], channels: data, ports: [2500] });
  assert.deepEqual(event, { target: 0, results: [], unchecked: [{ channels: data, reason: 'The set is gone' }] });
});

test('openings in a firewall that knows leases are counted over all whom a computer dials, and given back', async () => {
  const { leases, changes } = leasingFirewall();
  const refuse = new HoldfastError('firewall.lease', { message: 'no' });
  // Whoever has got its place gets no further, so that nothing is dialled here.
  const lease: NonNullable<PortHandlersOptions['leases']>['lease'] = async (opening) => {
    await leases?.lease(opening);
    // All have asked for their places before one gives its own back.
    await setImmediate();
    throw refuse;
  };
  const targets = Array.from({ length: 4 }, (_, n) => ({
    ...{ addresses: [`192.0.2.${n + 1}`], channels: ['agent-to-mover-data'] },
    ports: Array.from({ length: 100 }, (_one, at) => 2500 + at),
  }));
  const handlers = handlersOf({ process: 'agent', leases: { lease } });
  const reasons = async (): Promise<readonly string[]> =>
    (await attemptAll({}, targets, undefined, handlers)).map(({ unchecked }) => unchecked[0]?.reason ?? '').toSorted();
  for (const _round of [1, 2]) {
    const told = await reasons();
    assert.deepEqual(told.slice(0, 3), ['no', 'no', 'no']);
    assert.match(told[3] ?? '', /at most 300 at once for checks/);
  }
  assert.equal(changes.filter((change) => change.startsWith('open')).length, 6);
});

test('what a computer says of its ports is small, for it is passed on to all who dial it', () => {
  const told = (state: object) => listenEvent.safeParse({ states: [[2500, state]], leasesOnly: false });
  const held = { kind: 'held', holder: 'nginx' };
  assert.ok(told({ ...held, fingerprint: 'A'.repeat(43) }).success);
  assert.ok(!told({ ...held, fingerprint: 'A'.repeat(200) }).success);
  const { data } = told({ kind: 'reserved', code: 'E'.repeat(200) });
  assert.deepEqual(data?.states, [[2500, { kind: 'reserved', code: 'E'.repeat(40) }]]);
});

test('a name that leads nowhere is told, and so is a range that is too wide for leases', async () => {
  const [wide] = await attempt(
    { leases: leasingFirewall().leases },
    {
      addresses: ['192.0.2.1'],
      channels: ['agent-to-mover-data'],
      ports: Array.from({ length: 801 }, (_, n) => 2500 + n),
    },
  );
  assert.deepEqual(wide?.results, []);
  assert.match(wide?.unchecked[0]?.reason ?? '', /for single peers/);
  const [unnamed] = await attempt(
    {},
    { names: ['no-such-host.invalid'], channels: ['posix-agent-control'], ports: [10_006] },
  );
  assert.deepEqual(
    unnamed?.results.map(({ how, diagnoses }) => [how, diagnoses.map(({ kind }) => kind)]),
    [['names', ['name-unresolved']]],
  );
});
