import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { choosePacks, parseDataSubset } from './data-subset.ts';

const packs = Array.from({ length: 100 }, (_, at) => ({
  id: ((at * 37) % 256).toString(16).padStart(2, '0').padEnd(64, '0'),
  sizeBytes: 1000,
}));

test('subsets are read as restic reads them', () => {
  assert.deepEqual(parseDataSubset('3/10'), { kind: 'part', part: 3, of: 10 });
  assert.deepEqual(parseDataSubset('2.5%'), { kind: 'percent', percent: 2.5 });
  assert.deepEqual(parseDataSubset('5K'), { kind: 'size', sizeBytes: 5120 });
  assert.deepEqual(parseDataSubset('2g'), { kind: 'size', sizeBytes: 2 ** 31 });
  for (const wrong of ['', '0/2', '3/2', '1/257', '1/2/3', '0%', '100.1%', '-1%', '5', '0k', '5x', 'k', '1e3k'])
    assert.throws(() => parseDataSubset(wrong), { code: 'usage.option' }, wrong);
});

test('parts are disjoint and together everything; others have the size that was asked for', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 256 }), (of) => {
      const parts = Array.from({ length: of }, (_, at) =>
        choosePacks(packs, { kind: 'part', part: at + 1, of }, () => assert.fail()),
      );
      assert.deepEqual(new Set(parts.flat()), new Set(packs));
      assert.equal(parts.flat().length, packs.length);
    }),
  );
  fc.assert(
    fc.property(
      fc.double({ min: 0.01, max: 100, noNaN: true }),
      fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1 }),
      (percent, draws) => {
        let at = 0;
        const random = (): number => draws[(at += 1) % draws.length] ?? 0;
        const chosen = choosePacks(packs, { kind: 'percent', percent }, random);
        assert.equal(new Set(chosen).size, Math.max(1, Math.floor(percent)));
      },
    ),
  );
  assert.equal(choosePacks(packs, { kind: 'size', sizeBytes: 10_000 }, Math.random).length, 10);
  assert.equal(choosePacks(packs, { kind: 'size', sizeBytes: 2 ** 40 }, Math.random).length, 100);
  assert.deepEqual(choosePacks([], { kind: 'size', sizeBytes: 5 }, Math.random), []);
});
