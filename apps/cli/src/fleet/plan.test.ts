import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { type Group, type Job, jobSettings, type Policy } from '@holdfast/protocol';
import { Directory } from './directory.ts';
import { makePlan, type Plan, type PlanOptions } from './plan.ts';
import { planText } from './plan-text.ts';
import type { PresentState } from './present-state.ts';
import { readDeclaration } from './read-declaration.ts';

/** What files say, what there is, and what follows from both; without a server. */

const idOf = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
const at = '2026-01-01T00:00:00.000Z';
const agents = ['web1', 'web2', 'web3', 'twin', 'twin'].map((name, index) => ({ id: idOf(index), name }));
const mover = { id: idOf(100), name: 'store' };
const repository = { id: idOf(200), name: 'books' };

function groupOf(name: string, more: Partial<Group> = {}): Group {
  return {
    ...{ name, type: 'individual', exclusions: [], rescanAt: '21:00', enabled: true },
    csvFile: null,
    createdAt: at,
    ...more,
  };
}

let made = 0;
function definitionOf(name: string, more: Partial<Job> = {}): Job {
  made += 1;
  const settings = jobSettings.parse({
    name,
    computers: [idOf(0)],
    scope: { kind: 'folders', paths: ['/srv'] },
    target: { kind: 'own', moverId: mover.id },
    timeZone: 'UTC',
  });
  return { ...settings, id: idOf(1000 + made), createdAt: at, changedAt: at, ...more };
}

function present(o: { groups?: Group[]; jobs?: Job[]; policies?: Job[] } = {}): PresentState {
  const policies = (o.policies ?? []).map(({ direction: _direction, ...policy }): Policy => policy);
  const jobs = o.jobs ?? [];
  return {
    ...{ groups: o.groups ?? [], jobs, policies, expected: new Map() },
    names: {
      agents: new Directory('agent', agents),
      movers: new Directory('mover', [mover]),
      repositories: new Directory('repository', [repository]),
      jobs: new Directory('job', jobs),
      groupOf: new Map(agents.map(({ id }) => [id, 'default'])),
    },
  };
}

const job = (name: string, fields = ''): string =>
  `  ${name}:
    computers: [web1]
    scope: { kind: folders, paths: [/srv] }
    target: { kind: own, mover: store }
${fields}`;

async function planOf(t: TestContext, text: string, state: PresentState, o: Partial<PlanOptions> = {}): Promise<Plan> {
  const file = join(temporaryFolder(t), 'fleet.yaml');
  writeFileSync(file, text);
  return makePlan(await readDeclaration([file]), state, { undeclared: 'leave', takeOver: false, ...o });
}

const stepsOf = ({ steps }: Plan): string[] => steps.map(({ action, kind, name }) => `${action} ${kind} ${name}`);

