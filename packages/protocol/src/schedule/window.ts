import { type TimeWindow, weekdays } from './schedule.ts';

/** Whether one of the windows is open, by the wall clock of the zone. No windows at all: it is always open. */
export function isOpen(windows: readonly TimeWindow[], timeZone: string, now: Date): boolean {
  if (windows.length === 0) return true;
  const local = Temporal.Instant.fromEpochMilliseconds(now.getTime()).toZonedDateTimeISO(timeZone);
  const time = local.toPlainTime().toString({ smallestUnit: 'minute' });
  const today = weekdays[local.dayOfWeek - 1];
  const yesterday = weekdays[(local.dayOfWeek + 5) % 7];
  return windows.some(({ days, from, to }) => {
    const isOn = (day: string | undefined): boolean => days.some((one) => one === day);
    if (from < to) return isOn(today) && time >= from && time < to;
    return (isOn(today) && time >= from) || (isOn(yesterday) && time < to);
  });
}
