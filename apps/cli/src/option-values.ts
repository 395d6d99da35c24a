import { parseDurationMs } from '@holdfast/core';
import { InvalidArgumentError } from 'commander';

/** Longer waits are mistakes of a unit. */
const maxDurationMs = 366 * 24 * 3_600_000;

/** Values of options, in the form in which commander asks for them. */

/** An option that may be repeated. */
export function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** A whole number within bounds. */
export function wholeNumber(from: number, to: number): (value: string) => number {
  return (value) => {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= from && number <= to) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${from} to ${to}.`);
  };
}

/** `a,b` repeated, as one list. */
export function splitTags(lists: readonly string[] | undefined): string[] {
  return (lists ?? []).flatMap((list) => list.split(',').map((tag) => tag.trim())).filter((tag) => tag !== '');
}

/** A duration as Go writes it (`90s`, `1h30m`) or in days, in milliseconds. */
export function duration(value: string): number {
  const parts = /^(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h|d))+$/.test(value) ? value.matchAll(/([\d.]+)(ms|s|m|h|d)/g) : [];
  let totalMs = 0;
  let count = 0;
  for (const [, number, unit] of parts) {
    // `parseDurationMs` knows the units.
    totalMs += Number(number) * (parseDurationMs(`1${unit}`) ?? Number.NaN);
    count += 1;
  }
  if (count > 0 && totalMs <= maxDurationMs) return totalMs;
  if (value === '0') return 0;
  throw new InvalidArgumentError('It must be a time such as 30s, 5m, 1h30m, at most a year.');
}

const byteUnits: Readonly<Record<string, number>> = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** A size as restic takes it: `500`, `500k`, `20G`. */
export function byteSize(value: string): number {
  const match = /^(\d{1,15})([bkmgt]?)$/i.exec(value);
  const bytes = Number(match?.[1]) * (byteUnits[(match?.[2] || 'b').toLowerCase()] ?? Number.NaN);
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError('It must be a number of bytes, with k, m, g or t for powers of 1,024.');
}

/** A duration above zero, in milliseconds. */
export function lifetime(value: string): number {
  const durationMs = parseDurationMs(value);
  if (durationMs !== undefined && durationMs > 0) return durationMs;
  throw new InvalidArgumentError('It must be a time such as 30m, 24h or 7d.');
}
