import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { duplexPair } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { HoldfastError, ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import {
  type AgentPolicy,
  agentPolicy,
  CallPeer,
  reportOf as errorOf,
  type PolicyReport,
  type Task,
  type TaskContext,
  type TaskOutcome,
  TaskRegistry,
  taskMethods,
} from '@holdfast/protocol';
import { pino } from 'pino';
import { maxKeptReports } from '../limits.ts';
import { Policies } from './policies.ts';
import { type PolicyState, PolicyStore } from './policy-store.ts';

const minuteMs = 60_000;
const log = pino({ level: process.env['HOLDFAST_TEST_LOG'] ?? 'silent' });
const agentId = '6f1c2a34-9f52-4c1e-9a57-0b0d5f0c7f11';
const zero = { new: 0, changed: 0, unmodified: 0 };
const done: TaskOutcome = {
  kind: 'backup',
  snapshotId: 'ab'.repeat(32),
  startedAt: '2026-01-01T00:00:00.000Z',
  files: zero,
  directories: zero,
  ...{ totalBytes: 1, totalFiles: 1, readBytes: 1, newBytes: 1, storedBytes: 1, durationMs: 1 },
};

type Work = (task: Task, context: TaskContext) => Promise<TaskOutcome>;

function policyOf(change: Partial<AgentPolicy> = {}): AgentPolicy {
  return agentPolicy.parse({
    id: '11111111-9f52-4c1e-9a57-0b0d5f0c7f11',
    name: 'nightly',
    changedAt: '2025-12-31T00:00:00.000Z',
    repositoryId: '22222222-9f52-4c1e-9a57-0b0d5f0c7f11',
    schedule: { kind: 'daily', at: '01:00' },
    timeZone: 'UTC',
    missed: 'run-once',
    windows: [],
    retries: { count: 0, pauseMinutes: 10 },
    task: {
      kind: 'backup',
      sources: ['/srv'],
      excludes: [],
      oneFileSystem: false,
      tags: [],
      initialise: false,
      access: {
        ...{ tenant: 'local', repository: 'web', password: 'secret', grant: 'g1', direction: 'agent-dials' },
        mover: { id: agentId, host: 'store', port: 6162, fingerprint: 'A'.repeat(43) },
      },
    },
    ...change,
  });
}

/** The agent's part with another server and other work; what is on the disk stays from one life to the next. */
class Agent {
  readonly clock = new ManualClock(new Date('2026-01-01T00:00:00Z'));
  readonly dataDir: string;
  readonly reports: PolicyReport[] = [];
  /** Grants of the tasks that began. */
  readonly begun: string[] = [];
  /** How often it has asked for its policies. */
  contacts = 0;
  policies: AgentPolicy[] = [];
  work: Work = async () => done;
  onReport: (report: PolicyReport) => Promise<void> = async () => undefined;
  #life: { end: AsyncDisposableStack; policies: Policies; registry: TaskRegistry } | undefined;

  constructor(t: TestContext) {
    this.dataDir = temporaryFolder(t);
    t.after(() => this.stop());
  }

  async start(): Promise<void> {
    const store = await PolicyStore.open({ dataDir: this.dataDir, agentId, log });
    const registry = new TaskRegistry(
      (task, context) => {
        this.begun.push(context.grant());
        return this.work(task, context);
      },
      { maxRunning: 4, process: 'agent' },
    );
    const policies = new Policies({ store, registry, clock: this.clock, log });
    const over = new AbortController();
    const working = policies.work(over.signal);
    const end = new AsyncDisposableStack();
    end.defer(async () => {
      policies.leave();
      await registry.stop();
      over.abort();
      await working;
    });
    this.#life = { end, policies, registry };
  }

  async stop(): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    await life?.end.disposeAsync();
  }

  get registry(): TaskRegistry {
    return this.#life?.registry ?? assert.fail('it does not run');
  }

  /** The server is there until what is returned is disposed. */
  connect(): AsyncDisposable {
    const [near, far] = duplexPair();
    const server = new CallPeer({
      stream: far,
      methods: taskMethods,
      handlers: {
        'policies.get': async (_, { emit }) => {
          this.contacts += 1;
          for (const policy of this.policies) await emit(policy);
          return { count: this.policies.length };
        },
        'policies.report': async (report) => {
          await this.onReport(report);
          this.reports.push(report);
          return {};
        },
      },
    });
    const peer = new CallPeer({ stream: near, methods: taskMethods, handlers: {} });
    this.#life?.policies.connected(peer);
    return {
      [Symbol.asyncDispose]: async () => {
        await server[Symbol.asyncDispose]();
        await peer[Symbol.asyncDispose]();
      },
    };
  }

  get kept(): PolicyState {
    return JSON.parse(readFileSync(join(this.dataDir, 'policies.json'), 'utf8')) as PolicyState;
  }

  /** Hands the policies out, and goes away again. */
  async handOut(...policies: AgentPolicy[]): Promise<void> {
    this.policies = policies;
    await using _server = this.connect();
    await until('they are kept', () => this.exists && JSON.stringify(this.kept.policies) === JSON.stringify(policies));
  }

  get exists(): boolean {
    return statSync(join(this.dataDir, 'policies.json'), { throwIfNoEntry: false }) !== undefined;
  }

  /** Time passes, in one leap; whoever looks at schedules looks then, and once more when that is done. */
  async pass(durationMs: number): Promise<void> {
    this.clock.advance(durationMs);
    for (let turn = 0; turn < 3; turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      this.clock.advance(15_000);
    }
  }

  /** Time passes in small steps until it is so. */
  async passUntil(what: string, isSo: () => boolean): Promise<void> {
    await until(what, async () => {
      if (!isSo()) await this.pass(0);
      return isSo();
    });
  }
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const limit = performance.now() + 60_000;
  while (!(await isSo())) {
    if (performance.now() > limit) assert.fail(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const full: Work = async () => {
  throw new HoldfastError('storage.full');
};
/** Works until it is stopped. */
const endless: Work = (_, { signal }) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

test('what is due runs without a server, and is told when there is one', async (t) => {
  const agent = new Agent(t);
  await agent.start();
  await agent.handOut(policyOf());
  if (process.platform !== 'win32') assert.equal(statSync(join(agent.dataDir, 'policies.json')).mode & 0o777, 0o600);
  await agent.pass(59 * minuteMs - 60_000);
  assert.deepEqual(agent.begun, []);
  await agent.pass(2 * minuteMs);
  await agent.passUntil('it is done', () => agent.kept.reports.length === 1);
  assert.deepEqual(agent.kept.due, []);
  assert.equal(agent.reports.length, 0);
  // Another life, with a server that is lost before it has answered, then with one that answers.
  await agent.stop();
  await agent.start();
  const lost = agent.connect();
  agent.onReport = () => Promise.resolve(lost[Symbol.asyncDispose]());
  await until('it was told in vain', () => agent.reports.length === 1);
  await agent.pass(0);
  assert.equal(agent.kept.reports.length, 1);
  agent.onReport = async () => undefined;
  await using _server = agent.connect();
  await agent.passUntil('it is told', () => agent.kept.reports.length === 0);
  const [first, second] = agent.reports;
  assert.equal(first?.runId, second?.runId);
  assert.deepEqual(
    [second?.dueAt, second?.attempt, second?.outcome.kind, second?.lostBefore, 'access' in (second?.task ?? {})],
    ['2026-01-01T01:00:00.000Z', 1, 'done', 0, false],
  );
  assert.equal(agent.begun.length, 1);
});

test('policies are got again every six hours while the server is there, also if nobody says that they have changed', async (t) => {
  const agent = new Agent(t);
  await agent.start();
  await using _server = agent.connect();
  await until('they are got', () => agent.contacts === 1 && agent.exists);
  agent.policies = [policyOf()];
  await agent.pass(6 * 60 * minuteMs - 5 * minuteMs);
  assert.equal(agent.contacts, 1);
  // Six hours from the end of the first time on, which may have been later than this began to count.
  await agent.passUntil('they are got again', () => agent.contacts === 2);
  assert.ok(agent.clock.now().getTime() < Date.parse('2026-01-01T00:00:00Z') + 13 * 60 * minuteMs);
  await until('they are kept', () => agent.kept.policies.length === 1);
});

test('what fails is tried again after the pause; what is missed comes once; a newer grant takes over', async (t) => {
  const agent = new Agent(t);
  agent.work = full;
  await agent.start();
  await agent.handOut(policyOf({ retries: { count: 2, pauseMinutes: 10 } }));
  // Three days without anybody to run it: once is enough.
  await agent.stop();
  agent.clock.advance(3 * 24 * 60 * minuteMs + 2 * 60 * minuteMs);
  await agent.start();
  await agent.passUntil('the first attempt', () => agent.begun.length === 1);
  await until('it waits', () => agent.kept.due[0]?.attempt === 1);
  await agent.pass(5 * minuteMs);
  assert.equal(agent.begun.length, 1);
  const policy = policyOf({ retries: { count: 2, pauseMinutes: 10 } });
  const { access } = policy.task;
  await agent.handOut({ ...policy, task: { ...policy.task, access: { ...access, grant: 'g2' } } });
  await agent.pass(5 * minuteMs);
  await agent.passUntil('the second attempt', () => agent.begun.length === 2);
  await agent.passUntil('the last attempt', () => agent.begun.length === 3);
  await agent.passUntil('it is over', () => agent.kept.reports.length === 1);
  assert.deepEqual(agent.begun, ['g1', 'g2', 'g2']);
  const [report] = agent.kept.reports;
  assert.deepEqual([report?.dueAt, report?.attempt], ['2026-01-04T01:00:00.000Z', 3]);
  assert.ok(report?.outcome.kind === 'failed');
  assert.equal(report.outcome.error.code, 'storage.full');
});

test('an agent that stops in the middle begins again; one that is killed has made an attempt', async (t) => {
  const agent = new Agent(t);
  agent.work = endless;
  await agent.start();
  await agent.handOut(policyOf());
  agent.clock.advance(60 * minuteMs);
  await agent.passUntil('it begins', () => agent.begun.length === 1);
  await until('that is kept', () => agent.kept.due[0]?.attempt === 1);
  const runId = agent.kept.due[0]?.runId;
  const killed = readFileSync(join(agent.dataDir, 'policies.json'));
  await agent.stop();
  assert.deepEqual([agent.kept.due[0]?.runId, agent.kept.due[0]?.attempt], [runId, 0]);
  await agent.start();
  await agent.passUntil('it begins again', () => agent.begun.length === 2);
  await agent.stop();

  writeFileSync(join(agent.dataDir, 'policies.json'), killed);
  await agent.start();
  await agent.passUntil('it is over', () => agent.kept.reports.length === 1);
  const [report] = agent.kept.reports;
  assert.deepEqual([report?.runId, report?.outcome.kind, agent.begun.length], [runId, 'failed', 2]);
});

test('nothing runs outside of the windows, or beside what the server runs here', async (t) => {
  const agent = new Agent(t);
  agent.work = endless;
  await agent.start();
  const windows: AgentPolicy['windows'] = [{ days: ['thursday'], from: '03:00', to: '04:00' }];
  await agent.handOut(policyOf({ windows, retries: { count: 3, pauseMinutes: 1 } }));
  await agent.pass(61 * minuteMs);
  assert.equal(agent.begun.length, 0);
  const { task } = policyOf();
  const leave = new AbortController();
  const theirs = agent.registry.run({ run: agentId }, task, { watch: () => undefined, signal: leave.signal });
  assert.equal(agent.begun.length, 1);
  await agent.pass(120 * minuteMs);
  assert.equal(agent.begun.length, 1);
  agent.registry.cancel(agentId);
  await assert.rejects(theirs);
  await agent.passUntil('it begins', () => agent.begun.length === 2);
  agent.clock.advance(60 * minuteMs);
  await agent.passUntil('it is stopped', () => agent.kept.reports.length === 1);
  const [report] = agent.kept.reports;
  assert.ok(report?.outcome.kind === 'failed');
  assert.deepEqual([report.outcome.error.code, report.attempt], ['job.window', 1]);
});

test('a policy that is taken away runs no more; what is under way ends, and is told', async (t) => {
  const agent = new Agent(t);
  const gate = Promise.withResolvers<void>();
  agent.work = async () => {
    await gate.promise;
    return done;
  };
  await agent.start();
  await agent.handOut(policyOf());
  agent.clock.advance(60 * minuteMs);
  await agent.passUntil('it begins', () => agent.begun.length === 1);
  await agent.handOut();
  gate.resolve();
  await until('it ends', () => agent.kept.reports.length === 1);
  await agent.pass(48 * 60 * minuteMs);
  assert.equal(agent.begun.length, 1);
});

test('reports are bounded, the oldest make room and are counted; what the server refuses for good is dropped', async (t) => {
  const agent = new Agent(t);
  await agent.start();
  await agent.handOut(policyOf());
  await agent.stop();
  agent.clock.advance(60 * minuteMs);
  const { task, repositoryId, name, id } = policyOf();
  const { access: _access, initialise: _initialise, ...order } = task;
  const at = '2026-01-01T00:00:00.000Z';
  const report = (number: number): PolicyReport => ({
    ...{ runId: crypto.randomUUID(), policyId: id, policyName: name, repositoryId, attempt: 1, task: order },
    ...{ dueAt: at, startedAt: at, endedAt: at },
    outcome: { kind: 'failed', error: errorOf(new HoldfastError('storage.full')) },
    ...{ problems: [], problemCount: 0, degradations: [], lostBefore: number === 0 ? 4 : 0 },
  });
  const reports = Array.from({ length: maxKeptReports }, (_, number) => report(number));
  writeFileSync(join(agent.dataDir, 'policies.json'), JSON.stringify({ ...agent.kept, reports }));
  await agent.start();
  await agent.passUntil('one more ended', () => agent.begun.length === 1 && agent.kept.due.length === 0);
  assert.equal(agent.kept.reports.length, maxKeptReports);
  assert.equal(agent.kept.reports[0]?.runId, reports[1]?.runId);
  assert.equal(agent.kept.reports[0]?.lostBefore, 5);

  // For good, then for now, then not at all.
  const codes = ['request.invalid', 'database.unavailable'] as const;
  let told = 0;
  agent.onReport = async () => {
    const code = codes[told++];
    if (code) throw new HoldfastError(code);
  };
  await using _server = agent.connect();
  await until('told twice', () => told === 2);
  await until('the refused one is gone', () => agent.kept.reports.length === maxKeptReports - 1);
  await agent.passUntil('all is told', () => agent.kept.reports.length === 0);
  assert.equal(agent.reports[0]?.runId, reports[2]?.runId);
  assert.equal(agent.reports.length, maxKeptReports - 1);
});

test('policies of another enrolment, and what can not be read, are worth nothing', async (t) => {
  const agent = new Agent(t);
  await agent.start();
  await agent.handOut(policyOf());
  await agent.stop();
  const path = join(agent.dataDir, 'policies.json');
  const text = readFileSync(path, 'utf8');
  const opened = async (content: string): Promise<number> => {
    writeFileSync(path, content);
    return (await PolicyStore.open({ dataDir: agent.dataDir, agentId, log })).state.policies.length;
  };
  assert.equal(await opened(text), 1);
  assert.equal(await opened(text.replace(`"agentId":"${agentId}"`, `"agentId":"${crypto.randomUUID()}"`)), 0);
  assert.equal(await opened(text.slice(0, 100)), 0);
});
