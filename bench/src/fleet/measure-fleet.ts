import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { toHoldfastError } from '@holdfast/core';
import { RestClient } from '@holdfast/protocol';
import { createWire, httpClient } from '@holdfast/wire';
import type { Installation } from './installation.ts';
import { moverOrder, serverOrders } from './installation.ts';
import type { AgentsNews, AgentsOrder, ServerOrder } from './messages.ts';
import { Worker } from './processes.ts';

const host = '127.0.0.1';
/** Agents of one process of the simulator. */
const agentsPerProcess = 1000;
/** A server works on 64 handshakes from one address at once, and all agents are at one. */
const connectAtOnce = 60;
/** Until all agents are connected. */
const connectMs = 10 * 60_000;

export interface Measured {
  readonly agents: number;
  readonly instances: number;
  readonly kills: number;
  /** From the start of the first agent until the last was connected. */
  readonly connectSeconds: number;
  /** Of the instances together, with all agents connected and nothing to do; and the highest of it all. */
  readonly idleBytes: number;
  readonly peakBytes: number;
  /** Processor time of the instances in a second of doing nothing. */
  readonly idleLoad: number;
  /** From the request until the last agent had its task, and until the last had ended. */
  readonly dispatchSeconds: number;
  readonly endSeconds: number;
  /** Processor time of the instances from the request to the end. */
  readonly processorSeconds: number;
  readonly reads: number;
  readonly readMedianMs: number;
  readonly read99Ms: number;
  /** Runs that an agent was given more than once, or never, or that did not end well. */
  readonly twice: number;
  readonly never: number;
  readonly failed: number;
}

export interface Conditions {
  readonly instances: number;
  /** Of instances, at random. */
  readonly kills: number;
  /** How long an agent takes for its task. */
  readonly taskMs: number;
  /** How long the agents only stay connected before anything is asked of them. */
  readonly settleMs: number;
  /** What an administrator's page and a few scripts ask for meanwhile. */
  readonly readsPerSecond: number;
  /** From the request: what is not done by then is not waited for. */
  readonly giveUpMs: number;
}

/** Starts the server's instances, the mover and the agents, runs the job of all of them, and says what that took. */
export async function measureFleet(
  o: Conditions & { installation: Installation; database: string | undefined; say: (text: string) => void },
): Promise<Measured> {
  const { installation, say } = o;
  const count = installation.agents.length;
  await using resources = new AsyncDisposableStack();
  const orders = await serverOrders(installation, { count: o.instances, database: o.database });
  const servers: Worker[] = [];
  for (const order of orders) servers.push(await startServer(order));
  resources.defer(async () => {
    for (const server of servers) await server.kill();
  });
  const mover = resources.use(Worker.start('mover-process.ts', moverOrder(installation)));
  await mover.ready();

  const given = new Map<string, number>();
  const counters = { connected: 0, lastTaskMs: 0 };
  const startedMs = Date.now();
  // Of all processes together, so rounded down for each.
  const atOnce = Math.max(1, Math.floor(connectAtOnce / Math.ceil(count / agentsPerProcess)));
  for (let from = 0; from < count; from += agentsPerProcess) {
    const agents: AgentsOrder = {
      agents: installation.agents.slice(from, from + agentsPerProcess),
      servers: orders.map(({ ports }) => ({ host, port: ports.control, id: installation.serverId })),
      taskMs: o.taskMs,
      atOnce,
    };
    const worker = resources.use(Worker.start('agents-process.ts', agents, { isElsewhere: true }));
    worker.child.on('message', (news: AgentsNews) => {
      counters.connected += news.connected;
      for (const { taskId, atMs } of news.tasks) {
        given.set(taskId, (given.get(taskId) ?? 0) + 1);
        counters.lastTaskMs = Math.max(counters.lastTaskMs, atMs);
      }
    });
  }
  if (!(await until(() => counters.connected >= count, connectMs)))
    throw new Error(`only ${counters.connected} of ${count} agents were connected in time`);
  const connectSeconds = (Date.now() - startedMs) / 1000;
  say(`${count} agents are connected after ${connectSeconds.toFixed(1)} s; ${o.settleMs / 1000} s of heartbeats`);
  const loadFrom = processorSeconds(servers);
  await delay(o.settleMs);
  const idleLoad = (processorSeconds(servers) - loadFrom) / (o.settleMs / 1000);
  const idleBytes = sum(servers.map((server) => server.memory().residentBytes));

  const client = restClient(installation, orders, resources);
  const reading = new AbortController();
  const reads: number[] = [];
  const failures = new ReadFailures();
  const reader = keepReading(client, reads, { perSecond: o.readsPerSecond, signal: reading.signal, failures });
  const before = processorSeconds(servers);
  const askedMs = Date.now();
  const session = await client.call('runJob', { params: { id: installation.jobId }, body: {} });
  const isGivenUp = (): boolean => Date.now() - askedMs > o.giveUpMs;
  const killing = killAtRandom(servers, orders, { kills: o.kills, isOver: isGivenUp, say });
  const allGiven = await until(() => given.size >= count, o.giveUpMs);
  const readsMeanwhile = [...reads].toSorted((a, b) => a - b);
  const after = ((Date.now() - askedMs) / 1000).toFixed(1);
  say(`${allGiven ? 'every agent has its task' : `${given.size} of ${count} tasks were given`} after ${after} s`);
  await killing;
  let ended = await client.call('session', { params: { id: session.id } });
  while (ended.endedAt === undefined && !isGivenUp()) {
    await delay(500);
    // One that is not answered in time is asked again.
    ended = await client.call('session', { params: { id: session.id } }).catch((error: unknown) => {
      failures.add('session', error);
      return ended;
    });
  }
  if (ended.endedAt === undefined) say(`given up, with ${JSON.stringify(ended.tasks)}`);
  const endSeconds = ((ended.endedAt === undefined ? Date.now() : Date.parse(ended.endedAt)) - askedMs) / 1000;
  reading.abort();
  await reader;
  failures.say(say);
  const runs = await client.list('runs', { query: { sessionId: session.id } });
  const known = new Set(runs.map(({ id }) => id));
  return {
    agents: count,
    instances: o.instances,
    kills: o.kills,
    connectSeconds,
    idleBytes,
    peakBytes: sum(servers.map((server) => server.memory().peakBytes)),
    idleLoad,
    dispatchSeconds: (counters.lastTaskMs - askedMs) / 1000,
    endSeconds,
    processorSeconds: processorSeconds(servers) - before,
    reads: readsMeanwhile.length,
    readMedianMs: percentile(readsMeanwhile, 0.5),
    read99Ms: percentile(readsMeanwhile, 0.99),
    twice:
      [...given.values()].filter((times) => times > 1).length + [...given.keys()].filter((id) => !known.has(id)).length,
    never: runs.filter(({ id }) => !given.has(id)).length,
    failed: runs.filter(({ state }) => state !== 'succeeded').length,
  };
}

