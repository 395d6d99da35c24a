import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import { minKeptPoints, type Retention, type RetentionRule } from '@holdfast/protocol';
import { encodeSnapshot, type FoundSnapshot, formatTime, objectIdOf } from '@holdfast/repository';
import fc from 'fast-check';
import { expired } from './forget.ts';

const tree = objectIdOf(hash('sha256', 'a tree', 'buffer'));
const dayMs = 86_400_000;

function backup(at: string, o: { host?: string; paths?: readonly string[] } = {}): FoundSnapshot {
  const snapshot = { time: at, tree, paths: o.paths ?? ['/data'], hostname: o.host ?? 'one' };
  return { id: objectIdOf(hash('sha256', encodeSnapshot(snapshot), 'buffer')), snapshot };
}

const daily = (from: string, days: number, host = 'one'): FoundSnapshot[] =>
  Array.from({ length: days }, (_, day) => backup(new Date(Date.parse(from) + day * dayMs).toISOString(), { host }));

function keptDays(snapshots: readonly FoundSnapshot[], retention: Retention, now: string): string[] {
  const gone = new Set(expired(snapshots, [{ retention }], new Date(now)));
  return snapshots.filter((found) => !gone.has(found)).map(({ snapshot }) => snapshot.time.slice(0, 10));
}

test('days, points, and at least three', () => {
  const list = daily('2026-01-01T22:00:00Z', 30);
  const days = (count: number): Retention => ({ keep: { by: 'days', days: count } });
  // A span begins after the instant that is so long before the newest.
  assert.deepEqual(
    keptDays(list, days(5), '2026-01-31T00:00:00Z'),
    [26, 27, 28, 29, 30].map((day) => `2026-01-${day}`),
  );
  assert.equal(keptDays(list, days(1), '2026-01-31T00:00:00Z').length, 3);
  assert.equal(keptDays(list, { keep: { by: 'points', points: 7 } }, '2026-01-31T00:00:00Z').length, 7);
});

test('weeks, months and years stay besides', () => {
  const list = daily('2024-01-01T22:00:00Z', 800);
  const kept = keptDays(
    list,
    { keep: { by: 'days', days: 1 }, gfs: { weekly: 3, monthly: 3, yearly: 2 } },
    '2026-03-11T00:00:00Z',
  );
  assert.deepEqual(kept, [
    ...['2024-12-31', '2025-12-31', '2026-01-31', '2026-02-22', '2026-02-28'],
    ...['2026-03-01', '2026-03-08', '2026-03-09', '2026-03-10'],
  ]);
});

test('each computer and set of sources by itself, by the rules that are most about it', () => {
  const list = [
    ...daily('2026-01-01T22:00:00Z', 6, 'one'),
    ...daily('2026-01-01T21:00:00Z', 6, 'two'),
    ...daily('2026-01-01T20:00:00Z', 6, 'three'),
    backup('2026-01-01T19:00:00Z', { host: 'one', paths: ['/other'] }),
  ];
  const points = (count: number): Retention => ({ keep: { by: 'points', points: count } });
  const rules: RetentionRule[] = [
    { hosts: ['one', 'four'], paths: ['/data'], retention: points(4) },
    { hosts: ['one'], retention: points(3) },
    { hosts: ['two'], paths: ['/elsewhere'], retention: points(5) },
  ];
  const gone = expired(list, rules, new Date('2026-02-01T00:00:00Z'));
  assert.deepEqual(
    gone.map(({ snapshot }) => `${snapshot.hostname} ${snapshot.time.slice(0, 10)}`),
    ['two 2026-01-01', 'one 2026-01-01', 'one 2026-01-02'],
  );
});

test('of several rules each has to let go; a rule without an end keeps everything', () => {
  const points = (count: number): Retention => ({ keep: { by: 'points', points: count } });
  const goneBy = (...rules: RetentionRule[]) =>
    expired(daily('2026-01-01T22:00:00Z', 6), rules, new Date('2026-02-01T00:00:00Z')).length;
  const one = { hosts: ['one'], paths: ['/data'] };
  assert.equal(goneBy({ ...one, retention: points(3) }, { ...one, retention: points(5) }), 1);
  assert.equal(goneBy({ ...one, retention: points(3) }, one), 0);
  // A job whose folders were changed: what it backed up before is of no rule of these folders, and of all of the computer.
  assert.equal(goneBy({ hosts: ['one'], paths: ['/new'], retention: points(4) }, { retention: points(3) }), 2);
  assert.equal(goneBy({ hosts: ['one'], paths: ['/new'] }, { retention: points(3) }), 0);
  assert.equal(goneBy({ hosts: ['two'] }, { retention: points(3) }), 3);
});

