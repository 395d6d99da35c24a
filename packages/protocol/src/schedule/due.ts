import { lastOccurrence, type Timing } from './occurrences.ts';

export interface DueOptions {
  /** Up to here the schedule was looked at before. */
  readonly since: Date;
  readonly now: Date;
  readonly missed: 'run-once' | 'skip';
  /** What was due not longer ago than this was not missed: whoever looks, looks now and then. */
  readonly graceMs: number;
}

/**
 * What is due now: at most one instant, the last one, however many passed since somebody looked. Undefined when there is none,
 * or when it was missed and missed ones are skipped. A clock that was set back finds nothing until it has passed `since` again;
 * whoever runs what is due remembers for which instants it did.
 */
export function dueOccurrence(timing: Timing, o: DueOptions): Date | undefined {
  const due = lastOccurrence(timing, { after: o.since, until: o.now });
  if (!due) return undefined;
  return o.missed === 'run-once' || o.now.getTime() - due.getTime() <= o.graceMs ? due : undefined;
}