async function startServer(order: ServerOrder): Promise<Worker> {
  const server = Worker.start('server-process.ts', order);
  await server.ready();
  return server;
}

/** Kills instances at random moments, never all at once, and starts them again. The first one stays: it is asked meanwhile. */
async function killAtRandom(
  servers: Worker[],
  orders: readonly ServerOrder[],
  o: { kills: number; isOver: () => boolean; say: (text: string) => void },
): Promise<void> {
  for (let number = 1; number <= o.kills && !o.isOver(); number += 1) {
    await delay(Math.random() * 3_000);
    const place = 1 + Math.floor(Math.random() * (servers.length - 1));
    const order = orders[place];
    if (!order) return;
    await servers[place]?.kill();
    await delay(Math.random() ** 2 * 20_000);
    servers[place] = await startServer(order);
    o.say(`instance ${place + 1} was killed and is back (${number} of ${o.kills})`);
  }
}

function restClient(
  { folder }: Installation,
  [first]: readonly ServerOrder[],
  resources: AsyncDisposableStack,
): RestClient {
  const file = (name: string): string => readFileSync(join(folder, 'server', name), 'utf8').trim();
  const wire = resources.use(createWire({ role: 'client', bind: host }));
  const port = first?.ports.rest ?? 0;
  const caPem = file('ca.pem');
  const http = resources.use(
    httpClient({
      connections: 4,
      connect: (signal) => wire.dial('client-to-server', host, { port, caPem, signal }),
    }),
  );
  return new RestClient({ http, token: file('admin-token') });
}

/** Reads that were answered with an error or not at all, each kind once with how often. */
class ReadFailures {
  readonly #times = new Map<string, number>();

  add(what: string, error: unknown): void {
    const kind = `${what}: ${toHoldfastError(error).code}: ${error instanceof Error ? error.message : String(error)}`;
    this.#times.set(kind, (this.#times.get(kind) ?? 0) + 1);
  }

  say(say: (text: string) => void): void {
    for (const [kind, times] of this.#times) say(`a read failed ${times} times: ${kind}`);
  }
}

/** Pages of the lists that people look at, one after the other at a steady pace, whether or not the one before was answered. */
async function keepReading(
  client: RestClient,
  timesMs: number[],
  { perSecond, signal, failures }: { perSecond: number; signal: AbortSignal; failures: ReadFailures },
): Promise<void> {
  const reads = [
    { what: 'computers', ask: () => client.call('computers', { query: { limit: 100 } }) },
    { what: 'runs', ask: () => client.call('runs', { query: { limit: 100 } }) },
    { what: 'sessions', ask: () => client.call('sessions', { query: { limit: 20 } }) },
    { what: 'computers online', ask: () => client.call('computers', { query: { limit: 100, state: 'online' } }) },
    { what: 'jobs', ask: () => client.call('jobs', {}) },
    { what: 'status', ask: () => client.call('status', {}) },
  ];
  const under: Promise<void>[] = [];
  for (let number = 0; !signal.aborted; number += 1) {
    const beganMs = performance.now();
    const read = reads[number % reads.length];
    // One that fails took its time as well.
    const done = (): void => void timesMs.push(performance.now() - beganMs);
    if (read)
      under.push(
        read.ask().then(done, (error: unknown) => {
          done();
          failures.add(read.what, error);
        }),
      );
    await delay(1000 / perSecond);
  }
  await Promise.all(under);
}

/** Whether it came to be so in time. */
async function until(isSo: () => boolean, limitMs: number): Promise<boolean> {
  const limit = Date.now() + limitMs;
  while (!isSo()) {
    if (Date.now() > limit) return false;
    await delay(50);
  }
  return true;
}

function processorSeconds(servers: readonly Worker[]): number {
  return sum(servers.filter((server) => server.isRunning).map((server) => server.processorSeconds()));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
