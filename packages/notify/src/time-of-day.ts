/** When a clock on the wall shows a time of day, where clocks are changed twice a year. */

/** The last moment, up to `now`, at which it was that time of day. A time that a clock change leaves out is taken just after it. */
export function lastTimeOfDay(at: string, timeZone: string, now: Date): Date {
  let day = dayOf(now, timeZone);
  let moment = onDay(day, at, timeZone);
  while (moment > now) {
    day = day.subtract({ days: 1 });
    moment = onDay(day, at, timeZone);
  }
  return moment;
}

/** The first such moment after `now`. */
export function nextTimeOfDay(at: string, timeZone: string, now: Date): Date {
  let day = dayOf(now, timeZone);
  let moment = onDay(day, at, timeZone);
  while (moment <= now) {
    day = day.add({ days: 1 });
    moment = onDay(day, at, timeZone);
  }
  return moment;
}

function dayOf(now: Date, timeZone: string): Temporal.PlainDate {
  return Temporal.Instant.fromEpochMilliseconds(now.getTime()).toZonedDateTimeISO(timeZone).toPlainDate();
}

/** Of an hour that comes twice, the first. */
function onDay(day: Temporal.PlainDate, at: string, timeZone: string): Date {
  const moment = day.toZonedDateTime({ timeZone, plainTime: Temporal.PlainTime.from(at) });
  return new Date(moment.epochMilliseconds);
}

/** `2026-11-21 07:30` there. */
export function wallClock(moment: string | Date, timeZone: string): string {
  const epochMs = new Date(moment).getTime();
  const there = Temporal.Instant.fromEpochMilliseconds(epochMs).toZonedDateTimeISO(timeZone);
  return there.toPlainDateTime().toString({ smallestUnit: 'minute' }).replace('T', ' ');
}

export function ownTimeZone(): string {
  return Temporal.Now.timeZoneId();
}
