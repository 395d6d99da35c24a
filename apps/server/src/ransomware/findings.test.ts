import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExtensionChange, RansomwareFinding } from '@holdfast/protocol';
import fc from 'fast-check';
import { deletionThreshold, findingsOf } from './findings.ts';

const none = { falseAlarms: [], told: [] };
const change = (counts: Partial<ExtensionChange>): ExtensionChange => ({
  ...{ extension: 'docx', before: 0, gone: 0, renamed: 0, folders: 0 },
  ...counts,
});
const deletion = (extension: string, files = 100): RansomwareFinding => ({
  ...{ sign: 'mass-deletion', extension, files, of: files, thresholdPercent: 50 },
});
const changes = fc.record({
  extension: fc.constantFrom('docx', 'locked', '', '*'),
  before: fc.nat(2_000),
  gone: fc.nat(2_000),
  renamed: fc.nat(600),
  folders: fc.nat(10),
});

test('each sign begins where it is said to', () => {
  const signs = (counts: Partial<ExtensionChange>): string[] =>
    findingsOf([change(counts)], none).map(({ sign }) => sign);
  assert.deepEqual(signs({ before: 100, gone: 100 }), ['mass-deletion']);
  assert.deepEqual(signs({ before: 99, gone: 99 }), []);
  assert.deepEqual(signs({ before: 1_000, gone: 501 }), ['mass-deletion']);
  assert.deepEqual(signs({ before: 1_000, gone: 500 }), []);
  assert.deepEqual(signs({ renamed: 200, folders: 3 }), ['mass-rename']);
  assert.deepEqual(signs({ renamed: 199, folders: 3 }), []);
  assert.deepEqual(signs({ renamed: 200, folders: 2 }), []);
  // No new extension: more files had it before.
  assert.deepEqual(signs({ before: 200, renamed: 200, folders: 3 }), []);
});

test('the threshold rises by five with each false alarm of the extension, and ends at ninety', () => {
  assert.deepEqual([0, 1, 8, 9, 500].map(deletionThreshold), [50, 55, 90, 90, 90]);
  fc.assert(
    fc.property(changes, fc.nat(12), fc.nat(12), (one, own, others) => {
      const falseAlarms = [
        ...Array.from({ length: own }, () => deletion(one.extension)),
        ...Array.from({ length: others }, () => deletion('other')),
      ];
      const found = findingsOf([one], { falseAlarms, told: [] }).some(({ sign }) => sign === 'mass-deletion');
      assert.equal(found, one.gone >= 100 && one.gone / one.before > Math.min(90, 50 + 5 * own) / 100);
    }),
  );
});

test('whatever was confirmed as a false alarm, more than ninety percent are a sign, and false alarms add none', () => {
  fc.assert(
    fc.property(changes, fc.nat(50), (one, confirmed) => {
      const falseAlarms = Array.from({ length: confirmed }, () => deletion(one.extension));
      const [first, later] = [findingsOf([one], none), findingsOf([one], { falseAlarms, told: [] })];
      if (one.gone >= 100 && one.gone * 10 > one.before * 9)
        assert.ok(later.some(({ sign }) => sign === 'mass-deletion'));
      assert.ok(later.length <= first.length);
    }),
  );
});

test('what was told is told again only when much more is concerned', () => {
  fc.assert(
    fc.property(fc.array(changes, { maxLength: 5 }), (all) => {
      const told = findingsOf(all, none);
      assert.deepEqual(findingsOf(all, { falseAlarms: [], told }), []);
    }),
  );
  const gone = (files: number) =>
    findingsOf([change({ before: files, gone: files })], { falseAlarms: [], told: [deletion('docx', 300)] }).length;
  assert.deepEqual([gone(399), gone(400)], [0, 1]);
  // Of another extension nothing was told.
  assert.equal(
    findingsOf([change({ before: 300, gone: 300 })], { falseAlarms: [], told: [deletion('xlsx', 300)] }).length,
    1,
  );
});
