import { HoldfastError } from '@holdfast/core';
import { occurrencesWithin, type Routes } from '@holdfast/protocol';
import type { z } from 'zod';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { sessionViews } from '../sessions/session-store.ts';
import { type JobRow, settingsOf } from './job-rows.ts';

/** More than a month of one every hour. */
const maxShownTimes = 1_000;
/** Further than people plan, and little enough to compute while they wait. */
const maxShownMs = 400 * 86_400_000;

/** When a job is due, by the code that starts it, and when it has run. Throws `request.invalid` for more than 400 days. */
export async function jobCalendar(
  scope: TenantScope,
  row: JobRow,
  o: { from: string; to: string },
): Promise<z.input<Routes['jobCalendar']['response']>> {
  const [from, to] = [new Date(o.from), new Date(o.to)];
  if (to <= from || to.getTime() - from.getTime() > maxShownMs)
    throw new HoldfastError('request.invalid', {
      message: 'The calendar goes from a time to a later one, at most 400 days.',
    });
  const { enabled, schedule, timeZone } = settingsOf(row);
  const within = { after: new Date(from.getTime() - 1), until: to, limit: maxShownTimes };
  const sessions = await scope.query
    .selectFrom('sessions')
    .selectAll()
    .where('jobId', '=', row.id)
    .where('createdAt', '>=', from.toISOString())
    .where('createdAt', '<=', to.toISOString())
    .orderBy('createdAt')
    .limit(maxShownTimes)
    .execute();
  return {
    timeZone,
    due: enabled ? occurrencesWithin({ schedule, timeZone }, within).map((each) => each.toISOString()) : [],
    sessions: await sessionViews(scope, sessions),
  };
}
