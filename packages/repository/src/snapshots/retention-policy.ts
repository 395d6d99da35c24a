import { HoldfastError } from '@holdfast/core';
import { parseTime } from '../format/rfc3339.ts';
import type { FoundSnapshot } from '../repository.ts';

/**
 * Which snapshots to keep, by restic's rules (`internal/data/snapshot_policy.go` of 0.19): what one program would forget the
 * other would too. Grandfather, father, son is `yearly`, `monthly`, `weekly` and `daily` together.
 */

/** A span of calendar time, counted backwards from the newest snapshot. */
export interface CalendarSpan {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
}

/** A number of periods, or all of them. */
export type KeepCount = number | 'unlimited';

/** The periods of which one snapshot each can be kept. */
export const retentionPeriods = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
export type RetentionPeriod = (typeof retentionPeriods)[number];

export interface RetentionPolicy {
  /** The newest so many. */
  readonly last?: KeepCount | undefined;
  /** The newest snapshot of each of the last so many periods that have one. */
  readonly counts?: Readonly<Partial<Record<RetentionPeriod, KeepCount | undefined>>>;
  /** Everything that is newer than this before the newest snapshot. */
  readonly within?: CalendarSpan | undefined;
  /** The newest snapshot of each period within such a time before the newest snapshot. */
  readonly periodsWithin?: Readonly<Partial<Record<RetentionPeriod, CalendarSpan | undefined>>>;
  /** Snapshots that have all tags of any of these lists; a list with an empty tag also fits snapshots without tags. */
  readonly tags?: readonly (readonly string[])[];
}

export interface KeptSnapshot extends FoundSnapshot {
  /** In restic's words, such as `daily snapshot` or `within 7d`. */
  readonly reasons: readonly string[];
}

export interface PolicyResult {
  /** Both newest first. */
  readonly keep: readonly KeptSnapshot[];
  readonly remove: readonly FoundSnapshot[];
}

/** `1y5m7d2h`. @throws usage.option */
export function parseCalendarSpan(text: string): CalendarSpan {
  if (!/^(?:\d{1,6}[ymdh])*$/.test(text.trim()))
    throw new HoldfastError('usage.option', {
      message: `${JSON.stringify(text.slice(0, 80))} is no time such as 1y5m7d2h (years, months, days, hours).`,
    });
  const units = new Map([...text.matchAll(/(\d+)([ymdh])/g)].map(([, number, unit]) => [unit, Number(number)]));
  const of = (unit: string): number => units.get(unit) ?? 0;
  return { years: of('y'), months: of('m'), days: of('d'), hours: of('h') };
}

export function spanText(span: CalendarSpan): string {
  const parts = [
    [span.years, 'y'],
    [span.months, 'm'],
    [span.days, 'd'],
    [span.hours, 'h'],
  ] as const;
  return parts.map(([number, unit]) => (number === 0 ? '' : `${number}${unit}`)).join('');
}

/** True when a policy keeps nothing, which nobody means. */
export function isEmptyPolicy(policy: RetentionPolicy): boolean {
  return rulesOf(policy).length === 0 && given(policy.within) === undefined && (policy.tags ?? []).length === 0;
}

/** The policy in restic's words: `keep 7 daily, 4 weekly snapshots`. */
export function policyText(policy: RetentionPolicy): string {
  const rules = rulesOf(policy);
  const counted = rules
    .filter((rule) => rule.span === undefined)
    .map(
      ({ left, name }) => `${left === Number.POSITIVE_INFINITY ? 'all' : left} ${name === 'last' ? 'latest' : name}`,
    );
  const spans = rules.flatMap(({ span, name }) => (span ? [`${name} snapshots within ${spanText(span)}`] : []));
  const lists = [...(counted.length > 0 ? [`${counted.join(', ')} snapshots`] : []), ...spans].join(', ');
  const within = given(policy.within);
  const parts = [
    lists,
    ...(policy.tags?.length ? [`all snapshots with tags [${policy.tags.map(tagListText).join(' ')}]`] : []),
    ...(within ? [`all snapshots within ${spanText(within)} of the newest`] : []),
  ];
  return `keep ${parts.filter((part) => part !== '').join(' and ')}`;
}

