import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import fc from 'fast-check';
import { objectIdOf } from '../format/object-id.ts';
import { formatTime, parseTime } from '../format/rfc3339.ts';
import { encodeSnapshot, type Snapshot } from '../format/snapshot.ts';
import { initRepository } from '../open-repository.ts';
import type { FoundSnapshot } from '../repository.ts';
import { MemoryTarget } from '../testing/memory-target.ts';
import { tryRestic } from '../testing/restic.ts';
import { cheapKey, samplePassword } from '../testing/sample-repository.ts';
import {
  applyPolicy,
  type CalendarSpan,
  isEmptyPolicy,
  type KeepCount,
  parseCalendarSpan,
  policyText,
  type RetentionPolicy,
  retentionPeriods,
  spanText,
} from './retention-policy.ts';

const now = new Date('2026-03-04T05:06:07Z');
const tree = objectIdOf(hash('sha256', 'a tree', 'buffer'));

function found(time: string, tags: readonly string[] = []): FoundSnapshot {
  const snapshot: Snapshot = { time, tree, paths: ['/data'], hostname: 'host', tags };
  return { id: objectIdOf(hash('sha256', encodeSnapshot(snapshot), 'buffer')), snapshot };
}

function keptTimes(snapshots: readonly FoundSnapshot[], policy: RetentionPolicy): string[] {
  return applyPolicy(snapshots, policy, now).keep.map(({ snapshot }) => snapshot.time);
}

test('grandfather, father and son: a day, a week, a month and a year each keep their newest', () => {
  const days = Array.from({ length: 800 }, (_, at) =>
    found(new Date(Date.UTC(2024, 0, 1, 3) + at * 86_400_000).toISOString()),
  );
  const { keep, remove } = applyPolicy(
    days,
    { counts: { daily: 7, weekly: 4, monthly: 3, yearly: 2 } },
    new Date('2030-01-01'),
  );
  assert.equal(keep.length + remove.length, 800);
  assert.deepEqual(
    keep.map(({ snapshot, reasons }) => `${snapshot.time.slice(0, 10)} ${reasons.join(', ')}`),
    [
      '2026-03-10 daily snapshot, weekly snapshot, monthly snapshot, yearly snapshot',
      '2026-03-09 daily snapshot',
      '2026-03-08 daily snapshot, weekly snapshot',
      '2026-03-07 daily snapshot',
      '2026-03-06 daily snapshot',
      '2026-03-05 daily snapshot',
      '2026-03-04 daily snapshot',
      '2026-03-01 weekly snapshot',
      '2026-02-28 monthly snapshot',
      '2026-02-22 weekly snapshot',
      '2026-01-31 monthly snapshot',
      '2025-12-31 yearly snapshot',
    ],
  );
});

test('the oldest stays while a rule has not found enough', () => {
  const list = ['2026-01-03T10:00:00Z', '2026-01-03T09:00:00Z', '2026-01-03T08:00:00Z'].map((time) => found(time));
  assert.deepEqual(keptTimes(list, { counts: { daily: 2 } }), ['2026-01-03T10:00:00Z', '2026-01-03T08:00:00Z']);
  assert.deepEqual(keptTimes(list, { counts: { daily: 1 } }), ['2026-01-03T10:00:00Z']);
});

test('a span is counted from the newest snapshot that is not in the future', () => {
  const list = [
    '2030-01-01T00:00:00Z',
    '2026-03-01T00:00:00Z',
    '2026-02-22T00:00:00.000000001Z',
    '2026-02-22T00:00:00Z',
  ];
  assert.deepEqual(
    keptTimes(
      list.map((time) => found(time)),
      { within: parseCalendarSpan('7d') },
    ),
    list.slice(0, 3),
  );
});

test('a policy that keeps nothing is known as one, and others are told in words', () => {
  assert.equal(isEmptyPolicy({}), true);
  assert.equal(isEmptyPolicy({ last: 0, counts: { daily: 0 }, within: parseCalendarSpan(''), tags: [] }), true);
  assert.equal(isEmptyPolicy({ tags: [['a']] }), false);
  assert.equal(isEmptyPolicy({ periodsWithin: { yearly: parseCalendarSpan('1y') } }), false);
  assert.equal(
    policyText({
      last: 'unlimited',
      counts: { daily: 7 },
      periodsWithin: { monthly: parseCalendarSpan('1y2m') },
      within: parseCalendarSpan('3h'),
      tags: [['a', 'b'], ['c']],
    }),
    'keep all latest, 7 daily snapshots, monthly snapshots within 1y2m and all snapshots with tags [[a, b] [c]] and all snapshots within 3h of the newest',
  );
});