test('of a computer that is gone what weeks, months and years keep stays, until they are over', () => {
  const list = daily('2026-01-01T22:00:00Z', 60);
  const stale: Retention = { keep: { by: 'days', days: 90 }, gfs: { monthly: 4 }, staleAfterDays: 30 };
  assert.equal(keptDays(list, stale, '2026-03-30T00:00:00Z').length, 60, 'not stale yet');
  // The oldest of all stays while a rule has not had enough, as with restic.
  assert.deepEqual(keptDays(list, stale, '2026-04-15T00:00:00Z'), [
    '2026-01-01',
    '2026-01-31',
    '2026-02-28',
    '2026-03-01',
  ]);
  assert.deepEqual(keptDays(list, stale, '2026-06-15T00:00:00Z'), ['2026-02-28', '2026-03-01']);
  assert.deepEqual(keptDays(list, stale, '2026-09-15T00:00:00Z'), []);
  // Without that part of the rule nothing of it ever goes.
  const { staleAfterDays: _, ...patient } = stale;
  assert.equal(keptDays(list, patient, '2036-09-15T00:00:00Z').length, 60);
});

const anyRetention: fc.Arbitrary<Retention> = fc.record({
  keep: fc.oneof(
    fc.record({ by: fc.constant('days' as const), days: fc.integer({ min: 1, max: 400 }) }),
    fc.record({ by: fc.constant('points' as const), points: fc.integer({ min: minKeptPoints, max: 50 }) }),
  ),
  gfs: fc.record(
    {
      weekly: fc.integer({ min: 1, max: 60 }),
      monthly: fc.integer({ min: 1, max: 24 }),
      yearly: fc.integer({ min: 1, max: 5 }),
    },
    { requiredKeys: [] },
  ),
});
const anyBackup = fc
  .tuple(
    fc.date({ min: new Date('2024-01-01T00:00:00Z'), max: new Date('2026-06-01T00:00:00Z'), noInvalidDate: true }),
    fc.constantFrom(0, 60, -300, 330, 630, 780, -720),
    fc.constantFrom('one', 'two'),
    fc.constantFrom(['/data'], ['/data', '/home'], ['/home', '/data']),
  )
  .map(([at, offset, host, paths]) => backup(formatTime(BigInt(at.getTime()) * 1_000_000n, offset), { host, paths }));

test('the newest three of a computer and its sources always stay, and what is within the days', () => {
  const zone = process.env['TZ'];
  try {
    fc.assert(
      fc.property(
        fc.uniqueArray(anyBackup, { maxLength: 80, selector: ({ snapshot }) => Date.parse(snapshot.time) }),
        anyRetention,
        fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Pacific/Apia'),
        (list, retention, tz) => {
          process.env['TZ'] = tz;
          const gone = new Set(expired(list, [{ retention }], new Date('2026-06-02T00:00:00Z')));
          const groups = Map.groupBy(list, ({ snapshot }) => [snapshot.hostname, ...[...snapshot.paths].sort()].join());
          for (const group of groups.values()) {
            const newestFirst = group.toSorted((a, b) => Date.parse(b.snapshot.time) - Date.parse(a.snapshot.time));
            for (const found of newestFirst.slice(0, minKeptPoints)) assert.ok(!gone.has(found));
            const [newest] = newestFirst;
            if (retention.keep.by !== 'days' || !newest) continue;
            // An hour for a change of clocks in between.
            const since = Date.parse(newest.snapshot.time) - retention.keep.days * dayMs + 3_600_000;
            for (const found of group) if (Date.parse(found.snapshot.time) > since) assert.ok(!gone.has(found));
          }
        },
      ),
      { numRuns: 200, seed: 4 },
    );
  } finally {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  }
});
