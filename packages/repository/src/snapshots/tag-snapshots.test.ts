import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import { skipUnless } from '@holdfast/core/testing';
import type { FoundSnapshot, Repository } from '../index.ts';
import { resticChecks } from '../testing/restic.ts';
import { sampleRepository } from '../testing/sample-repository.ts';
import type { TagChange } from './index.ts';
import { changedTags, tagSnapshots } from './tag-snapshots.ts';

const throwProblem = (problem: HoldfastError): never => {
  throw problem;
};

async function all(repository: Repository): Promise<FoundSnapshot[]> {
  return Array.fromAsync(repository.snapshots());
}

test('set, add and remove give what restic gives, and undefined when nothing changes', () => {
  const cases: readonly (readonly [string[], TagChange, string[] | undefined])[] = [
    [['a', 'b', 'c'], { add: ['d'], remove: ['a'] }, ['d', 'b', 'c']],
    [['a', 'b'], { add: ['a'], remove: ['x'] }, undefined],
    [['a'], { add: [], remove: ['a'] }, []],
    [[], { add: ['x', 'x'], remove: [] }, ['x']],
    [['a'], { add: ['b'], remove: ['b'] }, undefined],
    [['a', 'b'], { set: [] }, []],
    [['a', 'b'], { set: ['a', 'b'] }, undefined],
    [['a'], { set: ['b', 'b'] }, ['b']],
  ];
  for (const [tags, change, expected] of cases) assert.deepEqual(changedTags(tags, change), expected);
});

test('the new snapshot is stored before the old one goes, and original keeps the first id', {
  skip: skipUnless({ programs: ['restic'] }),
}, async (t) => {
  const { target, repository, snapshotId, snapshot } = await sampleRepository();
  target.calls.length = 0;
  const replaced: { oldId: string; newId: string }[] = [];
  const onReplaced = (one: { oldId: string; newId: string }): number => replaced.push(one);
  const first = await tagSnapshots(repository, await all(repository), {
    change: { add: ['b'], remove: [] },
    onReplaced,
    onProblem: throwProblem,
  });
  assert.equal(first.changed, 1);
  assert.deepEqual(
    target.calls.filter((call) => !/^(list|read)/.test(call)),
    ['create snapshot', 'delete snapshot'],
  );
  await tagSnapshots(repository, await all(repository), { change: { set: ['x'] }, onProblem: throwProblem });
  const [now, ...others] = await all(repository);
  assert.equal(others.length, 0);
  assert.deepEqual(now?.snapshot.tags, ['x']);
  assert.equal(now?.snapshot.original, snapshotId);
  assert.deepEqual(
    { ...now?.snapshot, tags: snapshot.tags, original: undefined },
    {
      ...(await sampleFields(snapshot)),
    },
  );
  assert.equal(replaced[0]?.oldId, snapshotId);
  resticChecks(target, t);
});

/** A snapshot as it comes back from the repository: absent fields are there, empty. */
async function sampleFields(snapshot: FoundSnapshot['snapshot']): Promise<FoundSnapshot['snapshot']> {
  return {
    parent: undefined,
    uid: 0,
    gid: 0,
    excludes: [],
    programVersion: '',
    summary: undefined,
    ...snapshot,
    original: undefined,
  };
}

test('a crash at any storage call leaves the old snapshot, the new one or both', async () => {
  for (let at = 1; ; at += 1) {
    const { target, repository } = await sampleRepository();
    const found = await all(repository);
    let calls = 0;
    target.fail = () => {
      calls += 1;
      if (calls === at) throw new HoldfastError('storage.unavailable');
    };
    const work = tagSnapshots(repository, found, { change: { set: ['new'] }, onProblem: throwProblem });
    const failed = await work.then(
      () => false,
      () => true,
    );
    target.fail = () => {};
    const left = await all(repository);
    assert.ok(left.length >= 1 && left.length <= 2, `${left.length} snapshots after a crash at call ${at}`);
    if (failed) continue;
    assert.ok(at > 2);
    assert.deepEqual(left[0]?.snapshot.tags, ['new']);
    break;
  }
});

test('a snapshot that the storage protects is left alone and reported, the others go on', async () => {
  const { target, repository, snapshot } = await sampleRepository();
  const other = await repository.saveSnapshot({ ...snapshot, hostname: 'other' });
  const until = new Date(Date.now() + 86_400_000);
  Object.assign(target, {
    retention: { get: async ({ id }: { id: string }) => (id === other ? until : undefined) },
  });
  const problems: string[] = [];
  const { changed } = await tagSnapshots(repository, await all(repository), {
    change: { set: ['new'] },
    onProblem: (problem, id) => problems.push(`${problem.code} ${id}`),
  });
  assert.equal(changed, 1);
  assert.deepEqual(problems, [`storage.immutable ${other}`]);
  const left = await all(repository);
  assert.equal(left.length, 2, 'no second one beside the protected one');
});