test('spans are read in restic’s form and nothing else', () => {
  assert.deepEqual(parseCalendarSpan('1y5m7d2h'), { years: 1, months: 5, days: 7, hours: 2 });
  assert.equal(spanText(parseCalendarSpan('2h1y')), '1y2h');
  for (const text of ['5', '5w', '-5d', '1y 2m', 'd', '1234567y'])
    assert.throws(() => parseCalendarSpan(text), { code: 'usage.option' }, text);
});

/** What `restic forget --dry-run --json` says about one group. */
interface ResticGroup {
  readonly keep: readonly { readonly id: string }[] | null;
  readonly remove: readonly { readonly id: string }[] | null;
  readonly reasons:
    | readonly { readonly snapshot: { readonly id: string }; readonly matches: readonly string[] }[]
    | null;
}

const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'Pacific/Apia'];
const offsets = [0, 60, 120, -300, -240, 330, 630, 660, 780, -660, 345, -720];

const count = fc.oneof(
  { weight: 3, arbitrary: fc.constant<KeepCount>(0) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 12 }) },
  { weight: 1, arbitrary: fc.constant<KeepCount>('unlimited') },
);
const span: fc.Arbitrary<CalendarSpan | undefined> = fc.option(
  fc.record({
    years: fc.nat({ max: 2 }),
    months: fc.nat({ max: 14 }),
    days: fc.nat({ max: 40 }),
    hours: fc.nat({ max: 50 }),
  }),
  { nil: undefined, freq: 3 },
);
const perPeriod = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Record<(typeof retentionPeriods)[number], Value>> =>
  fc.record({ hourly: value, daily: value, weekly: value, monthly: value, yearly: value });
const policies: fc.Arbitrary<RetentionPolicy> = fc.record({
  last: count,
  counts: perPeriod(count),
  within: span,
  periodsWithin: perPeriod(span),
  tags: fc.array(fc.subarray(['a', 'b', ''], { minLength: 1 }), { maxLength: 2 }),
});

/** Times that meet the edges: hours around changes of clocks, ends of years, and crowds within one hour. */
const interestingMs = [
  '2025-03-30T00:30:00Z',
  '2025-10-26T00:30:00Z',
  '2025-11-02T05:30:00Z',
  '2024-02-29T12:00:00Z',
  '2024-12-30T00:00:00Z',
  '2025-12-31T23:30:00Z',
  '2026-02-28T22:00:00Z',
  '2026-03-03T01:00:00Z',
].map((text) => Date.parse(text));
const timeNs = fc
  .tuple(
    fc.oneof(
      fc.integer({ min: Date.UTC(2023, 0, 1), max: Date.UTC(2026, 2, 1) }),
      fc
        .tuple(fc.constantFrom(...interestingMs), fc.integer({ min: -48, max: 48 }))
        .map(([ms, quarters]) => ms + quarters * 900_000),
      fc.integer({ min: Date.UTC(2030, 0, 1), max: Date.UTC(2035, 0, 1) }),
    ),
    fc.constantFrom(0, 1, 999_999, 500_000),
  )
  .map(([ms, nanos]) => BigInt(ms) * 1_000_000n + BigInt(nanos));
const snapshots: fc.Arbitrary<Snapshot> = fc
  .record({
    timeNs,
    offset: fc.constantFrom(...offsets),
    tags: fc.subarray(['a', 'b', 'c']),
  })
  .map(({ timeNs: at, offset, tags }) => ({
    time: formatTime(at, offset),
    tree,
    paths: ['/data'],
    hostname: 'host',
    tags,
  }));

function optionsOf(policy: RetentionPolicy): string[] {
  const spanOption = (name: string, value: CalendarSpan | undefined): string[] =>
    value && spanText(value) !== '' ? [`--keep-within${name}`, spanText(value)] : [];
  return [
    ...(policy.last ? ['--keep-last', String(policy.last)] : []),
    ...retentionPeriods.flatMap((name) =>
      policy.counts?.[name] ? [`--keep-${name}`, String(policy.counts[name])] : [],
    ),
    ...spanOption('', policy.within),
    ...retentionPeriods.flatMap((name) => spanOption(`-${name}`, policy.periodsWithin?.[name])),
    ...(policy.tags ?? []).flatMap((list) => ['--keep-tag', list.join(',')]),
  ];
}

