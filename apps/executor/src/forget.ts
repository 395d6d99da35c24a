import {
  limits,
  minKeptPoints,
  type Retention,
  type RetentionRule,
  type Task,
  type TaskOutcome,
} from '@holdfast/protocol/executor';
import { applyPolicy, type FoundSnapshot, type ObjectId, parseTime, type RetentionPolicy } from '@holdfast/repository';
import { forgetSnapshots } from '@holdfast/repository/snapshots';
import type { Work } from './execute.ts';

type ForgetTask = Extract<Task, { kind: 'forget' }>;

/** Removes snapshots: those that the rules no longer keep, or the named ones. */
export async function forget({ choose }: ForgetTask, work: Work): Promise<TaskOutcome> {
  const { repository, signal, onProblem } = work;
  const { clock } = repository;
  const startedMs = clock.monotonicMs();
  let all = 0;
  let chosen: readonly ObjectId[] = [];
  const result = await forgetSnapshots(repository, {
    signal,
    onProblem,
    choose: (snapshots) => {
      all = snapshots.length;
      chosen =
        choose.by === 'ids'
          ? snapshots.filter(({ id }) => choose.snapshotIds.includes(id)).map(({ id }) => id)
          : expired(snapshots, choose.rules, clock.now()).map(({ id }) => id);
      return chosen.slice(0, limits.maxForgottenSnapshots);
    },
  });
  let retained = 0;
  for (const error of result.failed.values()) {
    // What must stay until a date is no failure: it goes when the date has come.
    if (error.code === 'storage.immutable') retained += 1;
    else onProblem(error);
  }
  return {
    kind: 'forget',
    removed: [...result.removed],
    more: chosen.length > limits.maxForgottenSnapshots,
    retained,
    kept: all - result.removed.length,
    durationMs: clock.monotonicMs() - startedMs,
  };
}

/** What no rule keeps any longer, the oldest first. */
export function expired(
  snapshots: readonly FoundSnapshot[],
  rules: readonly RetentionRule[],
  now: Date,
): readonly FoundSnapshot[] {
  const groups = new Map<string, FoundSnapshot[]>();
  for (const found of snapshots) {
    const key = JSON.stringify([found.snapshot.hostname ?? '', sorted(found.snapshot.paths)]);
    const group = groups.get(key);
    if (group) group.push(found);
    else groups.set(key, [found]);
  }
  const gone: FoundSnapshot[] = [];
  for (const group of groups.values()) {
    const [first] = group;
    const [rule, ...others] = first ? rulesFor(first, rules) : [];
    if (!rule) continue;
    const byOthers = others.map((other) => new Set(expiredOf(group, other.retention, now)));
    gone.push(...expiredOf(group, rule.retention, now).filter((found) => byOthers.every((some) => some.has(found))));
  }
  return gone.sort((a, b) => timeMs(a) - timeMs(b));
}

/** The rules that backups of one computer and set of sources go by. */
function rulesFor({ snapshot }: FoundSnapshot, rules: readonly RetentionRule[]): readonly RetentionRule[] {
  const ofHost = rules.filter(({ hosts }) => hosts?.includes(snapshot.hostname ?? ''));
  const sources = JSON.stringify(sorted(snapshot.paths));
  const ofSources = ofHost.filter(({ paths }) => paths !== undefined && JSON.stringify(sorted(paths)) === sources);
  const general = rules.filter(({ hosts }) => hosts === undefined);
  return [ofSources, ofHost, general].find((some) => some.length > 0) ?? [];
}

const sorted = (paths: readonly string[]): readonly string[] => [...paths].sort();
const timeMs = ({ snapshot }: FoundSnapshot): number => Number((parseTime(snapshot.time) ?? 0n) / 1_000_000n);

const dayMs = 86_400_000;

/** Of the backups of one computer and set of sources. */
function expiredOf(
  group: readonly FoundSnapshot[],
  retention: Retention | undefined,
  now: Date,
): readonly FoundSnapshot[] {
  if (!retention) return [];
  const { staleAfterDays } = retention;
  const newest = group.reduce((latest, found) => (timeMs(found) > timeMs(latest) ? found : latest));
  if (staleAfterDays === undefined || now.getTime() - timeMs(newest) <= staleAfterDays * dayMs)
    return applyPolicy(group, policyOf(retention), now).remove;
  // Of a computer that is gone only what weeks, months and years keep stays. They are counted from now, as if it had backed up
  // now, so that they end too.
  const present = { id: newest.id, snapshot: { ...newest.snapshot, time: now.toISOString() } };
  return applyPolicy(
    [...group, present],
    { periodsWithin: periodsOf(retention) },
    new Date(now.getTime() + 1),
  ).remove.filter((found) => found !== present);
}

const none = { years: 0, months: 0, days: 0, hours: 0 };

/** The engine's policy: `days` and periods are spans that end at the newest backup. */
function policyOf(retention: Retention): RetentionPolicy {
  const { keep } = retention;
  return {
    ...(keep.by === 'days'
      ? { last: minKeptPoints, within: { ...none, days: keep.days } }
      : { last: Math.max(minKeptPoints, keep.points) }),
    periodsWithin: periodsOf(retention),
  };
}

function periodsOf({ gfs = {} }: Retention): NonNullable<RetentionPolicy['periodsWithin']> {
  return {
    ...(gfs.weekly === undefined ? {} : { weekly: { ...none, days: gfs.weekly * 7 } }),
    ...(gfs.monthly === undefined ? {} : { monthly: { ...none, months: gfs.monthly } }),
    ...(gfs.yearly === undefined ? {} : { yearly: { ...none, years: gfs.yearly } }),
  };
}
