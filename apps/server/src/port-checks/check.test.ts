import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planTopology } from '@holdfast/contract/plan';
import { parseTopology } from '@holdfast/contract/topology';
import { HoldfastError, ManualClock, systemClock } from '@holdfast/core';
import { type CheckResult, type ListenRequest, limits, type TryRequest, taskMethods } from '@holdfast/protocol';
import { triedPorts } from '@holdfast/wire/probe';
import { pino } from 'pino';
import type { ComputerRow } from '../computers/computers.ts';
import {
  dialBaseMs,
  listenStartMs,
  maxCallMs,
  maxConnectionsFromOne,
  maxConnectionsToOne,
  maxDiallersAtOnce,
  maxPairsAtOnce,
  maxTargetsPerCall,
} from '../limits.ts';
import { testCatalogue } from '../testing/test-database.ts';
import { attemptsOf } from './attempts.ts';
import { runCheck } from './check.ts';
import { fleetOf, type Program } from './fleet.ts';
import { FleetWork, FleetWorks } from './fleet-work.ts';
import type { PortPeer } from './port-peers.ts';

const catalogue = await testCatalogue('check');
const scope = catalogue.tenant('local');

function row(o: { role: 'agent' | 'mover'; hostname: string; address: string } & Partial<ComputerRow>): ComputerRow {
  return {
    tenant: 'local',
    id: `${o.role}-${o.hostname}`,
    heldBy: null,
    groupName: 'g',
    platform: 'linux',
    productVersion: '1',
    portsJson: '{}',
    certificateSerial: '00',
    certificateFingerprint: 'f',
    certificateExpiresAt: '2027',
    enrolledAt: '2026',
    lastSeenAt: null,
    ...{ lastBackupAt: '', lastDrillAt: '', lastResult: '', lastResultAt: '' },
    preinstalled: 0,
    revokedAt: null,
    ...o,
  };
}

/** A server, stores with a mover, and computers with agent and mover. */
function site(
  stores: number,
  computers: number,
  {
    serverAddresses = ['10.0.0.1'],
    addressesEach = 1,
    allPorts = false,
  }: { serverAddresses?: readonly string[]; addressesEach?: number; allPorts?: boolean } = {},
) {
  const rows: ComputerRow[] = [];
  const hosts: Record<string, object> = {
    srv: { zone: 'z', addresses: serverAddresses, roles: ['backup-server'] },
  };
  for (let n = 0; n < stores; n += 1) {
    const address = `10.1.0.${n + 1}`;
    hosts[`store-${n}`] = { zone: 'z', addresses: [address], roles: ['repository-linux'] };
    rows.push(row({ role: 'mover', hostname: `store-${n}`, address }));
  }
  for (let n = 0; n < computers; n += 1) {
    const address = `10.2.${n >> 7}.${(n & 127) + 1}`;
    const more = Array.from({ length: addressesEach - 1 }, (_, at) => `10.${at + 3}.${n >> 7}.${(n & 127) + 1}`);
    hosts[`web-${n}`] = { zone: 'z', addresses: [address, ...more], roles: ['agent-linux'] };
    rows.push(
      row({ role: 'agent', hostname: `web-${n}`, address }),
      row({ role: 'mover', hostname: `web-${n}`, address }),
    );
  }
  const plan = planTopology(parseTopology(JSON.stringify({ name: 't', zones: { z: {} }, hosts })));
  const fleet = fleetOf(plan, rows);
  const found = attemptsOf(plan, fleet, { triedPorts: (range) => triedPorts(range, allPorts) });
  return { plan, fleet, rows, ...found };
}

type Tried = TryRequest['targets'][number];

