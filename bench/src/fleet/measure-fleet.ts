import { setTimeout as delay } from 'node:timers/promises';
import type { RestClient, Run } from '@holdfast/protocol';
import type { Installation } from './installation.ts';
import { moverOrder, serverOrders } from './installation.ts';
import { ServerInstances } from './instances.ts';
import type { AgentsNews, AgentsOrder } from './messages.ts';
import { Worker } from './processes.ts';
import { keepReading, type Read, ReadFailures } from './reads.ts';

const host = '127.0.0.1';
/** Agents of one process of the simulator. */
const agentsPerProcess = 1000;
/** A server works on 64 handshakes from one address at once, and all agents are at one. */
const connectAtOnce = 60;
/** Until all agents are connected. */
const connectMs = 10 * 60_000;
/** The longest that a killed instance is away; mostly it is much less. Longer than the others believe that it lives. */
const longestAwayMs = 20_000;

export interface Measured {
  readonly agents: number;
  readonly instances: number;
  /** Of instances, while this was measured. */
  readonly kills: number;
  /** Of the job, each on all agents, one after the other. */
  readonly sessions: number;
  /** From the start of the first agent until the last was connected. */
  readonly connectSeconds: number;
  /** Of the instances together, with all agents connected and nothing to do; and the highest of each by then, together. */
  readonly idleBytes: number;
  readonly peakBytes: number;
  /** Processor time of the instances in a second of doing nothing. */
  readonly idleLoad: number;
  /** From the request until the last agent had its task, and until the last had ended: of the slowest session. */
  readonly dispatchSeconds: number;
  readonly endSeconds: number;
  /** Processor time of the instances from the first request to the last end. */
  readonly processorSeconds: number;
  readonly reads: number;
  readonly failedReads: number;
  readonly readMedianMs: number;
  readonly read99Ms: number;
  /** Runs that an agent was given more than once, or never, or that did not end well. */
  readonly twice: number;
  readonly never: number;
  readonly failed: number;
}

export interface Conditions {
  readonly instances: number;
  /** Of instances, at random, after it was measured without. */
  readonly kills: number;
  /** From the return of one to the next kill, on average. */
  readonly killEveryMs: number;
  /** How long an agent takes for its task. */
  readonly taskMs: number;
  /** How long the agents only stay connected before anything is asked of them. */
  readonly settleMs: number;
  /** What an administrator's page and a few scripts ask for meanwhile. */
  readonly readsPerSecond: number;
  /** From the request: what is not done by then is not waited for. */
  readonly giveUpMs: number;
}

/** What all parts of a measurement share. */
interface Fleet extends Conditions {
  readonly installation: Installation;
  readonly servers: ServerInstances;
  readonly client: RestClient;
  /** By task: how often agents were given it. */
  readonly given: Map<string, number>;
  /** Tasks that the server has told of. */
  readonly known: Set<string>;
  readonly counters: { connected: number; lastTaskMs: number };
  readonly say: (text: string) => void;
}

/**
 * Starts the server's instances, the mover and the agents, runs the job of all of them, and says what that took; then, with kills, runs
 * it again and again until all of these are over.
 */
export async function measureFleet(
  o: Conditions & { installation: Installation; database: string | undefined; say: (text: string) => void },
): Promise<Measured[]> {
  const { installation, say } = o;
  const count = installation.agents.length;
  await using resources = new AsyncDisposableStack();
  const orders = await serverOrders(installation, { count: o.instances, database: o.database });
  const servers = resources.use(await ServerInstances.start(orders));
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
  const loadFrom = servers.processorSeconds();
  await delay(o.settleMs);
  const idleLoad = (servers.processorSeconds() - loadFrom) / (o.settleMs / 1000);
  const idle = { connectSeconds, idleBytes: servers.residentBytes(), idleLoad };

  const client = servers.restClient(installation, resources);
  const fleet: Fleet = { ...o, servers, client, given, known: new Set(), counters };
  const measured = [{ ...(await measureWork(fleet, undefined)), ...idle }];
  if (o.kills > 0) {
    const over = new AbortController();
    const killing = killAtRandom(fleet).finally(() => over.abort());
    measured.push({ ...(await measureWork(fleet, over.signal)), ...idle });
    await killing;
  }
  return measured;
}

