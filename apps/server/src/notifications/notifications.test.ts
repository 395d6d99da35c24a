import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, HoldfastError, ManualClock, systemClock } from '@holdfast/core';
import { freePort, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import {
  type Exim,
  mailPassword,
  mailUser,
  type ServiceRequest,
  startExim,
  startService,
} from '@holdfast/notify/testing';
import type { CallArguments, Routes } from '@holdfast/protocol';
import { createTestInstallation } from '@holdfast/wire/testing';
import { success, TestAgent } from '../testing/test-agent.ts';
import { templateVariable, testDatabaseUrl } from '../testing/test-database.ts';
import { TestInstance } from '../testing/test-instance.ts';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer, until } from '../testing/test-server.ts';

const installation = await createTestInstallation();
const key = randomBytes(32);
const needsExim = skipUnless({ programs: ['exim4'], root: true });

/** A fleet of one agent with a job, whose server is made anew within the same folder. */
async function fleet(t: TestContext, clock: Clock = systemClock) {
  const folder = temporaryFolder(t);
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  let server = await TestServer.start(folder, { clock });
  stack.defer(() => server[Symbol.asyncDispose]());
  const port = await freePort();
  const mover = stack.use(new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port }));
  await mover.listen();
  const agent = stack.use(new TestAgent(await server.join('agent')));
  mover.agents.set(agent.id, agent);
  const repository = await server.client.call('createRepository', { body: { name: 'first', moverId: mover.id } });
  const job = await server.client.call('createJob', {
    body: {
      name: 'homes',
      computers: [agent.id],
      target: { kind: 'shared', repositoryId: repository.id },
      scope: { kind: 'folders', paths: ['/srv'] },
      retries: { count: 0 },
    },
  });
  return {
    agent,
    mover,
    repository,
    get server() {
      return server;
    },
    async run(work: TestAgent['work']): Promise<void> {
      agent.work = work;
      const session = await server.client.call('runJob', { params: { id: job.id }, body: {} });
      for (const run of await server.runsOf(session.id)) await server.follow(run.id);
    },
    async restart(): Promise<void> {
      await server[Symbol.asyncDispose]();
      server = await TestServer.start(folder, { clock });
    },
  };
}

const smtp = (port: number) => ({
  ...{
    kind: 'smtp' as const,
    host: 'localhost',
    port,
    caFile: 'mail-ca',
    user: mailUser,
    passwordFile: 'mail-password',
  },
  ...{ from: 'holdfast@example.com', to: ['ada@example.com'] },
});
const mailSecrets = { 'mail-ca': installation.caPem, 'mail-password': `${mailPassword}\n` };

async function mailServer(t: TestContext, port: number): Promise<Exim> {
  const tls = await installation.issue({ role: 'server' });
  const exim = await startExim({ address: '127.0.0.1', ports: [port], tls, authRequired: true });
  t.after(() => exim[Symbol.asyncDispose]());
  return exim;
}

/** A receiver of events, and what the settings say of it. */
async function webhook(t: TestContext, answer: Parameters<typeof startService>[1]['answer'] = () => ({ status: 204 })) {
  const seen: ServiceRequest[] = [];
  const port = await startService(t, {
    ...{ installation, hosts: ['localhost'] },
    answer: (request) => {
      seen.push(request);
      return answer(request);
    },
  });
  const hook = {
    ...{ kind: 'webhook' as const, url: `https://localhost:${port}/a`, allowLocalAddresses: true },
    ...{ secretFile: 'hook-secret', caFile: 'mail-ca' },
  };
  const secrets = { 'mail-ca': installation.caPem, 'hook-secret': `whsec_${key.toString('base64')}` };
  return { seen, hook, secrets };
}

