import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import type { jobSettings, RestClient } from '@holdfast/protocol';
import { TestServer } from '@holdfast/server/testing';
import fc from 'fast-check';
import { stringify } from 'yaml';
import type { z } from 'zod';
import { runCli } from '../testing/run-cli.ts';
import { carryOut, type Outcome } from './carry-out.ts';
import { fleetFileOf } from './fleet-file.ts';
import { makePlan, type Plan, type PlanOptions } from './plan.ts';
import { readPresentState } from './present-state.ts';
import { readDeclaration } from './read-declaration.ts';

/** Files applied to real servers. */

const { signal } = new AbortController();
const hosts = ['web1', 'web2', 'web3', 'web4'] as const;

/** A server with a mover, a repository and agents that have the same names everywhere. */
class Fleet {
  readonly server: TestServer;
  readonly ids: Readonly<Record<string, string>>;
  readonly #folder: string;

  private constructor(server: TestServer, ids: Readonly<Record<string, string>>, folder: string) {
    this.server = server;
    this.ids = ids;
    this.#folder = folder;
  }

  static async start(t: TestContext, config: NonNullable<Parameters<typeof TestServer.start>[1]>['config'] = {}) {
    const folder = temporaryFolder(t);
    const server = await TestServer.start(folder, { config });
    t.after(() => server[Symbol.asyncDispose]());
    const ids: Record<string, string> = { books: crypto.randomUUID() };
    for (const name of [...hosts, 'store']) {
      const { answer } = await server.join(name === 'store' ? 'mover' : 'agent');
      await server.alterDatabase(`update "computers" set "hostname" = '${name}' where "id" = '${answer.id}'`);
      ids[name] = answer.id;
    }
    await server.alterDatabase(
      `insert into "repositories" ("tenant", "id", "name", "groupName", "moverId", "location", "sealedPassword", "createdAt", "initialisedAt")
       values ('local', '${ids['books']}', 'books', 'default', '${ids['store']}', '/srv/books', '', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z')`,
    );
    return new Fleet(server, ids, folder);
  }

  get client(): RestClient {
    return this.server.client;
  }

  id(name: string): string {
    return this.ids[name] ?? assert.fail(name);
  }

  settings(name: string, computers: readonly string[] = ['web1']) {
    return {
      name,
      computers: computers.map((one) => this.id(one)),
      scope: { kind: 'folders' as const, paths: ['/srv'] },
      target: { kind: 'shared' as const, repositoryId: this.id('books') },
      timeZone: 'UTC',
    };
  }

