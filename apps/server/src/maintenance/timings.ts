import { type JobSettings, nextOccurrence, type RepositoryMaintenance, type Timing } from '@holdfast/protocol';

/** What is done in a repository by the clock. */
export const maintenanceKinds = ['forget', 'prune', 'check', 'drill'] as const;
export type MaintenanceKind = (typeof maintenanceKinds)[number];

/** When a kind of work is due: as the repository says, and checks also as the jobs say that back up to it. */
export function timingsOf(
  kind: MaintenanceKind,
  settings: RepositoryMaintenance,
  jobs: readonly Pick<JobSettings, 'healthCheck' | 'timeZone'>[],
): readonly Timing[] {
  const own = { schedule: settings[kind], timeZone: settings.timeZone };
  if (kind !== 'check') return [own];
  // The same in another time zone is meant to be the same: what nobody set is alike everywhere.
  const timings = new Map([[JSON.stringify(own.schedule), own]]);
  for (const { healthCheck, timeZone } of jobs) {
    const key = JSON.stringify(healthCheck.schedule);
    if (healthCheck.enabled && !timings.has(key)) timings.set(key, { schedule: healthCheck.schedule, timeZone });
  }
  return [...timings.values()];
}

/** The first time after `after` at which one of them is due. */
export function nextDue(timings: readonly Timing[], after: Date): Date | undefined {
  const next = timings.flatMap((timing) => nextOccurrence(timing, after) ?? []);
  return next.sort((a, b) => a.getTime() - b.getTime())[0];
}