test('runs are told of by mail and webhook, with the picture of the last runs, and across a restart', {
  skip: needsExim,
}, async (t) => {
  const it = await fleet(t);
  const { seen, hook, secrets: ofHook } = await webhook(t);
  const mailPort = await freePort();
  const settings = {
    ...{ name: 'vault', timeZone: 'Europe/Berlin', destinations: { office: smtp(mailPort), chat: hook } },
    rules: [
      { atLeast: 'warning' as const, send: ['office'] },
      { events: ['run-ended' as const], atLeast: 'information' as const, send: ['chat'] },
    ],
  };
  const secrets = { ...mailSecrets, ...ofHook };
  const shown = await it.server.client.call('setNotificationSettings', { body: { settings, secrets } });
  assert.deepEqual(shown.secrets, ['hook-secret', 'mail-ca', 'mail-password']);

  await it.run(async (task) => success(task));
  await it.run(async () => {
    throw new HoldfastError('storage.full', { message: 'The storage of store is full.' });
  });
  await until(() => seen.length === 2, 'both runs are posted');
  for (const request of seen) {
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = request.headers;
    const expected = createHmac('sha256', key)
      .update(`${String(id)}.${String(at)}.${request.body}`)
      .digest('base64');
    assert.equal(signature, `v1,${expected}`);
  }
  const told = seen.map(
    ({ body }) => JSON.parse(body) as { type: string; data: { subject: string; history: unknown[] } },
  );
  assert.deepEqual(
    told.map(({ type, data }) => [type, data.subject, data.history.length] as const).toSorted((a, b) => a[2] - b[2]),
    [
      ['run-ended', 'Backup homes of test-host succeeded', 1],
      ['run-ended', 'Backup homes of test-host failed', 2],
    ],
  );

  // No mail server is there yet: the failure waits, also while no server runs.
  const waiting = async () =>
    (await it.server.client.call('notifications', { query: { state: 'waiting' } })).notifications;
  await until(async () => (await waiting())[0]?.attempts === 1, 'the mail was tried');
  await it.restart();
  const [mail, ...others] = await waiting();
  assert.deepEqual(others, []);
  assert.deepEqual([mail?.destination, mail?.recipient, mail?.event], ['office', 'ada@example.com', 'run-ended']);
  assert.equal(mail?.lastError?.code, 'channel.refused');
  const exim = await mailServer(t, mailPort);
  assert.equal((await it.server.client.call('retryNotifications', { body: {} })).due, 1);
  const inbox = await exim.inbox(1);
  assert.match(inbox, /^Subject: Error: Backup homes of test-host failed \(Holdfast\)\r?$/m);
  assert.match(inbox, /The storage of store is full\./);
  // The picture: this run and the one before.
  assert.match(inbox, /Last runs, the newest on the right .*: \+X/s);
  assert.equal(inbox.match(/^Subject: /gm)?.length, 1);
  await until(async () => (await waiting()).length === 0, 'it is known to be sent');

  // What is secret is neither shown nor in the database in clear.
  const content = await it.server.databaseContent();
  for (const secret of [mailPassword, key.toString('base64')]) assert.ok(!content.includes(secret));
  assert.ok(!JSON.stringify(await it.server.client.call('notificationSettings', {})).includes(mailPassword));
});

