/** Bounds of the overview, and of measuring what it shows. */

const dayMs = 86_400_000;

export const shownWorst = 10;
export const shownRunning = 50;
export const shownCauses = 50;
export const shownLargest = 10;
/** Days of the trend. */
export const trendDays = 90;
/** Failures are told of so long unless it is said otherwise. */
export const failuresMs = dayMs;
/** Ages of the newest good backup, and of the last good drill, that are told apart. */
export const backupAges = [
  { id: 'day', ms: dayMs },
  { id: 'three-days', ms: 3 * dayMs },
  { id: 'week', ms: 7 * dayMs },
  { id: 'month', ms: 30 * dayMs },
] as const;
export const drillAges = [
  { id: 'month', ms: 30 * dayMs },
  { id: 'quarter', ms: 90 * dayMs },
] as const;

/** It is looked so often whether a repository was not yet measured today. */
export const usageLookMs = 15 * 60_000;
/** Repositories that are measured at the same time: each is a walk through all of its files, at its mover. */
export const usageMeasuredAtOnce = 4;
/** Of those that were not measured today, in one look. */
export const usageMeasuredInOneLook = 1_000;
/** A year and a bit: for a trend that compares with the year before. */
export const usageKeptDays = 400;
