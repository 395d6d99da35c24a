import { formatTime } from '@holdfast/repository/format';

const daySeconds = 86_400;
const nanosPerSecond = 1_000_000_000n;
const year10000Seconds = 253_402_300_800;
/** The longest: 2026-11-21T10:00:00.123456789+01:00. */
export const maxTimeChars = 35;

/** What times of one day UTC have in common. Dates are what is slow, and the files of a computer have few. */
interface Day {
  /** Local time's distance from UTC; undefined where it changes within the day. */
  readonly offsetSeconds: number | undefined;
  readonly zone: Uint8Array;
}

const days = new Map<number, Day>();
const dates = new Map<number, Uint8Array>();
const maxDays = 4096;

function offsetMinutesAt(seconds: number): number {
  const minutes = -new Date(seconds * 1000).getTimezoneOffset();
  // Beyond what a Date can be.
  return Number.isNaN(minutes) ? 0 : minutes;
}

function remember<Value>(known: Map<number, Value>, day: number, value: Value): Value {
  if (known.size >= maxDays) known.clear();
  known.set(day, value);
  return value;
}

/** @param day of UTC, since 1970 */
export function dayOf(day: number): Day {
  const known = days.get(day);
  if (known !== undefined) return known;
  const start = day * daySeconds;
  const offset = offsetMinutesAt(start);
  const isConstant = offset === offsetMinutesAt(start + daySeconds);
  const zone = Buffer.from(formatTime(0n, offset).slice(19));
  return remember(days, day, { offsetSeconds: isConstant ? offset * 60 : undefined, zone });
}

/** `2026-11-21T`, of a day of local time. */
function dateOf(day: number): Uint8Array {
  const known = dates.get(day);
  if (known !== undefined) return known;
  return remember(dates, day, Buffer.from(new Date(day * daySeconds * 1000).toISOString().slice(0, 11)));
}

function twoDigits(into: Uint8Array, at: number, value: number): number {
  const tens = Math.floor(value / 10);
  into[at] = 0x30 + tens;
  into[at + 1] = 0x30 + value - tens * 10;
  return at + 2;
}

/**
 * Writes a time as restic does: local time, with the offset of that moment. Gives the place behind it; there must be room
 * for `maxTimeChars`.
 */
export function writeLocalTime(into: Uint8Array, start: number, seconds: number, nanos: number): number {
  let at = start;
  const day = dayOf(Math.floor(seconds / daySeconds));
  const local = seconds + (day.offsetSeconds ?? 0);
  // Days on which clocks are changed, and years of other than four digits, are rare.
  if (day.offsetSeconds === undefined || local < 0 || local >= year10000Seconds) {
    const timeNs = BigInt(seconds) * nanosPerSecond + BigInt(nanos);
    for (const char of Buffer.from(formatTime(timeNs, offsetMinutesAt(seconds)))) into[at++] = char;
    return at;
  }
  const localDay = Math.floor(local / daySeconds);
  const date = dateOf(localDay);
  for (let number = 0; number < 11; number += 1) into[at++] = date[number] ?? 0;
  const inDay = local - localDay * daySeconds;
  const hours = Math.floor(inDay / 3600);
  const minutes = Math.floor(inDay / 60) - hours * 60;
  at = twoDigits(into, at, hours);
  into[at++] = 0x3a;
  at = twoDigits(into, at, minutes);
  into[at++] = 0x3a;
  at = twoDigits(into, at, inDay - hours * 3600 - minutes * 60);
  if (nanos !== 0) {
    into[at++] = 0x2e;
    for (let rest = nanos, unit = 100_000_000; rest > 0; unit /= 10) {
      const digit = Math.floor(rest / unit);
      into[at++] = 0x30 + digit;
      rest -= digit * unit;
    }
  }
  for (let number = 0; number < day.zone.length; number += 1) into[at++] = day.zone[number] ?? 0;
  return at;
}

const scratch = Buffer.alloc(maxTimeChars);

export function localTime(timeNs: bigint): string {
  const nanos = ((timeNs % nanosPerSecond) + nanosPerSecond) % nanosPerSecond;
  const seconds = Number((timeNs - nanos) / nanosPerSecond);
  return scratch.toString('latin1', 0, writeLocalTime(scratch, 0, seconds, Number(nanos)));
}
