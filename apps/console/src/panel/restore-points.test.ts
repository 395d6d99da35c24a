import assert from 'node:assert/strict';
import { test } from 'node:test';
import { restorePoints } from './restore-points.ts';

/** A repository of so many pages, each of a day, with one restore point that can be read and one that can't. */
async function pagesOf(count: number) {
  const found = await restorePoints(async (after) => {
    const at = Number(after ?? 0);
    const takenAt = new Date(Date.UTC(2026, 0, at + 1)).toISOString();
    const snapshots = [{ id: `${at}`, takenAt, hostname: 'h', sources: [], tags: [] }];
    return { snapshots, unreadable: 1, ...(at + 1 < count ? { next: `${at + 1}` } : {}) };
  });
  return { ...found, points: found.points.map(({ id }) => id) };
}

test('restore points that can not be read are counted over all pages, and a list that is not whole says so', async () => {
  assert.deepEqual(await pagesOf(3), { points: ['2', '1', '0'], unreadable: 3, isCut: false });
  const many = await pagesOf(30);
  assert.deepEqual([many.points.length, many.unreadable, many.isCut], [20, 20, true]);
  assert.equal((await pagesOf(20)).isCut, false);
});