/** Programs that agree by their secrets as real ones do, with what is wrong with some. */
class SimulatedFleet {
  /** Secrets by the port that they are good for, of every program that waits. */
  readonly waiting = new Map<string, ListenRequest>();
  dialling = 0;
  most = { waiting: 0, dialling: 0, connections: 0, from: 0 };
  /** By the address that is dialled. */
  readonly #connections = new Map<string, number>();
  readonly offline = new Set<string>();
  /** These take what they are asked for, and say nothing. */
  readonly silent = new Set<string>();
  /** Requests to those. */
  unanswered = 0;
  /** Called when one of them is all that is waited for. */
  onSilence: () => void = () => undefined;
  leasesOnly = false;
  /** Ports that the programs themselves have. */
  held = false;
  /** The largest request to dial, as JSON. */
  largest = 0;
  /** Makes a program stop waiting by itself. */
  readonly end = new Map<string, () => void>();
  /** Called before each target is answered. */
  onTarget: () => void = () => undefined;
  /** What each target is said to be called, one after the other. */
  names: readonly string[] = [];
  closed = (_target: Tried, _port: number, _address: string): boolean => false;

  readonly reach = async (_scope: unknown, program: Program): Promise<PortPeer> => {
    const id = program.process === 'server' ? 'server' : program.computer.id;
    if (this.offline.has(id)) throw new HoldfastError('channel.closed', { message: `${id} is not there.` });
    return {
      listen: async (request, { signal, onListening }) => {
        assert.ok(!this.waiting.has(id), 'a program waits once at a time');
        taskMethods['ports.listen'].params.parse(request);
        this.waiting.set(id, request);
        this.most.waiting = Math.max(this.most.waiting, this.waiting.size);
        const ports = [...new Set(request.admissions.flatMap((one) => one.ports))];
        if (this.silent.has(`${id} waits`)) await this.#saysNothing(signal).finally(() => this.waiting.delete(id));
        const held = { kind: 'held', holder: 'nginx', fingerprint: 'A'.repeat(43) } as const;
        onListening({
          states: ports.map((port) => [port, this.held ? held : { kind: 'open', unproven: 0 }]),
          leasesOnly: this.leasesOnly,
        });
        await new Promise<void>((resolve) => {
          this.end.set(id, resolve);
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
        this.waiting.delete(id);
      },
      dial: async (request, { onEvent, signal }) => {
        taskMethods['ports.try'].params.parse(request);
        if (this.silent.has(`${id} dials`)) await this.#saysNothing(signal);
        const { targets, atOnce } = request;
        this.largest = Math.max(this.largest, JSON.stringify(request).length);
        this.dialling += 1;
        for (const { addresses } of targets) this.#count(addresses[0] ?? '', atOnce);
        this.most.from = Math.max(this.most.from, atOnce);
        this.most.dialling = Math.max(this.most.dialling, this.dialling);
        try {
          for (const target of targets) {
            await new Promise((resolve) => setImmediate(resolve));
            this.onTarget();
            signal.throwIfAborted();
            const ports = target.openings.flatMap((opening) => opening.ports);
            const results = target.addresses.flatMap((address) =>
              ports.map((port) => ({
                ...{ address, port, how: 'probe' as const },
                diagnoses: this.closed(target, port, address) ? [{ kind: 'dropped' as const }] : [],
              })),
            );
            const named = this.names.map((address) => ({ address, how: 'names' as const, diagnoses: [] }));
            onEvent({ target: target.id, results: [...named, ...results], unchecked: [] });
          }
        } finally {
          this.dialling -= 1;
          for (const { addresses } of targets) this.#count(addresses[0] ?? '', -atOnce);
        }
      },
      audit: async () => assert.fail('nobody asked for an audit'),
      [Symbol.asyncDispose]: async () => undefined,
    };
  };

  async #saysNothing(signal: AbortSignal): Promise<void> {
    this.unanswered += 1;
    // Whoever else is asked at the same time has begun by then.
    for (let quiet = 0; quiet < 100 && !signal.aborted; quiet = this.dialling > 0 ? 0 : quiet + 1)
      await new Promise((resolve) => setImmediate(resolve));
    this.onSilence();
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    assert.fail('nobody waits for ever');
  }

  #count(address: string, change: number): void {
    const now = (this.#connections.get(address) ?? 0) + change;
    this.#connections.set(address, now);
    this.most.connections = Math.max(this.most.connections, now);
  }

  /** Whether somebody waits for that secret on all of these ports. */
  admits(secret: string, ports: readonly number[]): boolean {
    return [...this.waiting.values()].some(({ admissions }) =>
      admissions.some((one) => one.secrets.includes(secret) && ports.every((port) => one.ports.includes(port))),
    );
  }
}

function job(fleet: SimulatedFleet, work: FleetWork<CheckResult>) {
  const { reach } = fleet;
  const base = {
    work,
    scope,
    peers: { reach },
    clock: systemClock,
    payloadBytes: 1,
    idleMs: undefined,
    anyAddress: false,
  };
  return { ...base, signal: work.signal };
}

test('a fleet with more than 1,000 flows: in parallel within bounds, with progress, and everything is closed at the end', async () => {
  const { attempts, unchecked } = site(2, 400);
  // Every computer to the server and two stores, and the server to each of them.
  assert.equal(attempts.length, 400 * 4 + 2 + 2);
  assert.deepEqual(unchecked, []);
  const fleet = new SimulatedFleet();
  const work = new FleetWork<CheckResult>('local', new Date());
  work.total = attempts.length;
  const seen = new Set<number>();
  fleet.onTarget = () => seen.add(work.view().done);
  fleet.closed = ({ addresses }, port) => addresses[0] === '10.1.0.2' && port >= 2500 && port <= 3300;
  await runCheck(attempts, job(fleet, work));
  const view = work.view();
  assert.deepEqual([view.done, view.total], [attempts.length, attempts.length]);
  assert.ok(seen.size > 1_000, `progress was seen ${seen.size} times`);
  assert.ok(
    fleet.most.dialling > 40 && fleet.most.dialling <= maxDiallersAtOnce,
    `${fleet.most.dialling} dialled at once`,
  );
  assert.ok(fleet.most.waiting <= maxPairsAtOnce);
  // Nearly all of them dial the server and both stores.
  assert.ok(fleet.most.connections > 200);
  assert.ok(fleet.most.connections <= maxConnectionsToOne && fleet.most.from <= maxConnectionsFromOne);
  assert.deepEqual([fleet.waiting.size, fleet.dialling], [0, 0]);
  // One result for each computer that can't reach the data ports of the second store.
  assert.deepEqual([view.failures, view.warnings, view.unchecked], [400, 0, 0]);
  const { results } = work.page({ after: 0, limit: 5, only: 'problems' });
  const [first] = results;
  assert.equal(results.length, 5);
  assert.deepEqual(
    [first?.from, first?.to, first?.firstPort, first?.lastPort, first?.tried, first?.rule],
    ['web-0', 'store-1', 2500, 3300, 5, 'tcp 2500-3300 from web-0 (10.2.0.1) to store-1 (10.1.0.2)'],
  );
  assert.equal(first?.why, 'holdfast ports plan TOPOLOGY --why store-1:2500-3300');
});

test('both ends of a pair get one secret, which nobody else has and which is good for the pair’s own ports', async () => {
  const { attempts } = site(2, 3);
  const fleet = new SimulatedFleet();
  const secrets: string[] = [];
  const work = new FleetWork<CheckResult>('local', new Date());
  const waitedFor: boolean[] = [];
  fleet.closed = ({ secret, openings }, port) => {
    if (port !== openings[0]?.ports[0]) return false;
    secrets.push(secret);
    const ports = openings.flatMap((one) => one.ports);
    // The server's own services run, and nothing has to wait for them.
    if (!ports.some((one) => one === 10_006)) waitedFor.push(fleet.admits(secret, ports));
    for (const { admissions } of fleet.waiting.values())
      for (const one of admissions)
        if (one.secrets.includes(secret)) assert.deepEqual(new Set(one.ports), new Set(ports));
    return false;
  };
  await runCheck(attempts, job(fleet, work));
  assert.equal(secrets.length, attempts.length);
  assert.equal(new Set(secrets).size, attempts.length);
  assert.ok(waitedFor.length > 0 && waitedFor.every(Boolean));
});

test('of a computer with several addresses, one that works will do for an inventory, and not for a topology', async () => {
  const { attempts } = site(0, 1, { serverAddresses: ['10.0.0.1', '172.17.0.1'] });
  const failures = async (anyAddress: boolean, open: string) => {
    const fleet = new SimulatedFleet();
    fleet.closed = ({ addresses }, _port, address) => addresses.length > 1 && address !== open;
    const work = new FleetWork<CheckResult>('local', new Date());
    await runCheck(attempts, { ...job(fleet, work), anyAddress });
    return work
      .page({ after: 0, limit: 100, only: 'problems' })
      .results.map(({ to, address, firstPort }) => `${to} ${address} ${firstPort}`);
  };
  assert.deepEqual(await failures(false, '10.0.0.1'), ['srv 172.17.0.1 10006']);
  assert.deepEqual(await failures(true, '10.0.0.1'), []);
  assert.deepEqual(await failures(true, 'none'), ['srv 10.0.0.1 10006', 'srv 172.17.0.1 10006']);
});

test('who is not there is named: as the one that dials, and as the one that should wait on data ports', async () => {
  const { attempts } = site(1, 2);
  const fleet = new SimulatedFleet();
  fleet.offline.add('agent-web-0').add('mover-store-0');
  const work = new FleetWork<CheckResult>('local', new Date());
  await runCheck(attempts, job(fleet, work));
  const { results } = work.page({ after: 0, limit: 1_000, only: 'all' });
  const reasons = new Map(results.map((one) => [`${one.from} ${one.to} ${one.channels[0]}`, one.reason]));
  assert.equal(
    reasons.get('web-1 store-0 agent-to-mover-data'),
    'the mover on store-0 does not wait there: mover-store-0 is not there',
  );
  // A service that should run is tried all the same.
  assert.equal(reasons.get('web-1 store-0 agent-to-mover-transport'), undefined);
  assert.match(
    reasons.get('web-0 srv posix-agent-control') ?? '',
    /^the agent on web-0 could not try it: agent-web-0 is not there$/,
  );
  assert.equal(work.view().failures, 0);
});

test('what only leases open is left to backups; ports whose listener was lost are no finding', async () => {
  const { attempts } = site(1, 1);
  const reasons = async (fleet: SimulatedFleet) => {
    const work = new FleetWork<CheckResult>('local', new Date());
    await runCheck(attempts, job(fleet, work));
    assert.equal(work.view().failures, 0);
    return work.page({ after: 0, limit: 100, only: 'problems' }).results.map(({ to, reason }) => `${to}: ${reason}`);
  };
  const leasing = new SimulatedFleet();
  leasing.leasesOnly = true;
  assert.deepEqual(await reasons(leasing), [
    'store-0: the firewall of store-0 opens it for single peers (firewallLeases), and there are too many of them',
  ]);
  const leaving = new SimulatedFleet();
  leaving.onTarget = () => leaving.end.get('mover-store-0')?.();
  leaving.closed = (_target, port) => port >= 2500 && port <= 3300;
  assert.deepEqual(await reasons(leaving), ['store-0: the mover there stopped waiting: it ended by itself']);
});

test('whatever a computer says of names, it is one result for each that it dials', async () => {
  const { attempts } = site(1, 1);
  const fleet = new SimulatedFleet();
  fleet.names = Array.from({ length: 100 }, (_, n) => `name-${n}`);
  const work = new FleetWork<CheckResult>('local', new Date());
  await runCheck(attempts, job(fleet, work));
  const { results } = work.page({ after: 0, limit: 5_000, only: 'all' });
  assert.equal(results.filter(({ how }) => how === 'names').length, attempts.length);
});

test('who says nothing is asked once in a check, as the one that waits and as the one that dials', async () => {
  const { attempts } = site(1, 350);
  const told = async (silent: string, lostMs: number) => {
    const clock = new ManualClock();
    const fleet = new SimulatedFleet();
    fleet.silent.add(silent);
    fleet.onSilence = () => clock.advance(lostMs);
    const work = new FleetWork<CheckResult>('local', new Date());
    await runCheck(attempts, { ...job(fleet, work), clock });
    assert.equal(work.view().done, attempts.length);
    const reasons = work.page({ after: 0, limit: 5_000, only: 'problems' }).results.map(({ reason }) => reason);
    return { unanswered: fleet.unanswered, count: reasons.length, reasons: [...new Set(reasons)] };
  };
  const waits = await told('mover-store-0 waits', listenStartMs);
  assert.deepEqual(waits, {
    ...{ unanswered: 1, count: 350 },
    reasons: ['the mover on store-0 does not wait there: It did not answer in time'],
  });
  const dials = await told('server dials', maxCallMs + dialBaseMs);
  // The server dials all of them in more than one wave.
  const ofServer = attempts.filter(({ from }) => from.name === 'srv').length;
  assert.ok(ofServer > maxPairsAtOnce);
  assert.ok(
    dials.unanswered <= Math.ceil(maxPairsAtOnce / maxTargetsPerCall),
    `it was asked ${dials.unanswered} times`,
  );
  assert.equal(dials.count, attempts.filter(({ from }) => from.name === 'srv').flatMap((one) => one.openings).length);
  assert.match(dials.reasons.join(), /^the server on srv could not try it: It took longer than \d+ s$/);
});

test('with every port of a range, and all of them held, each request fits a frame', async () => {
  const { attempts } = site(100, 1, { allPorts: true });
  const fleet = new SimulatedFleet();
  fleet.held = true;
  const work = new FleetWork<CheckResult>('local', new Date());
  // All of them at once: idle connections are measured.
  await runCheck(attempts, { ...job(fleet, work), idleMs: 60_000 });
  assert.equal(work.view().done, attempts.length);
  assert.equal(work.view().unchecked, 0);
  assert.ok(fleet.largest < limits.maxFrameBytes, `${fleet.largest} bytes`);
  assert.ok(fleet.largest > limits.maxFrameBytes / 2, `${fleet.largest} bytes`);
});

test('many computers with many addresses each are more than a request names, and enough to know that leases are too many', async () => {
  const { attempts } = site(1, 50, { addressesEach: 40 });
  const fleet = new SimulatedFleet();
  const work = new FleetWork<CheckResult>('local', new Date());
  let peers = 0;
  fleet.onTarget = () => {
    const { admissions = [] } = fleet.waiting.get('mover-store-0') ?? {};
    for (const one of admissions) peers = Math.max(peers, one.peers.length);
  };
  await runCheck(attempts, job(fleet, work));
  assert.equal(work.view().unchecked, 0);
  assert.ok(peers > limits.maxCheckLeases && peers <= limits.maxAdmissions);
});

test('a check that is cancelled ends, and nothing waits any more', async () => {
  const { attempts } = site(2, 50);
  const fleet = new SimulatedFleet();
  const work = new FleetWork<CheckResult>('local', new Date());
  let answered = 0;
  fleet.onTarget = () => {
    answered += 1;
    if (answered === 20) work.cancel(new HoldfastError('run.cancelled'));
  };
  await assert.rejects(runCheck(attempts, job(fleet, work)), /cancelled/);
  assert.equal(fleet.waiting.size, 0);
});

test('computers are found by address, then by name; strangers are told; an entry with a prefix is many computers', () => {
  const hosts = {
    srv: { zone: 'z', addresses: ['10.0.0.1'], roles: ['backup-server'] },
    a: { zone: 'z', addresses: ['10.0.0.2'], roles: ['agent-linux'] },
    b: { zone: 'z', addresses: ['10.0.0.3'], roles: ['repository-linux'] },
    desks: { zone: 'z', addresses: ['10.9.0.0/24'], roles: ['agent-linux'] },
  };
  const plan = planTopology(parseTopology(JSON.stringify({ name: 't', zones: { z: {} }, hosts })));
  const fleet = fleetOf(plan, [
    row({ role: 'mover', hostname: 'anything', address: '127.0.0.1' }),
    // It calls itself another, and is not believed.
    row({ role: 'agent', hostname: 'srv', address: '10.0.0.2' }),
    row({ role: 'mover', hostname: 'b.example.com', address: '192.0.2.7' }),
    // These call themselves as somebody is called who has its address, and are not believed either.
    row({ role: 'mover', hostname: 'a.example.com', address: '203.0.113.3' }),
    row({ role: 'agent', hostname: 'a', address: '10.9.0.3' }),
    row({ role: 'agent', hostname: 'd1', address: '10.9.0.1' }),
    row({ role: 'agent', hostname: 'd2', address: '10.9.0.2' }),
    row({ role: 'agent', hostname: 'x', address: '203.0.113.1' }),
    row({ role: 'agent', hostname: 'gone', address: '203.0.113.2', revokedAt: '2026' }),
  ]);
  const shown = [...fleet.computers.values()]
    .flat()
    .map(({ name, addresses, programs }) => [name, addresses.join(), [...programs.keys()].toSorted().join()]);
  assert.deepEqual(shown, [
    ['srv', '10.0.0.1', 'mover,server'],
    ['a', '10.0.0.2', 'agent'],
    ['b', '10.0.0.3', 'mover'],
    ['a (desks)', '10.9.0.3', 'agent'],
    ['d1 (desks)', '10.9.0.1', 'agent'],
    ['d2 (desks)', '10.9.0.2', 'agent'],
  ]);
  assert.deepEqual(fleet.strangers, ['mover a.example.com (203.0.113.3)', 'agent x (203.0.113.1)']);
});

test('results come in pages, and a page never goes past what a client takes', () => {
  const work = new FleetWork<CheckResult>('local', new Date());
  const long = 'x'.repeat(1024 * 1024);
  for (let n = 0; n < 5; n += 1)
    work.add(n % 2 === 0 ? 'good' : 'failure', {
      ...{ from: `${n}`, to: long, outcome: 'open', tried: 1, channels: [], diagnoses: [] },
    });
  const page = work.page({ after: 0, limit: 10, only: 'all' });
  assert.deepEqual([page.results.map(({ from }) => from), page.next], [['0'], 1]);
  assert.deepEqual(
    work.page({ after: 1, limit: 1, only: 'problems' }).results.map(({ from }) => from),
    ['1'],
  );
  assert.deepEqual(work.page({ after: 4, limit: 9, only: 'problems' }), { results: [] });
  // What is more than the memory is for is counted; what is good never takes the room of what is not.
  for (const outcome of ['good', 'failure'] as const)
    for (let n = 0; n < 40; n += 1)
      work.add(outcome, { ...{ from: outcome, to: long, outcome: 'open', tried: 1, channels: [], diagnoses: [] } });
  assert.equal(work.view().failures, 42);
  const kept: string[] = [];
  for (let after: number | undefined = 5; after !== undefined; ) {
    const { results, next } = work.page({ after, limit: 1, only: 'all' });
    kept.push(...results.map(({ from }) => from));
    after = next;
  }
  assert.ok(kept.filter((from) => from === 'failure').length > 10, kept.join());
  assert.equal(work.view().notes.join(), `${80 - kept.length} results are counted and not kept, good ones first.`);
});

test('what checks have found fits the memory: the oldest are forgotten first', async () => {
  const works = new FleetWorks<CheckResult>({ what: 'check', clock: systemClock, logger: pino({ enabled: false }) });
  const long = 'x'.repeat(1024 * 1024);
  const ids: string[] = [];
  for (let count = 0; count < 4; count += 1) {
    const { id } = await works.start('local', async (work) => async () => {
      for (let n = 0; n < 20; n += 1)
        work.add('failure', { ...{ from: '', to: long, outcome: 'failed', tried: 1, channels: [], diagnoses: [] } });
    });
    ids.unshift(id);
    while (works.find('local', id).isRunning) await new Promise((resolve) => setImmediate(resolve));
  }
  // Of 20 MiB each.
  assert.deepEqual(
    works.list('local').map(({ id }) => id),
    ids.slice(0, 2),
  );
  await works[Symbol.asyncDispose]();
});

test('UDP is named as not checked, with its ports', () => {
  const hosts = {
    srv: { zone: 'z', addresses: ['10.0.0.1'], roles: ['backup-server'] },
    ns: { zone: 'z', addresses: ['10.0.0.9'], roles: ['dns-server'] },
  };
  const document = { name: 't', zones: { z: {} }, hosts: { srv: hosts.srv }, neighbours: { ns: hosts.ns } };
  const plan = planTopology(parseTopology(JSON.stringify(document)));
  const { unchecked } = attemptsOf(plan, fleetOf(plan, []), { triedPorts: (range) => triedPorts(range, false) });
  assert.match(unchecked.find(({ to }) => to === 'ns')?.reason ?? '', /^udp 53 gives no answer to a probe/);
});