test('what is wrong is said with file, line and what was meant, all at once', async (t) => {
  const mistakes: readonly { readonly text: string; readonly says: readonly string[] }[] = [
    { text: 'name: f\njob: {}\n', says: [':2:1: there is no "job" here. Did you mean jobs?'] },
    {
      text: `name: f\njobs:\n${job('a', '    schedul: x\n    compression: of\n')}`,
      says: [':7:5: ', ':8:18: compression: "of" is none of auto, off'],
    },
    {
      text: `name: f\njobs:\n${job('a', '    schedule: { kind: dayly, at: "21:00" }\n')}`,
      says: [':7:23: schedule.kind: "dayly" is none of', 'Did you mean daily?'],
    },
    {
      text: `name: f\njobs:\n${job('a', '    schedule: { kind: monthly, at: "21:00", on: { nth: 7, weekday: friday } }\n')}`,
      says: [':7:56: schedule.on.nth'],
    },
    {
      text: `name: f\npolicies:\n${job('a', '    schedule: { kind: after, job: b }\n')}`,
      says: [':7:23: schedule.kind: "after" is none of manual'],
    },
    {
      text: 'name: f\njobs:\n  a: { computers: [web1] }\n',
      says: [':3:3: scope is missing', ':3:3: target is missing'],
    },
    { text: 'groups: {}\n', says: [':1:1: name is missing'] },
    { text: 'name: f\ngroups: { "A B": {} }\n', says: [':2:11: no name: use a-z'] },
    { text: `name: f\njobs:\n${job('a')}${job('a')}`, says: [':7:3: "a" appears twice'] },
    { text: 'name: f\n---\nname: f\n', says: [':2:1: a second document begins here: a file holds one declaration'] },
    { text: '[]\n', says: [':1:1: a declaration is a mapping: name:, groups:'] },
    // What only the server's state shows.
    {
      text: `name: f\njobs:\n${job('a').replace('web1', 'web1, wbe2, twin')}`,
      says: [
        ':4:23: there is no agent wbe2. Did you mean web2',
        `:4:29: 2 of agent have the name twin: give the id, one of ${idOf(3)}`,
      ],
    },
    { text: `name: f\njobs:\n${job('a').replace('[web1]', '[]')}`, says: [':3:3: it needs computers or groups'] },
    {
      text: `name: f\njobs:\n${job('a').replace('computers: [web1]', 'groups: [nowhere]')}`,
      says: [':4:14: there is no group nowhere'],
    },
    {
      text: `name: f\njobs:\n${job('a').replace('store', 'stor')}`,
      says: [':6:33: there is no mover stor. Did you mean store?'],
    },
    {
      text: `name: f\njobs:\n${job('a').replace('own, mover: store', 'shared, repository: boks')}`,
      says: ['there is no repository boks. Did you mean books?'],
    },
    {
      text: `name: f\njobs:\n${job('a', '    schedule: { kind: after, job: c }\n')}`,
      says: [':7:35: there is no job c.'],
    },
    {
      text: `name: f\njobs:\n${job('a', '    schedule: { kind: after, job: b }\n')}${job('b', '    schedule: { kind: after, job: a }\n')}`,
      says: [':7:35: jobs run after each other in a circle'],
    },
    {
      text: 'name: f\ngroups: { there: { type: csv } }\n',
      says: [':2:26: group there is of type individual, which can not be changed to csv'],
    },
    { text: `name: f\njobs:\n${job('theirs')}`, says: [':3:3: job theirs is of declaration other; --take-over'] },
    { text: `name: f\njobs:\n${job('twice')}`, says: [':3:3: 2 have this name'] },
  ];
  const state = present({
    groups: [groupOf('there')],
    jobs: [definitionOf('theirs', { managedBy: 'other' }), definitionOf('twice'), definitionOf('twice')],
  });
  for (const { text, says } of mistakes) {
    const error = await planOf(t, text, state).then(
      () => assert.fail(`accepted: ${text}`),
      (cause: unknown) => cause,
    );
    assert.ok(error instanceof HoldfastError && error.code === 'declaration.invalid', String(error));
    for (const part of says) assert.ok(error.message.includes(part), `${part}\nis not in\n${error.message}`);
  }
});

test('several files and folders are one declaration', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'more'));
  writeFileSync(join(folder, 'one.yaml'), `name: f\njobs:\n${job('a')}`);
  writeFileSync(join(folder, 'more', 'two.yml'), 'name: f\ngroups: { web: {} }\n');
  writeFileSync(join(folder, 'more', 'three.json'), '{"name": "f", "groups": {"shops": {"type": "csv"}}}');
  writeFileSync(join(folder, 'more', 'notes.txt'), 'not a declaration');
  const files = [join(folder, 'one.yaml'), join(folder, 'more')];
  const { name, groups, jobs } = await readDeclaration(files);
  assert.deepEqual([name, [...jobs.keys()], [...groups.keys()].sort()], ['f', ['a'], ['shops', 'web']]);

  writeFileSync(join(folder, 'more', 'two.yml'), `name: g\njobs:\n${job('a')}`);
  const { problems } = await readDeclaration(files);
  assert.deepEqual(
    problems.found.map(({ file, at, message }) => [file.endsWith('two.yml'), at, message.replaceAll(folder, '')]),
    [
      [true, { line: 1, column: 7 }, 'g, and f in /one.yaml: files that are applied together have one name'],
      [true, { line: 3, column: 3 }, 'a is declared twice; first at /one.yaml:3:3'],
    ],
  );
  for (const path of [join(folder, 'absent.yaml'), folder.replace(/\/[^/]*$/, '/none')])
    await assert.rejects(readDeclaration([path]), { code: 'usage.option' });
});

test('the file of the documentation is one that can be applied', async (t) => {
  const page = readFileSync(join(import.meta.dirname, '../../../../docs/apply.md'), 'utf8');
  const [, text = assert.fail('there is none')] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
  assert.deepEqual(stepsOf(await planOf(t, text, present())), [
    'create group shops',
    'create job servers',
    'create job after-servers',
    'create policy tills',
  ]);
});

