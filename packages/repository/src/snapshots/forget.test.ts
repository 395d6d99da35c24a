import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError, hasCode } from '@holdfast/core';
import type { ObjectId } from '../format/object-id.ts';
import { type Sample, sampleRepository } from '../testing/sample-repository.ts';
import { forgetSnapshots } from './forget.ts';

async function withSnapshots(count: number): Promise<Sample & { ids: ObjectId[]; problems: HoldfastError[] }> {
  const sample = await sampleRepository();
  const ids = [sample.snapshotId];
  for (let at = 1; at < count; at += 1)
    ids.push(await sample.repository.saveSnapshot({ ...sample.snapshot, time: `2026-04-0${at}T00:00:00Z` }));
  return { ...sample, ids, problems: [] };
}

test('the chosen snapshots go under an exclusive lock, the others stay, and so does all data', async () => {
  const { repository, target, ids } = await withSnapshots(5);
  const packs = target.ids('data');
  let locks = -1;
  const remove = target.delete.bind(target);
  target.delete = (name, options) => {
    if (name.type === 'snapshot') locks = target.ids('lock').length;
    return remove(name, options);
  };
  const result = await forgetSnapshots(repository, {
    choose: (found) => found.map(({ id }) => id).filter((id) => ids.indexOf(id) >= 2),
    onProblem: assert.fail,
  });
  assert.deepEqual([...result.removed].sort(), ids.slice(2).sort());
  assert.deepEqual(target.ids('snapshot').sort(), ids.slice(0, 2).sort());
  assert.equal(locks, 1);
  assert.deepEqual(target.ids('lock'), []);
  assert.deepEqual(target.ids('data'), packs);
});

test('a dry run writes nothing, not even a lock', async () => {
  const { repository, target, ids } = await withSnapshots(3);
  target.fail = (call) => assert.ok(call === 'list' || call === 'read', call);
  const result = await forgetSnapshots(repository, { choose: () => ids, dryRun: true, onProblem: assert.fail });
  assert.equal(result.removed.length, 3);
  assert.equal(target.ids('snapshot').length, 3);
});

test('what was written or deleted while it waited for the lock is seen before the choice', async () => {
  const { repository, target, ids, snapshot } = await withSnapshots(2);
  let added: ObjectId | undefined;
  const create = target.create.bind(target);
  target.create = async (name, body, options) => {
    if (name.type === 'lock' && added === undefined) {
      added = await repository.saveSnapshot({ ...snapshot, time: '2026-05-01T00:00:00Z' });
      target.objects.delete(`snapshot:${ids[0]}`);
    }
    return create(name, body, options);
  };
  const seen: ObjectId[] = [];
  await forgetSnapshots(repository, {
    choose: (found) => {
      seen.push(...found.map(({ id }) => id));
      return [];
    },
    onProblem: assert.fail,
  });
  assert.deepEqual(new Set(seen), new Set([ids[1], added]));
  assert.equal(seen.length, 2);
});

test('what a choice refuses, or another lock forbids, leaves everything', async () => {
  const { repository, target, ids } = await withSnapshots(2);
  const choose = (): never => {
    throw new HoldfastError('usage.option');
  };
  await assert.rejects(forgetSnapshots(repository, { choose, onProblem: assert.fail }), { code: 'usage.option' });
  await using _other = await repository.lock({ exclusive: false });
  await assert.rejects(forgetSnapshots(repository, { choose: () => ids, onProblem: assert.fail }), {
    code: 'repository.locked',
  });
  assert.equal(target.ids('snapshot').length, 2);
});

test('one that is under retention stays and is named; the others go', async () => {
  const { repository, target, ids } = await withSnapshots(4);
  target.fail = (call, name) => {
    if (call === 'delete' && name.id === ids[1]) throw new HoldfastError('storage.immutable');
  };
  const result = await forgetSnapshots(repository, { choose: () => ids, onProblem: assert.fail });
  assert.equal(result.removed.length, 3);
  assert.ok(hasCode(result.failed.get(ids[1] as ObjectId), 'storage.immutable'));
});

test('a snapshot that cannot be read stays and is named', async () => {
  const { repository, target, ids, problems } = await withSnapshots(2);
  target.objects.set(`snapshot:${ids[0]}`, new Uint8Array(100));
  const result = await forgetSnapshots(repository, {
    choose: (found) => found.map(({ id }) => id),
    onProblem: (problem) => problems.push(problem),
  });
  assert.deepEqual(result.removed, [ids[1]]);
  assert.equal(problems.length, 1);
});