  file(text: string): string {
    const file = join(this.#folder, 'fleet.yaml');
    writeFileSync(file, text);
    return file;
  }

  async export(): Promise<string> {
    const { document } = fleetFileOf(await readPresentState(this.client, signal), 'fleet');
    return stringify(document, { aliasDuplicateObjects: false });
  }

  async plan(text: string, o: Partial<PlanOptions> = {}): Promise<Plan> {
    const declaration = await readDeclaration([this.file(text)]);
    const present = await readPresentState(this.client, signal);
    return makePlan(declaration, present, { undeclared: 'leave', takeOver: false, ...o });
  }

  async carryOut(plan: Plan, o: { client?: RestClient; onOutcome?: (outcome: Outcome) => Promise<void> } = {}) {
    const client = o.client ?? this.client;
    const { names } = await readPresentState(client, signal);
    return carryOut(plan, { client, names, signal, onOutcome: o.onOutcome ?? (async () => undefined) });
  }

  /** `create job homes: done`, of each step. */
  async apply(text: string, o: Partial<PlanOptions> & { client?: RestClient } = {}): Promise<string[]> {
    return (await this.carryOut(await this.plan(text, o), o)).map(outcomeLine);
  }

  async clear(): Promise<void> {
    const { client } = this;
    // Those first after which no other runs.
    for (let jobs = await client.list('jobs', {}); jobs.length > 0; jobs = await client.list('jobs', {})) {
      const leaders = new Set(jobs.map(({ schedule }) => (schedule.kind === 'after' ? schedule.jobId : '')));
      for (const { id } of jobs) if (!leaders.has(id)) await client.call('deleteJob', { params: { id } });
    }
    for (const { id } of await client.list('policies', {})) await client.call('deletePolicy', { params: { id } });
    for (const { name } of await client.list('groups', {}))
      if (name !== 'default') await client.call('deleteGroup', { params: { id: name } });
  }
}

function outcomeLine(outcome: Outcome): string {
  const { step, state } = outcome;
  return `${step.action} ${step.kind} ${step.name}: ${state === 'failed' ? outcome.error.code : state}`;
}

const doc = (entries: Readonly<Record<string, string>>): string =>
  `name: fleet\n${Object.entries(entries)
    .map(([section, text]) => `${section}:\n${text}`)
    .join('')}`;
const definition = (name: string, more = 'computers: [web1]'): string =>
  `  ${name}: { scope: { kind: folders, paths: [/srv] }, target: { kind: shared, repository: books }, timeZone: UTC, ${more} }\n`;

type Settings = z.input<typeof jobSettings>;

const time = fc.constantFrom('00:00', '05:30', '23:59');
const days = fc.subarray(['monday', 'friday', 'sunday'] as const, { minLength: 1 });
const someText = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }).filter((text) => text.trim() !== '');
const clockSchedule: fc.Arbitrary<NonNullable<Settings['schedule']>> = fc.oneof(
  fc.constant({ kind: 'manual' as const }),
  fc.record({ kind: fc.constant('daily' as const), at: time }),
  fc.record({ kind: fc.constant('weekly' as const), days, at: time }),
  fc.record({
    kind: fc.constant('monthly' as const),
    on: fc.oneof(
      fc.record({ day: fc.constantFrom(1, 31, 'last' as const) }),
      fc.record({ nth: fc.constantFrom(1, 4, 'last' as const), weekday: fc.constant('friday' as const) }),
    ),
    months: fc.constantFrom<number[]>([2], [1, 12]),
    at: time,
  }),
  fc.record({ kind: fc.constant('interval' as const), everyMinutes: fc.nat(1439).map((n) => n + 1), from: time, days }),
  fc.constant({ kind: 'cron' as const, expression: '0 21 * * 1-5' }),
);
const definitionFields = {
  name: someText,
  enabled: fc.boolean(),
  scope: fc.record({
    kind: fc.constant('folders' as const),
    paths: fc.array(
      someText.map((text) => `/${text}`),
      { minLength: 1, maxLength: 3 },
    ),
  }),
  excludes: fc.array(someText, { maxLength: 3 }),
  oneFileSystem: fc.boolean(),
  tags: fc.array(someText, { maxLength: 2 }),
  missed: fc.constantFrom('run-once' as const, 'skip' as const),
  timeZone: fc.constantFrom('UTC', 'Europe/Berlin'),
  windows: fc.array(fc.record({ days, from: time, to: fc.constantFrom('06:00', '24:00') }), { maxLength: 2 }),
  retries: fc.record({ count: fc.nat(5), pauseMinutes: fc.constantFrom(1, 10) }),
  compression: fc.constantFrom('auto' as const, 'max' as const),
  bandwidth: fc.array(fc.record({ bytesPerSecond: fc.constantFrom(65_536, 1_000_000) }), { maxLength: 1 }),
  healthCheck: fc.oneof(
    fc.constant({ enabled: false }),
    fc.constant({ schedule: { kind: 'daily' as const, at: '01:00' } }),
  ),
  schedule: clockSchedule,
  ownTarget: fc.option(fc.constantFrom('{computer}', 'x-{group}-{id}'), { nil: undefined }),
  retention: fc.option(
    fc.record({
      keep: fc.oneof(
        fc.record({ by: fc.constant('days' as const), days: fc.constantFrom(1, 30) }),
        fc.constant({ by: 'points' as const, points: 5 }),
      ),
      gfs: fc.constantFrom({}, { weekly: 4, yearly: 2 }),
    }),
    { nil: undefined },
  ),
};
const someGroup = fc.record({
  type: fc.constantFrom('individual' as const, 'csv' as const, 'preinstalled' as const),
  enabled: fc.boolean(),
  exclusions: fc.subarray(['test-*', '10.9.0.0/16']),
  isRescanned: fc.boolean(),
  expected: fc.uniqueArray(fc.constantFrom('shop1', 'Shop2', '10.1.0.1'), { maxLength: 3 }),
});
const state = fc.record({
  groups: fc.array(someGroup, { maxLength: 3 }),
  jobs: fc.uniqueArray(
    fc.record({
      ...definitionFields,
      direction: fc.constantFrom('agent-dials' as const, 'mover-dials' as const),
      computers: fc.subarray(['web1', 'web2'], { minLength: 1 }),
      after: fc.option(fc.nat(10), { nil: undefined }),
    }),
    { maxLength: 4, selector: ({ name }) => name },
  ),
  policies: fc.uniqueArray(
    fc.record({ ...definitionFields, computers: fc.subarray(['web3', 'web4']), inGroup: fc.boolean() }),
    { maxLength: 3, selector: ({ name }) => name },
  ),
});

