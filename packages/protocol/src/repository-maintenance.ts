import { z } from 'zod';
import { drillAmount } from './maintenance-tasks.ts';
import { entityId } from './names.ts';
import { type Retention, retention } from './retention.ts';
import { type Schedule, schedule, timeZone } from './schedule/schedule.ts';

const time = (byDefault: Schedule) =>
  schedule.refine(({ kind }) => kind !== 'after', 'is for jobs: maintenance follows the clock').default(byDefault);

/** Which backups a drill restores, and how much of them. */
export const drillOptions = z.strictObject({
  /** Only of these; of all that have backups there if empty. */
  computers: z.array(entityId).max(10_000).default([]),
  /** Of so many computers each time: those whose last good drill is the longest ago. The newest backup of each. */
  count: z.number().int().min(1).max(1_000).default(1),
  amount: drillAmount.default({ kind: 'sample', files: 1_000 }),
  /** A larger backup is restored in part. */
  maxBytes: z
    .number()
    .int()
    .min(1)
    .default(10 * 2 ** 30),
  /** A drill that takes longer has failed. */
  maxMinutes: z.number().int().min(1).max(10_080).default(240),
});
export type DrillOptions = z.output<typeof drillOptions>;

/** What is done in a repository by itself, and when. `manual`: only when somebody asks for it. */
export const repositoryMaintenance = z.strictObject({
  /** Left out: backups stay until somebody deletes them. */
  retention: retention.optional(),
  /** When what is no longer kept is forgotten, besides after backups. */
  forget: time({ kind: 'daily', at: '00:30' }),
  /** When space is freed; backups go on meanwhile. */
  prune: time({ kind: 'weekly', days: ['sunday'], at: '03:00' }),
  /** Waste that a prune may leave, in percent of what is stored. */
  maxUnusedPercent: z.number().min(0).max(100).default(5),
  check: time({ kind: 'monthly', on: { nth: 'last', weekday: 'friday' }, at: '05:00' }),
  /** Checks read the contents of packs in so many parts, one each time: after as many checks all was read. 0: none. */
  checkParts: z.number().int().min(0).max(256).default(12),
  /** When backups are restored to see whether they can be; of which computers, how much, and within which bounds. */
  drill: time({ kind: 'monthly', on: { nth: 1, weekday: 'saturday' }, at: '06:00' }),
  drillOptions: drillOptions.prefault({}),
  /** Whether backups are compared with earlier ones, for files that were deleted or renamed as ransomware does it. */
  ransomwareAnalysis: z.boolean().default(true),
  timeZone: timeZone.default('UTC'),
});
export type RepositoryMaintenance = z.output<typeof repositoryMaintenance>;

/** True when something that was kept before might go by the new rule. */
export function keepsLess(o: {
  readonly before: Retention | undefined;
  readonly after: Retention | undefined;
}): boolean {
  const { before, after } = o;
  if (!after) return false;
  if (!before || lengthOf(after, before.keep.by) < lengthOf(before, before.keep.by)) return true;
  const periods = ['weekly', 'monthly', 'yearly'] as const;
  if (periods.some((period) => (after.gfs?.[period] ?? 0) < (before.gfs?.[period] ?? 0))) return true;
  return (after.staleAfterDays ?? Number.POSITIVE_INFINITY) < (before.staleAfterDays ?? Number.POSITIVE_INFINITY);
}

/** 0 for a rule of the other kind: nobody can tell which of the two keeps more. */
function lengthOf({ keep }: Retention, by: Retention['keep']['by']): number {
  if (keep.by !== by) return 0;
  return keep.by === 'days' ? keep.days : keep.points;
}