describe('restic forgets the same', { skip: skipUnless({ programs: ['restic'] }) }, () => {
  const folder = temporaryFolder({ after });
  const zone = process.env['TZ'];
  let repositories = 0;
  after(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });

  async function repositoryOf(list: readonly Snapshot[]): Promise<{ path: string; all: FoundSnapshot[] }> {
    const target = new MemoryTarget();
    const repository = await initRepository(target, { password: samplePassword, keyOptions: cheapKey });
    const all: FoundSnapshot[] = [];
    for (const snapshot of list) all.push({ id: await repository.saveSnapshot(snapshot), snapshot });
    repositories += 1;
    const path = join(folder, String(repositories));
    target.writeTo(path);
    return { path, all };
  }

  test('where a span begins on the other side of a change of clocks, or at an hour that exists twice or not at all', async () => {
    // The newest snapshot, the span, and when the span begins by the clock of that zone.
    const cases = [
      ['Europe/Berlin', '2025-04-05T12:00:00+02:00', '7d', '2025-03-29T11:00:00Z'],
      ['UTC', '2025-04-05T12:00:00+02:00', '7d', '2025-03-29T10:00:00Z'],
      ['Europe/Berlin', '2025-10-27T02:30:00+01:00', '1d', '2025-10-26T01:30:00Z'],
      ['America/New_York', '2025-03-10T02:30:00-04:00', '1d', '2025-03-09T06:30:00Z'],
      ['America/New_York', '2025-11-03T01:30:00-05:00', '1d', '2025-11-02T05:30:00Z'],
      ['Europe/London', '2025-04-05T12:00:00+01:00', '1m', '2025-03-05T12:00:00Z'],
    ] as const;
    for (const [tz, newest, span, start] of cases) {
      const startMs = Date.parse(start);
      const times = [-90, -45, -1, 0, 1, 45, 90].map((minutes) => new Date(startMs + minutes * 60_000).toISOString());
      const list = [newest, ...times].map((time) => found(time).snapshot);
      const { path, all } = await repositoryOf(list);
      const answer = tryRestic(path, ['forget', '--dry-run', '--json', '--no-lock', '--keep-within', span], { TZ: tz });
      process.env['TZ'] = tz;
      const kept = applyPolicy(all, { within: parseCalendarSpan(span) }, new Date()).keep;
      const where = `${span} before ${newest} in ${tz}`;
      assert.deepEqual(kept.map(({ snapshot }) => snapshot.time).slice(1), times.slice(4).toReversed(), where);
      const [group] = JSON.parse(answer.stdout) as ResticGroup[];
      assert.deepEqual(
        kept.map(({ id }) => id),
        group?.keep?.map(({ id }) => id),
        where,
      );
    }
  });

  test('over random snapshots, policies and zones, with the same reasons', { timeout: 400_000 }, async () => {
    const property = fc.asyncProperty(
      fc.uniqueArray(snapshots, { minLength: 1, maxLength: 60, selector: ({ time }) => parseTime(time) }),
      fc.array(fc.tuple(policies, fc.constantFrom(...zones)), { minLength: 3, maxLength: 3 }),
      async (list, cases) => {
        const { path, all } = await repositoryOf(list);
        for (const [policy, tz] of cases) {
          if (isEmptyPolicy(policy)) continue;
          const options = optionsOf(policy);
          const answer = tryRestic(path, ['forget', '--dry-run', '--json', '--no-lock', ...options], { TZ: tz });
          process.env['TZ'] = tz;
          const ours = applyPolicy(all, policy, new Date());
          const where = `${options.join(' ')} in ${tz}: ${answer.stderr}`;
          if (ours.keep.length === 0) {
            assert.match(answer.stderr, /refusing to delete last snapshot/, where);
            continue;
          }
          assert.equal(answer.status, 0, where);
          const [group] = JSON.parse(answer.stdout) as ResticGroup[];
          assert.deepEqual(
            ours.keep.map(({ id, reasons }) => [id, ...reasons]),
            group?.reasons?.map(({ snapshot, matches }) => [snapshot.id, ...matches]),
            where,
          );
          assert.deepEqual(
            ours.remove.map(({ id }) => id),
            (group?.remove ?? []).map(({ id }) => id),
            where,
          );
        }
      },
    );
    await fc.assert(property, { numRuns: 30, seed: 20_260_304 });
  });
});
