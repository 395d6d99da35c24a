import { InvalidArgumentError } from 'commander';

const pattern =
  /^(?:(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)|(?<day2>\d\d)\.(?<month2>\d\d)\.(?<year2>\d{4}))(?:[ T](?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d))?(?: ?(?:(?<utc>UTC|GMT|Z)|(?<sign>[+-])(?<zoneHour>\d\d):?(?<zoneMinute>\d\d)))?)?$/;

/** A time as restic's `find` takes it, in nanoseconds since 1970: local where no zone is given. */
export function moment(text: string): bigint {
  const groups = pattern.exec(text.trim())?.groups;
  if (groups === undefined)
    throw new InvalidArgumentError(
      'It must be a time such as 2026-01-31, 2026-01-31 18:00 or 2026-01-31 18:00:30 +0100.',
    );
  const part = (name: string): number => Number(groups[name] ?? 0);
  const [year, month, day] = [
    part('year') || part('year2'),
    part('month') || part('month2'),
    part('day') || part('day2'),
  ];
  const [hour, minute, second] = [part('hour'), part('minute'), part('second')];
  const utcMs = Date.UTC(year, month - 1, day, hour, minute, second);
  const check = new Date(utcMs);
  if (check.getUTCMonth() !== month - 1 || check.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59)
    throw new InvalidArgumentError('There is no such day or hour.');
  const zoned = groups['utc'] !== undefined || groups['sign'] !== undefined;
  const zoneMinutes = (part('zoneHour') * 60 + part('zoneMinute')) * (groups['sign'] === '-' ? -1 : 1);
  const ms = zoned ? utcMs - zoneMinutes * 60_000 : new Date(year, month - 1, day, hour, minute, second).getTime();
  return BigInt(ms) * 1_000_000n;
}
