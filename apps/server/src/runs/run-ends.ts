import type { TenantScope } from '../catalogue/catalogue.ts';
import { DoTogether } from '../catalogue/do-together.ts';
import { type Cause, noteCauses } from '../notifications/causes.ts';
import { endSessionIfDone } from '../sessions/session-store.ts';
import { maxEndsAtOnce } from './limits.ts';
import { endRun, type RunEnd, type RunRow, sessionsOf } from './run-store.ts';

/** What came of recording the end of a run. */
interface Recorded {
  /** False: another instance has taken it, or it was recorded before. */
  readonly recorded: boolean;
  /** It was the last of its session, which ended with it. */
  readonly sessionEnded: boolean;
}

/**
 * Records how runs end, each with the end of its session if it is the last one, those that end at the same time in one transaction: each
 * by itself would wait for the row of the session that they share.
 */
export class RunEnds {
  readonly #ends = new DoTogether({ work: recordTogether, maxWeight: maxEndsAtOnce });

  /** Resolves when it is durable. */
  record(scope: TenantScope, end: RunEnd): Promise<Recorded> {
    return this.#ends.do(scope, end);
  }
}

function recordTogether(scope: TenantScope, ends: readonly RunEnd[]): Promise<Recorded[]> {
  return scope.transaction(async (inner) => {
    const now = ends.at(-1)?.now ?? new Date();
    const rows = new Map<string, RunRow>();
    const causes: Cause[] = [];
    for (const end of ends) {
      const row = await endRun(inner, end);
      if (!row) continue;
      rows.set(row.id, row);
      // One that is tried again has not ended for anybody.
      if (!end.retryAt) causes.push({ kind: 'run-ended', runId: row.id });
    }
    await noteCauses(inner, causes, now);
    const ended = new Set<string>();
    for (const id of sessionsOf([...rows.values()])) if (await endSessionIfDone(inner, id, now)) ended.add(id);
    // A session ended with the last of them.
    return ends
      .toReversed()
      .map(({ view: { id } }) => ({
        recorded: rows.has(id),
        sessionEnded: ended.delete(rows.get(id)?.jobSessionId ?? ''),
      }))
      .toReversed();
  }, 'read committed');
}
