import { isOpen, timeWindow, timeZone } from '@holdfast/protocol';
import { z } from 'zod';
import { readJson } from '../json-column.ts';

/** What of a job is in force for one session of it, whatever becomes of the job meanwhile. */
const sessionPlan = z.strictObject({
  windows: z.array(timeWindow),
  timeZone,
  retries: z.strictObject({ count: z.number().int(), pauseMinutes: z.number().int() }),
});
export type SessionPlan = z.infer<typeof sessionPlan>;

/** Of what a person asks for: at any time, and once. */
export const plainPlan: SessionPlan = { windows: [], timeZone: 'UTC', retries: { count: 0, pauseMinutes: 1 } };

interface Planned {
  readonly planJson: string;
}

export function readPlan({ planJson }: Planned): SessionPlan {
  return readJson(sessionPlan, planJson, 'sessions.planJson');
}

/** Whether its tasks may run now. */
export function isWithin(planned: Planned, now: Date): boolean {
  const { windows, timeZone: zone } = readPlan(planned);
  return isOpen(windows, zone, now);
}