/** Divides one group of snapshots. With an empty policy everything would go: `isEmptyPolicy` is the caller's to ask. */
export function applyPolicy(snapshots: readonly FoundSnapshot[], policy: RetentionPolicy, now: Date): PolicyResult {
  const list = snapshots
    .map((found) => ({ found, timeNs: parseTime(found.snapshot.time) ?? 0n }))
    .sort((a, b) => (a.timeNs === b.timeNs ? compareIds(a.found, b.found) : a.timeNs > b.timeNs ? -1 : 1));
  const latest = latestBefore(list, now);
  const within = given(policy.within);
  const withinStartNs = within && earlier(latest, within);
  const rules = rulesOf(policy).map((rule) => ({
    ...rule,
    startNs: rule.span && earlier(latest, rule.span),
    before: '',
  }));
  const keep: KeptSnapshot[] = [];
  const remove: FoundSnapshot[] = [];
  for (const [at, { found, timeNs }] of list.entries()) {
    const { time, tags = [] } = found.snapshot;
    const oldest = at === list.length - 1;
    const reasons: string[] = [];
    for (const wanted of policy.tags ?? []) if (hasTags(tags, wanted)) reasons.push(`has tags ${tagListText(wanted)}`);
    if (within && withinStartNs !== undefined && timeNs > withinStartNs) reasons.push(`within ${spanText(within)}`);
    for (const rule of rules) {
      if (rule.left === 0 || (rule.startNs !== undefined && timeNs <= rule.startNs)) continue;
      const period = rule.name === 'last' ? String(at) : periodOf(time, rule.name);
      // The oldest one stays too while a rule has not found enough: the longest history that is asked for.
      if (period === rule.before && !oldest) continue;
      const prefix = period === rule.before ? 'oldest ' : '';
      reasons.push(`${prefix}${rule.name} ${rule.span ? `within ${spanText(rule.span)}` : 'snapshot'}`);
      rule.before = period;
      rule.left -= 1;
    }
    if (reasons.length > 0) keep.push({ ...found, reasons });
    else remove.push(found);
  }
  return { keep, remove };
}

/** A rule keeps one snapshot of each period, either so many or those within a span. */
interface Rule {
  readonly name: 'last' | RetentionPeriod;
  readonly span: CalendarSpan | undefined;
  left: number;
}

/** In restic's order, which is that of the reasons. */
function rulesOf(policy: RetentionPolicy): Rule[] {
  const rule = (name: Rule['name'], count: KeepCount | undefined): Rule => ({
    name,
    span: undefined,
    left: count === 'unlimited' ? Number.POSITIVE_INFINITY : (count ?? 0),
  });
  const counted = [rule('last', policy.last), ...retentionPeriods.map((name) => rule(name, policy.counts?.[name]))];
  const spans = retentionPeriods.flatMap((name): Rule[] => {
    const span = given(policy.periodsWithin?.[name]);
    return span ? [{ name, span, left: Number.POSITIVE_INFINITY }] : [];
  });
  return [...counted.filter(({ left }) => left > 0), ...spans];
}

/** A span of nothing counts as none. */
function given(span: CalendarSpan | undefined): CalendarSpan | undefined {
  return span && spanText(span) !== '' ? span : undefined;
}

function tagListText(tags: readonly string[]): string {
  return `[${tags.join(', ')}]`;
}

/** True when a snapshot with these tags has all that are wanted; the empty one means to have none. */
export function hasTags(tags: readonly string[], wanted: readonly string[]): boolean {
  for (const tag of wanted) {
    if (tag === '' && tags.length === 0) return true;
    if (!tags.includes(tag)) return false;
  }
  return true;
}

