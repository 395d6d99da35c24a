import { HoldfastError } from '@holdfast/core';
import { Cron } from 'croner';
import { z } from 'zod';
import { entityId } from '../names.ts';

/** When jobs and policies run, as administrators say it: by the wall clock of a time zone. */

export const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;
const weekday = z.enum(weekdays);
export type Weekday = z.infer<typeof weekday>;

const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'say a time of day as 21:00');
/** The end of a part of a day, which may be its midnight. */
const endOfDayPart = z.string().regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, 'say a time of day as 21:00, or 24:00');
const someDays = z.array(weekday).min(1).max(7);

/** Throws `usage.option` for an expression that is no cron expression of five fields. */
export function parseCron(expression: string, timeZone: string): Cron {
  try {
    // Both a day of the month and a weekday: either will do, as cron has always had it.
    return new Cron(expression, { timezone: timeZone, mode: '5-part', paused: true, domAndDow: false });
  } catch (cause) {
    throw new HoldfastError('usage.option', {
      message: `${JSON.stringify(expression)} is no cron expression: ${cause instanceof Error ? cause.message : String(cause)}`,
      guidance: 'Write minute, hour, day of the month, month and weekday, for instance: 0 21 * * MON-FRI',
      cause,
    });
  }
}

function isCron(expression: string): boolean {
  try {
    parseCron(expression, 'UTC');
    return true;
  } catch {
    return false;
  }
}

/**
 * - `manual`: only when somebody asks for it;
 * - `monthly`: a day of the month, in shorter months their last day, or the first to fourth or last weekday of its kind;
 * - `interval`: every so many minutes from `from` on until before `to`, on these days;
 * - `after`: when a session of the other job has ended, however it did;
 * - `cron`: five fields.
 */
export const schedule = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('manual') }),
  z.strictObject({ kind: z.literal('daily'), at: timeOfDay }),
  z.strictObject({ kind: z.literal('weekly'), days: someDays, at: timeOfDay }),
  z.strictObject({
    kind: z.literal('monthly'),
    on: z.union([
      z.strictObject({ day: z.union([z.number().int().min(1).max(31), z.literal('last')]) }),
      z.strictObject({ nth: z.union([z.number().int().min(1).max(4), z.literal('last')]), weekday }),
    ]),
    /** All if left out. */
    months: z.array(z.number().int().min(1).max(12)).min(1).max(12).optional(),
    at: timeOfDay,
  }),
  z.strictObject({
    kind: z.literal('interval'),
    everyMinutes: z.number().int().min(1).max(1440),
    from: timeOfDay.default('00:00'),
    to: endOfDayPart.default('24:00'),
    days: someDays.default([...weekdays]),
  }),
  z.strictObject({ kind: z.literal('after'), jobId: entityId }),
  z.strictObject({
    kind: z.literal('cron'),
    expression: z.string().min(9).max(200).refine(isCron, 'is no cron expression of five fields'),
  }),
]);
export type Schedule = z.infer<typeof schedule>;

/** A name of the IANA time zone database, for instance Europe/Berlin. */
export const timeZone = z
  .string()
  .min(1)
  .max(100)
  .refine((name) => {
    try {
      Temporal.Now.zonedDateTimeISO(name);
      return !/^[+-]/.test(name);
    } catch {
      return false;
    }
  }, 'is no time zone; say it as Europe/Berlin, or UTC');

/** A part of each of these days; one that ends before it begins goes on into the next day. */
export const timeWindow = z.strictObject({
  days: someDays.default([...weekdays]),
  from: timeOfDay,
  to: endOfDayPart,
});
export type TimeWindow = z.infer<typeof timeWindow>;

/** What was due while nobody could run it: once afterwards, or not at all. */
export const missedRuns = z.enum(['run-once', 'skip']);
