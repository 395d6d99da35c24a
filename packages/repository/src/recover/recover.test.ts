import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkRepository } from '../check/index.ts';
import { openRepository } from '../index.ts';
import { samplePassword, sampleRepository } from '../testing/sample-repository.ts';
import { recover } from './index.ts';

const origin = { hostname: 'host', username: 'user', programVersion: 'test' };

test('what no snapshot has becomes one, once; what a snapshot has does not', async () => {
  const { repository, snapshotId, snapshot } = await sampleRepository();
  assert.deepEqual(await recover(repository, origin), { roots: [], snapshotId: undefined });
  await repository.delete('snapshot', snapshotId);
  const { roots, snapshotId: recovered } = await recover(repository, origin);
  assert.deepEqual(roots, [snapshot.tree]);
  const [found] = await Array.fromAsync(repository.snapshots());
  assert.equal(found?.id, recovered);
  assert.deepEqual([found?.snapshot.paths, found?.snapshot.tags], [['/recover'], ['recovered']]);
  const [folder, ...others] = await repository.loadTree(found?.snapshot.tree ?? snapshot.tree);
  assert.deepEqual(
    [folder?.name.toString(), folder?.subtree, others.length],
    [snapshot.tree.slice(0, 8), snapshot.tree, 0],
  );
  assert.deepEqual((await checkRepository(repository, { readData: 'packs' })).problems, []);
  assert.deepEqual(await recover(repository, origin), { roots: [], snapshotId: undefined });
});

test('folders below one that cannot be read are found, and it is told', async () => {
  const { target, repository: before, snapshotId, snapshot } = await sampleRepository();
  await before.loadIndex();
  const inside = (await before.loadTree(snapshot.tree)).flatMap(({ subtree }) => subtree ?? []);
  assert.ok(inside.length > 0);
  const place = before.index.lookup(snapshot.tree, 'tree');
  assert.ok(place);
  const pack = target.objects.get(`data:${place.packId}`);
  assert.ok(pack);
  pack[place.offset + 20] = (pack[place.offset + 20] ?? 0) ^ 1;
  const repository = await openRepository(target, { password: samplePassword });
  await repository.delete('snapshot', snapshotId);
  const problems: string[] = [];
  const { roots } = await recover(repository, { ...origin, onProblem: (_, id) => problems.push(id) });
  assert.deepEqual(problems, [snapshot.tree]);
  assert.deepEqual(roots, inside.toSorted());
});