/** Runs the job on all agents: once, or until the kills are over. */
async function measureWork(
  fleet: Fleet,
  killsOver: AbortSignal | undefined,
): Promise<Omit<Measured, 'connectSeconds' | 'idleBytes' | 'idleLoad'>> {
  const { servers, client, given, known } = fleet;
  const reading = new AbortController();
  const asked: Read[] = [];
  const failures = new ReadFailures();
  const reader = keepReading(client, asked, { perSecond: fleet.readsPerSecond, signal: reading.signal, failures });
  const before = servers.processorSeconds();
  const sessions: Worked[] = [];
  do sessions.push(await runOnAll(fleet, failures));
  while (killsOver?.aborted === false);
  const processorSeconds = servers.processorSeconds() - before;
  reading.abort();
  await reader;
  const failedReads = failures.count;
  failures.say(fleet.say);
  const runs: Run[] = [];
  for (const { id } of sessions) runs.push(...(await client.list('runs', { query: { sessionId: id } })));
  for (const { id } of runs) known.add(id);
  const notSucceeded = runs.filter(({ state }) => state !== 'succeeded');
  sayWhy(notSucceeded, fleet.say);
  const dispatchedMs = killsOver ? Number.POSITIVE_INFINITY : (sessions[0]?.dispatchedMs ?? 0);
  const reads = asked
    .filter(({ beganMs }) => beganMs <= dispatchedMs)
    .map(({ tookMs }) => tookMs)
    .toSorted((x, y) => x - y);
  return {
    agents: fleet.installation.agents.length,
    instances: fleet.instances,
    kills: killsOver ? fleet.kills : 0,
    sessions: sessions.length,
    peakBytes: servers.peakBytes(),
    dispatchSeconds: Math.max(...sessions.map((one) => one.dispatchSeconds)),
    endSeconds: Math.max(...sessions.map((one) => one.endSeconds)),
    processorSeconds,
    reads: reads.length,
    failedReads,
    readMedianMs: percentile(reads, 0.5),
    read99Ms: percentile(reads, 0.99),
    twice: [...given].filter(([id, times]) => times > 1 || !known.has(id)).length,
    never: runs.filter(({ id }) => !given.has(id)).length,
    failed: notSucceeded.length,
  };
}

/** Why runs failed, each reason once with how often: messages that differ in their numbers are one. */
function sayWhy(runs: readonly Run[], say: (text: string) => void): void {
  const times = new Map<string, number>();
  for (const { state, error } of runs) {
    const why = `${state}: ${error?.code}: ${error?.message.replaceAll(/\d+/g, '#')}`;
    times.set(why, (times.get(why) ?? 0) + 1);
  }
  for (const [why, count] of times) say(`${count} runs ${why}`);
}

/** A session of the job, as it went. */
interface Worked {
  readonly id: string;
  readonly dispatchedMs: number;
  readonly dispatchSeconds: number;
  readonly endSeconds: number;
}

async function runOnAll(fleet: Fleet, failures: ReadFailures): Promise<Worked> {
  const { client, given, counters, say, giveUpMs } = fleet;
  const count = fleet.installation.agents.length;
  const givenBefore = given.size;
  const askedMs = Date.now();
  const id = await startSession(fleet, failures);
  const allGiven = await until(() => given.size >= givenBefore + count, giveUpMs);
  const dispatchedMs = allGiven ? counters.lastTaskMs : Date.now();
  const after = ((dispatchedMs - askedMs) / 1000).toFixed(1);
  say(
    `${allGiven ? 'every agent has its task' : `${given.size - givenBefore} of ${count} tasks were given`} after ${after} s`,
  );
  let session = await answered(() => client.call('session', { params: { id } }), failures);
  while (session?.endedAt === undefined && Date.now() - askedMs < giveUpMs) {
    await delay(500);
    // One that is not answered in time is asked again.
    session = await answered(() => client.call('session', { params: { id } }), failures);
  }
  if (session?.endedAt === undefined) say(`given up, with ${JSON.stringify(session?.tasks)}`);
  const endedMs = session?.endedAt === undefined ? Date.now() : Date.parse(session.endedAt);
  return {
    ...{ id, dispatchedMs },
    dispatchSeconds: (dispatchedMs - askedMs) / 1000,
    endSeconds: (endedMs - askedMs) / 1000,
  };
}

/** An instance that is killed may have begun it, and not said so: then it is found among the sessions. */
async function startSession({ client, installation }: Fleet, failures: ReadFailures): Promise<string> {
  const { jobId } = installation;
  for (;;) {
    const started = await answered(() => client.call('runJob', { params: { id: jobId }, body: {} }), failures);
    if (started) return started.id;
    await delay(1000);
    const last = await answered(() => client.call('sessions', { query: { limit: 1 } }), failures);
    const [session] = last?.sessions ?? [];
    const isNew = session?.jobId === jobId && session.endedAt === undefined;
    if (session && isNew) return session.id;
  }
}

async function answered<T>(ask: () => Promise<T>, failures: ReadFailures): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    failures.add('the session', error);
    return undefined;
  }
}

/** Kills instances at random moments, never all at once, and starts them again. */
async function killAtRandom({ servers, kills, killEveryMs, say }: Fleet): Promise<void> {
  for (let number = 1; number <= kills; number += 1) {
    await delay(Math.random() * 2 * killEveryMs);
    const place = Math.floor(Math.random() * servers.count);
    await servers.kill(place);
    await delay(Math.random() ** 2 * longestAwayMs);
    await servers.start(place);
    say(`instance ${place + 1} was killed and is back (${number} of ${kills})`);
  }
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

function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
