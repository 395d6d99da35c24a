import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepsLess, repositoryMaintenance } from './repository-maintenance.ts';
import type { Retention } from './retention.ts';

test('what administrators expect is the default', () => {
  const given = repositoryMaintenance.parse({});
  assert.deepEqual(given.forget, { kind: 'daily', at: '00:30' });
  assert.deepEqual(given.check, { kind: 'monthly', on: { nth: 'last', weekday: 'friday' }, at: '05:00' });
  assert.equal(given.retention, undefined);
  assert.ok(!repositoryMaintenance.safeParse({ forget: { kind: 'after', jobId: crypto.randomUUID() } }).success);
});

test('a rule keeps less when anything of it is shorter, or of another kind', () => {
  const days = (count: number, more: Partial<Retention> = {}): Retention => ({
    keep: { by: 'days', days: count },
    ...more,
  });
  const cases: [Retention | undefined, Retention | undefined, boolean][] = [
    [undefined, undefined, false],
    [undefined, days(1000), true],
    [days(7), undefined, false],
    [days(7), days(7), false],
    [days(7), days(6), true],
    [days(7), { keep: { by: 'points', points: 1000 } }, true],
    [days(7, { gfs: { weekly: 4 } }), days(30), true],
    [days(7, { gfs: { weekly: 4 } }), days(7, { gfs: { weekly: 5, yearly: 1 } }), false],
    [days(7), days(7, { staleAfterDays: 30 }), true],
    [days(7, { staleAfterDays: 30 }), days(7, { staleAfterDays: 31 }), false],
  ];
  for (const [before, after, expected] of cases)
    assert.equal(keepsLess({ before, after }), expected, JSON.stringify([before, after]));
});