/** Makes the state as people do, by the API. */
async function make(
  fleet: Fleet,
  given: typeof state extends fc.Arbitrary<infer State> ? State : never,
): Promise<void> {
  const { client } = fleet;
  const bodyOf = <
    Form extends { computers: string[]; ownTarget: string | undefined; retention: Settings['retention'] },
  >({
    ownTarget,
    retention,
    ...one
  }: Form) => ({
    ...one,
    computers: one.computers.map((name) => fleet.id(name)),
    target:
      ownTarget === undefined
        ? { kind: 'shared' as const, repositoryId: fleet.id('books') }
        : { kind: 'own' as const, moverId: fleet.id('store'), name: ownTarget },
    ...(retention ? { retention } : {}),
  });
  await client.call('createGroup', { body: { name: 'empty' } });
  for (const [index, { isRescanned, expected, ...group }] of given.groups.entries()) {
    const name = `group-${index}`;
    const rescanAt = isRescanned && group.type !== 'preinstalled' ? '06:30' : null;
    await client.call('createGroup', { body: { ...group, name, ...(isRescanned ? {} : { rescanAt }) } });
    const computers = expected.map((one) => ({ name: one, comment: `of ${name}` }));
    if (group.type === 'individual' && computers.length > 0)
      await client.call('expectComputers', { params: { id: name }, body: { computers } });
  }
  const made: string[] = [];
  for (const { after, ...job } of given.jobs) {
    const leader = after === undefined ? undefined : made[after];
    const schedule = leader === undefined ? job.schedule : { kind: 'after' as const, jobId: leader };
    made.push((await client.call('createJob', { body: { ...bodyOf(job), schedule } })).id);
  }
  for (const { inGroup, ...policy } of given.policies) {
    const body = bodyOf(policy);
    const groups = inGroup || body.computers.length === 0 ? ['empty'] : [];
    await client.call('createPolicy', { body: { ...body, groups } });
  }
}

test('what is exported changes nothing here, and makes the same on an empty server; once is enough', async (t) => {
  const [here, there] = [await Fleet.start(t), await Fleet.start(t)];
  let definitions = 0;
  await fc.assert(
    fc.asyncProperty(state, async (given) => {
      for (const fleet of [here, there]) await fleet.clear();
      await make(here, given);
      const exported = await here.export();
      const own = await here.plan(exported);
      assert.deepEqual(
        own.steps.filter(({ action }) => action !== 'take'),
        [],
        exported,
      );
      const outcomes = await there.apply(exported);
      assert.deepEqual(
        outcomes.filter((line) => !line.endsWith(': done')),
        [],
        exported,
      );
      assert.equal(await there.export(), exported);
      assert.deepEqual((await there.plan(exported)).steps, []);
      // What has become part of the declaration is neither changed nor taken again.
      await here.carryOut(own);
      assert.deepEqual((await here.plan(exported)).steps, []);
      definitions += given.jobs.length + given.policies.length;
    }),
    { numRuns: 5, seed: 6 },
  );
  assert.ok(definitions > 10, `${definitions} were tried`);
});