test('a plan has what is to be made, changed and let go, field by field', async (t) => {
  const state = present({
    groups: [groupOf('web', { enabled: false }), groupOf('default')],
    jobs: [
      definitionOf('homes', { computers: [idOf(1), idOf(0)], retention: { keep: { by: 'days', days: 30 } } }),
      definitionOf('same', { managedBy: 'f' }),
      definitionOf('mine'),
      definitionOf('old', { managedBy: 'f' }),
    ],
  });
  const text = `name: f
groups: { web: {}, default: {} }
jobs:
${job('homes', '    excludes: ["*.tmp"]\n').replace('[web1]', '[web3, web1]')}${job('same')}${job('mine')}${job('new')}`;
  const plan = await planOf(t, text, state);
  assert.deepEqual(stepsOf(plan), ['change group web', 'change job homes', 'take job mine', 'create job new']);
  assert.equal(
    planText(plan),
    `Declaration f: 1 to create, 2 to change, 0 to delete, 3 unchanged.

~ group web
    enabled: false → true
    declaration: none → f
~ job homes
    excludes: + "*.tmp"
    retention: {"keep":{"by":"days","days":30}} → none
    computers: + "web3", - "web2"
    declaration: none → f
+ job new
    computers: ["web1"]
    scope: {"kind":"folders","paths":["/srv"]}
    target: {"kind":"own","name":"{computer}","zeroKnowledge":false,"mover":"store"}

Part of declaration f from now on: job mine.
No longer declared, and left as it is (--prune deletes, --release lets go): job old.
`,
  );
  assert.ok(stepsOf(await planOf(t, text, state, { undeclared: 'delete' })).includes('delete job old'));
  assert.ok(stepsOf(await planOf(t, text, state, { undeclared: 'release' })).includes('release job old'));
});

test('of several of a name the one is meant that the declaration has made; another’s is taken over on request', async (t) => {
  const state = present({
    jobs: [
      definitionOf('a', { enabled: false }),
      definitionOf('a', { managedBy: 'f' }),
      definitionOf('b', { managedBy: 'other' }),
    ],
  });
  const plan = await planOf(t, `name: f\njobs:\n${job('a')}${job('b')}`, state, { takeOver: true });
  assert.deepEqual(stepsOf(plan), ['take job b']);
  assert.deepEqual(plan.unchanged, [{ kind: 'job', name: 'a' }]);
});

test('each step comes after what it needs', async (t) => {
  const follows = (name: string) => ({ schedule: { kind: 'after' as const, jobId: name } });
  const leader = definitionOf('leader', { managedBy: 'f' });
  const follower = definitionOf('follower', { ...follows(leader.id), managedBy: 'f' });
  const moving = definitionOf('moving', { computers: [idOf(1)], managedBy: 'f' });
  const state = present({
    groups: [groupOf('gone', { managedBy: 'f' })],
    jobs: [leader, follower, definitionOf('whole', { computers: [], groups: ['default'], managedBy: 'f' })],
    policies: [moving],
  });
  const text = `name: f
groups: { fresh: {} }
policies:
${job('takes-web3').replace('[web1]', '[web3]')}
jobs:
${job('third', '    schedule: { kind: after, job: second }\n')}${job('second', '    schedule: { kind: after, job: first }\n')}${job('first').replace('computers: [web1]', 'groups: [fresh]')}${job('takes-web2').replace('[web1]', '[web2]')}`;
  const plan = await planOf(t, text, state, { undeclared: 'delete' });
  const order = stepsOf(plan);
  const isBefore = (...names: string[]): void => {
    const places = names.map((name) => {
      assert.ok(order.includes(name), `${name} is not in ${order.join(', ')}`);
      return order.indexOf(name);
    });
    assert.deepEqual(
      places,
      places.toSorted((one, other) => one - other),
      order.join(', '),
    );
  };
  isBefore('create group fresh', 'create job first', 'create job second', 'create job third');
  isBefore('delete job follower', 'delete job leader');
  // web2 leaves its policy, and web3 the job that has its whole group.
  isBefore('delete policy moving', 'create job takes-web2');
  isBefore('delete job whole', 'create policy takes-web3');
  assert.equal(order.at(-1), 'delete group gone');
});