function compareIds(a: FoundSnapshot, b: FoundSnapshot): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** The period of a time, by the wall clock where the snapshot was made; the text begins with it. */
function periodOf(time: string, period: RetentionPeriod): string {
  switch (period) {
    case 'hourly':
      return time.slice(0, 13);
    case 'daily':
      return time.slice(0, 10);
    case 'weekly':
      return isoWeek(time);
    case 'monthly':
      return time.slice(0, 7);
    case 'yearly':
      return time.slice(0, 4);
  }
}

const dayMs = 24 * 3_600_000;

/** The week of ISO 8601: it belongs to the year that has its Thursday. */
function isoWeek(time: string): string {
  const day = new Date(`${time.slice(0, 10)}T00:00:00Z`);
  const thursday = new Date(day.getTime() + (3 - ((day.getUTCDay() + 6) % 7)) * dayMs);
  const year = thursday.getUTCFullYear();
  const newYear = new Date(0).setUTCFullYear(year, 0, 1);
  return `${year} ${Math.floor((thursday.getTime() - newYear) / dayMs / 7) + 1}`;
}

interface Moment {
  readonly timeNs: bigint;
  /** As the snapshot has it: its zone matters for what a day or a month before is. */
  readonly text: string;
}

/** The newest time that is not in the future. */
function latestBefore(list: readonly { readonly found: FoundSnapshot; readonly timeNs: bigint }[], now: Date): Moment {
  const nowNs = BigInt(now.getTime()) * nanosPerMs;
  const found = list.find(({ timeNs }) => timeNs < nowNs);
  // Only snapshots of the future: whatever the span, all of them are within it.
  return found
    ? { timeNs: found.timeNs, text: found.found.snapshot.time }
    : { timeNs: year1Ns, text: '0001-01-01T00:00:00Z' };
}

const nanosPerMs = 1_000_000n;
const year1Ns = -62_135_596_800_000n * nanosPerMs;

/**
 * A span before a moment, as Go's `AddDate` counts: on the calendar of the moment's zone, which is this computer's zone when
 * the moment's distance from UTC is that of this computer at that time, else a zone of that distance for ever. Hours are
 * hours.
 */
function earlier(moment: Moment, span: CalendarSpan): bigint {
  const zone = /([+-])(\d\d):(\d\d)$/.exec(moment.text);
  const offsetMinutes = zone ? (Number(zone[2]) * 60 + Number(zone[3])) * (zone[1] === '-' ? -1 : 1) : 0;
  const nanos = ((moment.timeNs % nanosPerMs) + nanosPerMs) % nanosPerMs;
  const atMs = Number((moment.timeNs - nanos) / nanosPerMs);
  const wall = new Date(atMs + offsetMinutes * 60_000);
  wall.setUTCFullYear(
    wall.getUTCFullYear() - span.years,
    wall.getUTCMonth() - span.months,
    wall.getUTCDate() - span.days,
  );
  const isLocal = zone !== null && localOffsetMinutes(atMs) === offsetMinutes;
  const wallMs = wall.getTime();
  // Before the beginning of time.
  if (Number.isNaN(wallMs)) return year1Ns;
  const startMs = wallMs - (isLocal ? offsetOfWallMinutes(wallMs) : offsetMinutes) * 60_000 - span.hours * 3_600_000;
  return BigInt(startMs) * nanosPerMs + nanos;
}

function localOffsetMinutes(atMs: number): number {
  return -new Date(atMs).getTimezoneOffset();
}

/** Go's choice for a wall clock's time that exists twice, or not at all, when the clocks change. */
function offsetOfWallMinutes(wallMs: number): number {
  const guess = localOffsetMinutes(wallMs);
  return guess === 0 ? 0 : localOffsetMinutes(wallMs - guess * 60_000);
}