test('a summary a day, with what was run and who is away; a kept secret goes to no other place', async (t) => {
  const clock = new ManualClock(new Date());
  const it = await fleet(t, clock);
  const { seen, hook, secrets } = await webhook(t);
  const halfDayMs = 12 * 3_600_000;
  const at = new Date(clock.now().getTime() + halfDayMs).toISOString().slice(11, 16);
  const settings = { timeZone: 'UTC', destinations: { chat: hook }, rules: [], dailySummary: { at } };
  const set = (body: CallArguments<Routes['setNotificationSettings']>['body']) =>
    it.server.client.call('setNotificationSettings', { body });
  await set({ settings, secrets });
  await set({ settings: { ...settings, destinations: { chat: hook }, rules: [{ atLeast: 'error', send: ['chat'] }] } });
  await set({ settings });
  await assert.rejects(
    set({ settings: { ...settings, destinations: { renamed: { ...hook, url: 'https://evil.example/' } } } }),
    { code: 'request.invalid', message: /mail-ca, hook-secret|hook-secret, mail-ca/ },
  );

  clock.advance(1_000);
  await it.run(async (task) => success(task));
  await it.run(async () => {
    throw new HoldfastError('storage.full', { message: 'The storage of store is full.' });
  });
  /** Waits before more time passes: what is being sent would take too long otherwise. */
  const told = async (count: number): Promise<{ type: string; data: Record<string, unknown> }> => {
    for (let steps = 0; ; steps += 1) {
      for (let looks = 0; looks < 300 && seen.length < count; looks += 1) await delay(10);
      if (seen.length >= count) break;
      assert.ok(steps < 60, `waited in vain for summary ${count}`);
      clock.advance(60_000);
    }
    return JSON.parse(seen[count - 1]?.body ?? '') as { type: string; data: Record<string, unknown> };
  };
  clock.advance(halfDayMs + 60_000);
  const first = await told(1);
  assert.deepEqual(
    [first.type, first.data['subject']],
    ['daily-summary', 'Summary: 1 succeeded, 0 with warnings, 1 failed'],
  );
  const [worst] = first.data['runs'] as { outcome: string; problem: string }[];
  assert.deepEqual([worst?.outcome, worst?.problem], ['failed', 'The storage of store is full.']);
  assert.ok((first.data['offline'] as string[]).includes('test-host'));
  clock.advance(2 * halfDayMs);
  assert.equal((await told(2)).data['subject'], 'Summary: nothing was run');
  // Once for each day, across a restart as well.
  await it.restart();
  for (let looks = 0; looks < 5; looks += 1) {
    clock.advance(60_000);
    await delay(50);
  }
  const ids = new Set(seen.map(({ headers }) => headers['webhook-id']));
  assert.equal(ids.size, 2);
});

// Instances share a PostgreSQL.
if (process.env[templateVariable] !== undefined)
  test('of two instances one sends each, also when one is killed and comes back', async (t) => {
    const folder = temporaryFolder(t);
    const server = await TestServer.start(folder);
    t.after(() => server[Symbol.asyncDispose]());
    const database = (await testDatabaseUrl(folder)) ?? assert.fail();
    const other = await TestInstance.start({ folder: join(folder, 'other'), from: join(folder, 'server'), database });
    t.after(() => other[Symbol.asyncDispose]());
    const told = new Map<string, string[]>();
    const { hook, secrets } = await webhook(t, async ({ body, headers }) => {
      const { account } = (JSON.parse(body) as { data: { account: string } }).data;
      told.set(account, [...(told.get(account) ?? []), String(headers['webhook-id'])]);
      // So that some are under way at any time.
      await delay(10);
      return { status: 204 };
    });
    const settings = { destinations: { chat: hook } };
    await server.client.call('setNotificationSettings', { body: { settings, secrets } });
    const total = 30;
    const causes = Array.from({ length: total }, (_, number) => {
      const noted = JSON.stringify({ kind: 'sign-in-delayed', account: `account ${number}`, address: '192.0.2.1' });
      return `('local', '${crypto.randomUUID()}', '2026-01-10T06:30:00.000Z', '${noted}')`;
    });
    await server.alterDatabase(
      `insert into "notificationCauses" ("tenant", "id", "at", "causeJson") values ${causes.join(', ')}`,
    );
    await until(() => told.size >= 5, 'some are told of');
    await other.kill();
    await other.start();
    await until(() => told.size === total, 'all are told of');
    const all = [...told.values()];
    assert.ok(
      all.every((ids) => new Set(ids).size === 1),
      'what is repeated is known as the same',
    );
    assert.ok(
      all.filter(({ length }) => length > 1).length <= 1,
      'only what was in the hands of the one that was killed',
    );
  });

