import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { type Task, taskMethods } from '@holdfast/protocol';
import { noZeroKnowledgeOptions as none } from '../config.ts';
import { permittedTask } from './permitted-task.ts';

const access = {
  tenant: 'local',
  repository: 'boss',
  grant: 'grant',
  sessionId: '6f1c2a34-9f52-4c1e-9a57-0b0d5f0c7f11',
  mover: { id: '6f1c2a34-9f52-4c1e-9a57-0b0d5f0c7f12', host: 'store', port: 6162, fingerprint: 'f'.repeat(43) },
  direction: 'agent-dials',
} as const;
const password = 'only this computer has it';
const snapshotId = 'ab'.repeat(32);
const kit = { id: '0123456789abcdef', publicKey: 'p'.repeat(43) };
const backup = {
  kind: 'backup',
  sources: ['/home'],
  excludes: [],
  oneFileSystem: false,
  tags: [],
  initialise: true,
} as const;
const restore = { kind: 'restore', snapshotId, include: [], overwrite: true } as const;
const page = { snapshotId, skip: 0, limit: 10 };
const parsed = (order: object, change: object = {}): Task =>
  taskMethods['task.run'].params.shape.task.parse({ ...order, access: { ...access, ...change } });

test('what a computer does with its own key, and what it refuses', async () => {
  const done = [
    backup,
    { kind: 'forget', choose: { by: 'ids', snapshotIds: [snapshotId] } },
    { kind: 'prune', maxUnusedPercent: 5 },
    { kind: 'check', read: 'everything' },
    { kind: 'drill', snapshotId, amount: { kind: 'whole' }, maxBytes: 1, maxMinutes: 1, seed: 'a'.repeat(32) },
    { kind: 'analysis', comparisons: [{ before: snapshotId, after: snapshotId }] },
    { kind: 'snapshots', limit: 10 },
    { kind: 'stats', mode: 'raw-data', snapshotIds: [] },
  ];
  const refused = [
    { kind: 'browse', path: '/', ...page },
    { kind: 'find', patterns: ['*'], ignoreCase: false, ...page },
    { kind: 'recovery-key', kit },
    { ...restore, target: '/tmp' },
  ];
  for (const order of done) {
    const permitted = await permittedTask(parsed(order), { password, config: none });
    assert.deepEqual(permitted, parsed(order, { password }));
  }
  for (const order of refused)
    await assert.rejects(permittedTask(parsed(order), { password, config: none }), { code: 'zero-knowledge.refused' });
  // A server that sends a password has it: nothing is done with that one, also not what is harmless with the other.
  for (const order of [...done, ...refused])
    await assert.rejects(permittedTask(parsed(order, { password: 'of the server' }), { password, config: none }), {
      code: 'zero-knowledge.refused',
    });
});

test('what is backed up is said here, where it is said here', async () => {
  const config = { ...none, sources: ['/srv'], excludes: ['*.iso'] };
  const asked = parsed({ ...backup, sources: ['/home/alice/guess'], excludes: ['other guess'], oneFileSystem: true });
  const task = await permittedTask(asked, { password, config });
  assert.ok(task.kind === 'backup');
  assert.deepEqual([task.sources, task.excludes, task.oneFileSystem], [['/srv'], ['*.iso'], false]);
});

test('patterns by which names could be spelt out are refused', async () => {
  const config = { ...none, restoreTo: ['/'] };
  const refused = async (order: object): Promise<void> => {
    await assert.rejects(permittedTask(parsed(order), { password, config }), { code: 'zero-knowledge.refused' });
  };
  for (const pattern of ['a*', '/home/?', '[a-m]']) {
    await refused({ ...backup, excludes: ['/tmp', pattern] });
    for (const list of ['include', 'exclude', 'includeAnyCase', 'excludeAnyCase', 'includeXattrs', 'excludeXattrs'])
      await refused({ ...restore, target: '/tmp/x', [list]: [pattern] });
  }
  await permittedTask(parsed({ ...backup, excludes: ['/tmp/cache'] }), { password, config });
  await permittedTask(parsed({ ...restore, target: '/tmp/x', include: ['/home/file'] }), { password, config });
  await refused({ ...restore, target: '/tmp/x', deletes: true });
  await refused({ ...restore, target: '/tmp/x', view: { key: 'k'.repeat(86) } });
  // What is said here may hold any pattern, and what the server says does not count.
  const own = { ...none, sources: ['/srv'], excludes: ['*.iso'] };
  await permittedTask(parsed({ ...backup, excludes: ['a*'] }), { password, config: own });
});

test('restores go to the folders that are allowed, wherever links lead', async (t) => {
  const folder = temporaryFolder(t);
  const [allowed, other] = [join(folder, 'allowed'), join(folder, 'other')];
  for (const made of [allowed, other, join(folder, 'allowed too')]) mkdirSync(made);
  symlinkSync(other, join(allowed, 'link'));
  symlinkSync('/nonexistent/place', join(allowed, 'dangling'));
  symlinkSync(allowed, join(folder, 'way in'));
  const config = { ...none, restoreTo: [allowed, join(folder, 'missing')] };
  const to = async (target: string): Promise<string> => {
    const task = await permittedTask(parsed({ ...restore, target }), { password, config });
    return task.kind === 'restore' ? task.target : assert.fail();
  };
  for (const [target, place] of [
    [allowed, allowed],
    [join(allowed, 'new', 'deep'), join(allowed, 'new', 'deep')],
    [`${allowed}/x/../y`, join(allowed, 'y')],
    [join(folder, 'way in', '..rest'), join(allowed, '..rest')],
    [join(folder, 'missing', 'x'), join(folder, 'missing', 'x')],
  ] as const)
    assert.equal(await to(target), place);
  for (const target of [
    ...[other, '/', folder, join(folder, 'allowed too'), `${allowed}/../other`, join(allowed, 'link')],
    ...[join(allowed, 'link', 'new'), 'allowed'],
  ])
    await assert.rejects(to(target), { code: 'zero-knowledge.refused' }, target);
  await assert.rejects(to(join(allowed, 'dangling', 'x')));
});