test('what a declaration no longer has is left, let go or deleted; what is nobody’s is never deleted', async (t) => {
  const fleet = await Fleet.start(t);
  await fleet.client.call('createJob', { body: fleet.settings('by hand') });
  const both = doc({ groups: '  web: { exclusions: [test-*] }\n', jobs: definition('a') + definition('b') });
  assert.deepEqual(await fleet.apply(both), ['create group web: done', 'create job a: done', 'create job b: done']);
  const one = doc({ groups: '  web: {}\n', jobs: definition('a', 'groups: [web]') });
  assert.deepEqual(await fleet.apply(one), ['change group web: done', 'change job a: done']);
  assert.deepEqual((await fleet.plan(one)).undeclared, [{ kind: 'job', name: 'b' }]);
  assert.deepEqual(await fleet.apply(one, { undeclared: 'release' }), ['release job b: done']);
  assert.deepEqual(await fleet.apply(one, { undeclared: 'delete' }), []);
  assert.deepEqual(await fleet.apply('name: fleet\n', { undeclared: 'delete' }), [
    'delete job a: done',
    'delete group web: done',
  ]);
  const jobs = await fleet.client.list('jobs', {});
  assert.deepEqual(
    jobs.map(({ name }) => name),
    ['by hand', 'b'],
  );
});

test('what somebody changes after the plan is not overwritten; what changes by itself is no conflict', async (t) => {
  const fleet = await Fleet.start(t);
  const { client } = fleet;
  const text = doc({ groups: '  web: {}\n', jobs: ['a', 'b', 'c', 'd'].map((name) => definition(name)).join('') });
  await fleet.apply(text);
  const job = async (name: string) => (await client.list('jobs', {})).find((one) => one.name === name) ?? assert.fail();
  const plan = await fleet.plan(
    doc({
      groups: '  web: { enabled: false }\n  shops: {}\n',
      jobs: ['a', 'b', 'c'].map((name) => definition(name, 'computers: [web2]')).join('') + definition('e'),
    }),
    { undeclared: 'delete' },
  );
  // Meanwhile: one is changed, one deleted, one runs, one that goes is changed, and a new one is made by somebody else.
  const body = { ...fleet.settings('a'), excludes: ['*.tmp'] };
  await client.call('changeJob', { params: { id: (await job('a')).id }, body });
  await client.call('deleteJob', { params: { id: (await job('b')).id } });
  await client.call('runJob', { params: { id: (await job('c')).id }, body: {} });
  await client.call('changeJob', {
    params: { id: (await job('d')).id },
    body: { ...fleet.settings('d'), enabled: false },
  });
  await client.call('createJob', { body: fleet.settings('e') });
  await client.call('createGroup', { body: { name: 'shops' } });
  await client.call('expectComputers', { params: { id: 'web' }, body: { computers: [{ name: 'web9' }] } });
  assert.deepEqual((await fleet.carryOut(plan)).map(outcomeLine).sort(), [
    'change group web: done',
    'change job a: request.changed',
    'change job b: request.missing',
    'change job c: done',
    'create group shops: request.conflict',
    'create job e: request.conflict',
    'delete job d: request.changed',
  ]);
  assert.deepEqual((await job('a')).excludes, ['*.tmp']);
  assert.deepEqual((await job('c')).computers, [fleet.id('web2')]);
});

test('what fails keeps back what needs it and nothing else, and applying again goes on', async (t) => {
  const fleet = await Fleet.start(t);
  const { id } = await fleet.client.call('createPolicy', { body: fleet.settings('in the way', ['web2']) });
  const text = doc({
    jobs:
      definition('third', 'computers: [web3], schedule: { kind: after, job: second }') +
      definition('second', 'computers: [web3], schedule: { kind: after, job: first }') +
      definition('first', 'computers: [web2]') +
      definition('other'),
  });
  assert.deepEqual(await fleet.apply(text), [
    'create job first: request.conflict',
    'create job second: not-done',
    'create job third: not-done',
    'create job other: done',
  ]);
  await fleet.client.call('deletePolicy', { params: { id } });
  assert.deepEqual(await fleet.apply(text), [
    'create job first: done',
    'create job second: done',
    'create job third: done',
  ]);
});

