import { z } from 'zod';

/** The newest restore points of a computer and its sources that stay, whatever the rule says. */
export const minKeptPoints = 3;

/** Beyond any law on keeping, and within what dates can hold. */
const maxYears = 1_000;
const maxDays = 36_500;

/**
 * How long restore points are kept, for each computer and set of sources by itself. A point stays while any rule wants it.
 *
 * - `days`: those of so many days before the newest one, so that a computer that no longer backs up loses nothing by it;
 * - `points`: the newest so many;
 * - `gfs` (grandfather, father, son): besides, the newest of each week for `weekly` times 7 days, of each month for `monthly`
 *   months, and of each year for `yearly` years. Weeks are those of ISO 8601; periods begin by the clock of the computer that
 *   was backed up.
 */
export const retention = z.strictObject({
  keep: z.discriminatedUnion('by', [
    z.strictObject({ by: z.literal('days'), days: z.number().int().min(1).max(maxDays) }),
    z.strictObject({ by: z.literal('points'), points: z.number().int().min(minKeptPoints).max(1_000_000) }),
  ]),
  gfs: z
    .strictObject({
      weekly: z.number().int().min(1).max(9_999).optional(),
      monthly: z.number().int().min(1).max(9_999).optional(),
      yearly: z.number().int().min(1).max(maxYears).optional(),
    })
    .optional(),
  /** When the newest point is older than so many days, only what `gfs` keeps stays. Left out: points of a lost computer stay. */
  staleAfterDays: z.number().int().min(1).max(maxDays).optional(),
});
export type Retention = z.infer<typeof retention>;