test('what can not be read at one moment is told of when it can, and what is gone keeps nobody waiting', async (t) => {
  const it = await fleet(t);
  const { server } = it;
  await it.run(async () => {
    throw new HoldfastError('storage.full', { message: 'The storage of store is full.' });
  });
  const { seen, hook, secrets } = await webhook(t);
  await server.client.call('setNotificationSettings', {
    body: { settings: { destinations: { chat: hook } }, secrets },
  });
  const { runs } = await server.client.call('runs', { query: {} });
  await server.alterDatabase(`update "runs" set "problemsJson" = ''`);
  const causes = [crypto.randomUUID(), runs[0]?.id].map((runId, number) => {
    const noted = JSON.stringify({ kind: 'run-ended', runId });
    return `('local', '${crypto.randomUUID()}', '2026-01-10T06:30:0${number}.000Z', '${noted}')`;
  });
  await server.alterDatabase(
    `insert into "notificationCauses" ("tenant", "id", "at", "causeJson") values ${causes.join(', ')}`,
  );
  await until(() => server.logged.filter((line) => line.includes('"cause":')).length >= 2, 'both were looked at');
  await server.alterDatabase(`update "runs" set "problemsJson" = '[]'`);
  await until(() => seen.length > 0, 'it is told of');
  assert.match(seen[0]?.body ?? '', /The storage of store is full/);
  const left = () => server.readDatabase('select "id" from "notificationCauses"');
  await until(async () => (await left()).length === 0, 'none is left');
  assert.equal(seen.length, 1);
});

test('a restore drill is told of as such, with what was restored and what was wrong', async (t) => {
  const it = await fleet(t);
  const { seen, hook, secrets } = await webhook(t);
  await it.run(async (task) => success(task));
  const settings = { destinations: { chat: hook } };
  await it.server.client.call('setNotificationSettings', { body: { settings, secrets } });
  it.agent.work = async () => {
    throw new HoldfastError('drill.failed', { message: '1 of the entries is not what was backed up.' });
  };
  it.mover.executor = it.agent;
  const session = await it.server.client.call('startDrills', { params: { id: it.repository.id }, body: {} });
  for (const run of await it.server.runsOf(session.id)) await it.server.follow(run.id);
  await until(() => seen.length === 1, 'the drill is posted');
  const { type, data } = JSON.parse(seen[0]?.body ?? '') as {
    type: string;
    data: { subject: string; severity: string };
  };
  assert.deepEqual(
    [type, data.severity, data.subject],
    ['restore-drill', 'error', 'Restore drill of test-host from first on test-host failed'],
  );
});

test('what waits for approval, attempts to sign in that have to wait, and trials', { skip: needsExim }, async (t) => {
  const server = await TestServer.start(temporaryFolder(t), { config: { people: { fourEyes: 'on' } } });
  t.after(() => server[Symbol.asyncDispose]());
  const port = await freePort();
  const exim = await mailServer(t, port);
  const settings = { destinations: { office: smtp(port) } };
  await assert.rejects(server.client.call('setNotificationSettings', { body: { settings } }), {
    code: 'request.invalid',
    message: /mail-ca, mail-password/,
  });
  await server.client.call('setNotificationSettings', { body: { settings, secrets: mailSecrets } });
  const { results } = await server.client.call('tryNotifications', { body: {} });
  assert.deepEqual(results, [{ destination: 'office', recipient: 'ada@example.com', sent: true }]);

  const asked = { name: 'grace', role: 'administrator' as const, password: 'a password for a start' };
  await assert.rejects(server.client.call('createUser', { body: asked }), { code: 'approval.needed' });
  for (let attempt = 0; attempt < 6; attempt += 1)
    await assert.rejects(server.signIn('nobody-here', `wrong ${attempt}`), /./);
  const inbox = await exim.inbox(3);
  assert.match(inbox, /^Subject: Trial message/m);
  assert.match(inbox, /^Subject: Warning: .*asks for approval: createUser/m);
  assert.match(inbox, /^Subject: Warning: Wrong attempts to sign in as nobody-here/m);

  // A wrong password is said in plain words, and secrets that are given anew replace what was kept.
  const wrong = { ...mailSecrets, 'mail-password': 'wrong' };
  await server.client.call('setNotificationSettings', { body: { settings, secrets: wrong } });
  const [failed] = (await server.client.call('tryNotifications', { body: { destination: 'office' } })).results;
  assert.equal(failed?.error?.code, 'notify.sign-in');
  await server.client.call('deleteNotificationSettings', {});
  assert.deepEqual(await server.client.call('notificationSettings', {}), { secrets: [] });
  await assert.rejects(server.client.call('tryNotifications', { body: {} }), { code: 'request.missing' });
});