test('where a second administrator has to agree it waits, is asked for once, and is done as it was planned', async (t) => {
  const fleet = await Fleet.start(t);
  const ada = await fleet.server.person('ada', 'administrator');
  const bob = await fleet.server.person('bob', 'administrator');
  const keeping = (number: number) =>
    doc({ jobs: definition('a', `computers: [web1], retention: { keep: { by: days, days: ${number} } }`) });
  for (const [days, step, action] of [
    [30, 'create job a', 'createJob'],
    [3, 'change job a', 'changeJob'],
  ] as const) {
    const o = { client: ada.client };
    assert.deepEqual(await fleet.apply(keeping(days), o), [`${step}: waiting`]);
    assert.deepEqual(await fleet.apply(keeping(days), o), [`${step}: waiting`]);
    const { approvals } = await bob.client.call('approvals', { query: {} });
    const [asked = assert.fail('nothing waits'), another] = approvals;
    assert.deepEqual([asked.action, asked.request['name'], another], [action, 'a', undefined]);
    assert.equal((await bob.client.call('approveRequest', { params: { id: asked.id } })).state, 'approved');
    assert.deepEqual(await fleet.apply(keeping(days), o), []);
  }
  // What waits for another declaration, or of somebody else, is not taken for this one's.
  const waiting = async () =>
    (await bob.client.call('approvals', { query: { only: 'waiting' } })).approvals
      .map(({ request, requestedBy }) => `${requestedBy} ${JSON.stringify(request['retention'])}`)
      .toSorted();
  for (const [number, client] of [
    [2, ada.client],
    [1, ada.client],
    [2, bob.client],
  ] as const)
    assert.deepEqual(await fleet.apply(keeping(number), { client }), ['change job a: waiting']);
  const asks = (who: string, days: number) => new RegExp(`^user/${who} .*"by":"days","days":${days}[,}]`);
  const [one = '', two = '', bobs = '', more] = await waiting();
  assert.match(one, asks('ada', 1));
  assert.match(two, asks('ada', 2));
  assert.match(bobs, asks('bob', 2));
  assert.equal(more, undefined);
});

test('the command asks, shows, refuses and says by its status what there is to do', async (t) => {
  const fleet = await Fleet.start(t);
  const { running } = fleet.server;
  const place = [
    ...['--server', `127.0.0.1:${running.portOf('client-to-server')}`],
    ...['--token-file', running.tokenFile, '--cacert', running.caFile],
  ];
  const text = doc({ groups: '  web: {}\n', jobs: definition('a', 'groups: [web]') });
  const file = fleet.file(text);
  const apply = (...args: string[]) => runCli(['apply', ...args, ...place]);

  const [nobody, planned, wrong] = await Promise.all([
    apply('-f', file),
    apply('-f', file, '--plan', '--json'),
    runCli(['apply', '-f', '-', ...place], { input: 'name: fleet\njobs: { a: {} }\n' }),
  ]);
  assert.deepEqual([nobody.status, planned.status, wrong.status], [2, 3, 2], nobody.stderr + wrong.stderr);
  assert.match(nobody.stderr, /2 changes would be made, and there is nobody to ask; nothing was changed/);
  assert.match(wrong.stderr, /standard input:2:9: scope is missing/);
  const plan = JSON.parse(planned.stdout) as { kind: string; steps: { action: string; kind: string; name: string }[] };
  assert.deepEqual(
    plan.steps.map(({ action, kind, name }) => [action, kind, name]),
    [
      ['create', 'group', 'web'],
      ['create', 'job', 'a'],
    ],
  );
  const done = await apply('-f', file, '--yes');
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /\+ job a\n[\s\S]*group web: created\njob a: created\n/);
  const exported = await runCli(['export', ...place]);
  assert.match(exported.stdout, /^name: fleet\ngroups:\n {2}default:/);
  const [again, conflicting] = await Promise.all([
    runCli(['apply', '-f', '-', ...place], { input: exported.stdout }),
    apply('-f', file, '--prune', '--release'),
  ]);
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stdout, /0 to create, 0 to change, 0 to delete, 3 unchanged/);
  assert.equal(conflicting.status, 2);
});
