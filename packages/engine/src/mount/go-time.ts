import { parseTime } from '@holdfast/repository';

/** The parts of Go's layouts (Go `time`, constants), longest first where one begins like another. */
const parts =
  /2006|January|Monday|MST|Z07:00|Z0700|-07:00|-0700|-07|Jan|Mon|PM|pm|01|02|_2|03|04|05|06|15|[1-5](?!\d)/g;

const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** A snapshot's time in its own zone, by a layout of Go's `time.Format`: `2006-01-02T15:04:05Z07:00`. */
export function formatGoTime(time: string, layout: string): string {
  const zone = /(?:Z|([+-])(\d\d):(\d\d))$/.exec(time);
  const [, sign = '+', zoneHour = '00', zoneMinute = '00'] = zone ?? [];
  const offsetMinutes = (Number(zoneHour) * 60 + Number(zoneMinute)) * (sign === '-' ? -1 : 1);
  const local = new Date(Number((parseTime(time) ?? 0n) / 1_000_000n) + offsetMinutes * 60_000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const isUtc = offsetMinutes === 0;
  const plain = `${sign}${zoneHour}${zoneMinute}`;
  const withColon = `${sign}${zoneHour}:${zoneMinute}`;
  const hour12 = local.getUTCHours() % 12 || 12;
  const month = months[local.getUTCMonth()] ?? '';
  const day = days[local.getUTCDay()] ?? '';
  const half = local.getUTCHours() < 12 ? 'AM' : 'PM';
  const values: Readonly<Record<string, string>> = {
    '2006': String(local.getUTCFullYear()).padStart(4, '0'),
    '06': two(local.getUTCFullYear() % 100),
    January: month,
    Jan: month.slice(0, 3),
    '01': two(local.getUTCMonth() + 1),
    '1': String(local.getUTCMonth() + 1),
    Monday: day,
    Mon: day.slice(0, 3),
    '02': two(local.getUTCDate()),
    _2: String(local.getUTCDate()).padStart(2),
    '2': String(local.getUTCDate()),
    '15': two(local.getUTCHours()),
    '03': two(hour12),
    '3': String(hour12),
    '04': two(local.getUTCMinutes()),
    '4': String(local.getUTCMinutes()),
    '05': two(local.getUTCSeconds()),
    '5': String(local.getUTCSeconds()),
    PM: half,
    pm: half.toLowerCase(),
    MST: isUtc ? 'UTC' : plain,
    'Z07:00': isUtc ? 'Z' : withColon,
    Z0700: isUtc ? 'Z' : plain,
    '-07:00': withColon,
    '-0700': plain,
    '-07': `${sign}${zoneHour}`,
  };
  return layout.replace(parts, (part) => values[part] ?? part);
}
