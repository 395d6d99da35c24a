import { parseDurationMs } from '@holdfast/core';
import { InvalidArgumentError } from 'commander';

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

/** A duration, in milliseconds. */
export function lifetime(value: string): number {
  const durationMs = parseDurationMs(value);
  if (durationMs !== undefined && durationMs > 0) return durationMs;
  throw new InvalidArgumentError('It must be a time such as 30m, 24h or 7d.');
}
