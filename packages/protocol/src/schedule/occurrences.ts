import type { Cron } from 'croner';
import { parseCron, type Schedule, weekdays } from './schedule.ts';

/** What is due is found within this: every schedule by the calendar comes at least once a year. */
const searchedDays = 2 * 366;

export interface Timing {
  readonly schedule: Schedule;
  readonly timeZone: string;
}

/**
 * The next instant after `after`, or undefined when there is none: nothing by the clock is due ever (`manual`, `after`, a cron
 * expression such as 30 February).
 *
 * A time of day that does not exist, because the clocks are put forward, is due as much later as they are: 02:30 at 03:30. One
 * that comes twice is due at the first. Minutes of an interval are real ones: a day of 23 hours has fewer of them.
 */
export function nextOccurrence({ schedule, timeZone }: Timing, after: Date): Date | undefined {
  if (schedule.kind === 'cron') return parseCron(schedule.expression, timeZone).nextRun(after) ?? undefined;
  const first = dateOf(after, timeZone).subtract({ days: 1 });
  for (let days = 0; days <= searchedDays; days += 1) {
    const found = onDate(schedule, first.add({ days }), timeZone).find((ms) => ms > after.getTime());
    if (found !== undefined) return new Date(found);
    if (schedule.kind === 'manual' || schedule.kind === 'after') return undefined;
  }
  return undefined;
}

/** The instants after `after` and not after `until`, in order; the first `limit` of them. */
export function occurrencesWithin(timing: Timing, o: { after: Date; until: Date; limit: number }): Date[] {
  const found: Date[] = [];
  for (let next = nextOccurrence(timing, o.after); next && next <= o.until; next = nextOccurrence(timing, next)) {
    if (found.length === o.limit) break;
    found.push(next);
  }
  return found;
}

/** The last instant after `after` and not after `until`. */
export function lastOccurrence({ schedule, timeZone }: Timing, o: { after: Date; until: Date }): Date | undefined {
  const [afterMs, untilMs] = [o.after.getTime(), o.until.getTime()];
  if (afterMs >= untilMs || schedule.kind === 'manual' || schedule.kind === 'after') return undefined;
  if (schedule.kind === 'cron') return lastOfCron(parseCron(schedule.expression, timeZone), { afterMs, untilMs });
  const last = dateOf(o.until, timeZone).add({ days: 1 });
  for (let days = 0; days <= searchedDays; days += 1) {
    const date = last.subtract({ days });
    const found = onDate(schedule, date, timeZone).findLast((ms) => ms <= untilMs);
    if (found !== undefined) return found > afterMs ? new Date(found) : undefined;
  }
  return undefined;
}

/** Looks back in growing steps: what is due often is found near, what is due rarely costs few looks. */
function lastOfCron(cron: Cron, o: { afterMs: number; untilMs: number }): Date | undefined {
  const longestMs = Math.min(o.untilMs - o.afterMs, searchedDays * 86_400_000);
  for (let backMs = 60_000; ; backMs *= 4) {
    let found: Date | undefined;
    const fromMs = o.untilMs - Math.min(backMs, longestMs);
    for (let next = cron.nextRun(new Date(fromMs)); next && next.getTime() <= o.untilMs; next = cron.nextRun(next)) {
      found = next;
    }
    if (found) return found;
    if (backMs >= longestMs) return undefined;
  }
}

function dateOf(instant: Date, timeZone: string): Temporal.PlainDate {
  return Temporal.Instant.fromEpochMilliseconds(instant.getTime()).toZonedDateTimeISO(timeZone).toPlainDate();
}

/** Instants of one day of the calendar, in order. */
function onDate(
  schedule: Exclude<Schedule, { kind: 'cron' }>,
  date: Temporal.PlainDate,
  timeZone: string,
): readonly number[] {
  switch (schedule.kind) {
    case 'manual':
    case 'after':
      return [];
    case 'daily':
      return [instantOf(date, schedule.at, timeZone)];
    case 'weekly':
      return schedule.days.includes(weekdayOf(date)) ? [instantOf(date, schedule.at, timeZone)] : [];
    case 'monthly':
      return isDayOfMonth(schedule, date) ? [instantOf(date, schedule.at, timeZone)] : [];
    case 'interval':
      return schedule.days.includes(weekdayOf(date)) ? intervalsOf(schedule, date, timeZone) : [];
  }
}

function weekdayOf(date: Temporal.PlainDate) {
  const name = weekdays[date.dayOfWeek - 1];
  if (name === undefined) throw new RangeError(`${date.toString()} has no weekday`);
  return name;
}

function isDayOfMonth({ on, months }: Extract<Schedule, { kind: 'monthly' }>, date: Temporal.PlainDate): boolean {
  if (months && !months.includes(date.month)) return false;
  if ('day' in on) return date.day === (on.day === 'last' ? date.daysInMonth : Math.min(on.day, date.daysInMonth));
  if (weekdayOf(date) !== on.weekday) return false;
  return on.nth === 'last' ? date.day + 7 > date.daysInMonth : Math.ceil(date.day / 7) === on.nth;
}

function intervalsOf(
  { everyMinutes, from, to }: Extract<Schedule, { kind: 'interval' }>,
  date: Temporal.PlainDate,
  timeZone: string,
): readonly number[] {
  const startMs = instantOf(date, from, timeZone);
  // An interval that ends before it begins goes on into the next day.
  const endMs =
    to === '24:00' ? midnightAfter(date, timeZone) : instantOf(to > from ? date : date.add({ days: 1 }), to, timeZone);
  const count = Math.max(0, Math.ceil((endMs - startMs) / (everyMinutes * 60_000)));
  return Array.from({ length: count }, (_, step) => startMs + step * everyMinutes * 60_000);
}

function midnightAfter(date: Temporal.PlainDate, timeZone: string): number {
  return date.add({ days: 1 }).toZonedDateTime(timeZone).epochMilliseconds;
}

/** `compatible` of RFC 5545: what is skipped is taken later by the length of the gap, what comes twice at the first. */
function instantOf(date: Temporal.PlainDate, at: string, timeZone: string): number {
  return date.toZonedDateTime({ timeZone, plainTime: Temporal.PlainTime.from(at) }).epochMilliseconds;
}
