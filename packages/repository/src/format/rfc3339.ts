/**
 * Times as Go writes them: RFC 3339 with up to nine digits of a second, trailing zeros left out, `Z` for UTC.
 * Nanoseconds since 1970 are bigints; `Date` has no nanoseconds.
 */

const nanosPerSecond = 1_000_000_000n;
const secondsOfYear0 = -62_167_219_200n;
const secondsAfterYear9999 = 253_402_300_800n;
const pattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))$/;

/**
 * The text of a time. `offsetMinutes` is the local time's distance from UTC, -1439 to 1439: restic writes local time.
 * Years outside 0 to 9999 can't be written: such times are moved to the nearest that can.
 */
export function formatTime(timeNs: bigint, offsetMinutes = 0): string {
  let seconds = timeNs / nanosPerSecond;
  let nanos = timeNs % nanosPerSecond;
  if (nanos < 0n) {
    nanos += nanosPerSecond;
    seconds -= 1n;
  }
  seconds += BigInt(offsetMinutes) * 60n;
  if (seconds < secondsOfYear0) seconds = secondsOfYear0;
  if (seconds >= secondsAfterYear9999) seconds = secondsAfterYear9999 - 1n;
  const digits = nanos === 0n ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`;
  const zone = offsetMinutes === 0 ? 'Z' : zoneOf(offsetMinutes);
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}${digits}${zone}`;
}

function zoneOf(offsetMinutes: number): string {
  const minutes = Math.abs(offsetMinutes);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** The times of one file are mostly equal, and each is asked for twice: a restore spends a tenth of its time here without this. */
let last: { readonly text: string; readonly timeNs: bigint | undefined } = { text: '', timeNs: undefined };

/** Nanoseconds since 1970, or undefined when the text is not such a time. */
export function parseTime(text: string): bigint | undefined {
  if (text !== last.text) last = { text, timeNs: parse(text) };
  return last.timeNs;
}

function parse(text: string): bigint | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', sign, zoneHour = '0', zoneMinute = '0'] = match;
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(ms) || Number(zoneHour) > 23 || Number(zoneMinute) > 59) return undefined;
  // Date.parse takes the 31st of February for March.
  if (new Date(ms).getUTCDate() !== Number(day)) return undefined;
  const zoneSeconds = (Number(zoneHour) * 3600 + Number(zoneMinute) * 60) * (sign === '-' ? -1 : 1);
  return BigInt(ms / 1000 - zoneSeconds) * nanosPerSecond + BigInt(fraction.padEnd(9, '0'));
}

const daysOfMonth = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** True when `parseTime` would understand it: a tree has three of them for each entry, and most readers need none. */
export function isTime(text: string): boolean {
  const digit = (at: number): number => {
    const code = text.charCodeAt(at) - 48;
    return code >= 0 && code <= 9 ? code : Number.NaN;
  };
  const two = (at: number): number => digit(at) * 10 + digit(at + 1);
  const year = two(0) * 100 + two(2);
  const [month, day] = [two(5), two(8)];
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && isLeap ? 29 : (daysOfMonth[month - 1] ?? 0);
  // Comparisons with what is no number are false.
  if (!(year >= 0 && day >= 1 && day <= days && two(11) <= 23 && two(14) <= 59 && two(17) <= 59)) return false;
  if (text[4] !== '-' || text[7] !== '-' || text[10] !== 'T' || text[13] !== ':' || text[16] !== ':') return false;
  let at = 19;
  if (text[at] === '.') {
    at += 1;
    while (digit(at) >= 0) at += 1;
    if (at === 20 || at > 29) return false;
  }
  if (text[at] === 'Z') return text.length === at + 1;
  if (text[at] !== '+' && text[at] !== '-') return false;
  return two(at + 1) <= 23 && text[at + 3] === ':' && two(at + 4) <= 59 && text.length === at + 6;
}

/** Now, to the millisecond that a Date has. */
export function timeOfDate(date: Date): bigint {
  return BigInt(date.getTime()) * 1_000_000n;
}
