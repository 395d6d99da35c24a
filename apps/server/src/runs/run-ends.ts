import { hasCode } from '@holdfast/core';
import type { TenantScope } from '../catalogue/catalogue.ts';
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

interface Waiting extends PromiseWithResolvers<Recorded> {
  readonly scope: TenantScope;
  readonly end: RunEnd;
}

/**
 * Records how runs end, each with the end of its session if it is the last one. While one transaction goes on, what ends meanwhile
 * waits for the next and becomes part of it: a job of a whole fleet ends by the hundred in a second, and each by itself would wait
 * for the disk, and for the row of the session that they share.
 */
export class RunEnds {
  readonly #waiting: Waiting[] = [];
  #isRecording = false;

  /** Resolves when it is durable. */
  record(scope: TenantScope, end: RunEnd): Promise<Recorded> {
    const waiting = { ...Promise.withResolvers<Recorded>(), scope, end };
    this.#waiting.push(waiting);
    if (!this.#isRecording) void this.#recordAll();
    return waiting.promise;
  }

  /** Never throws: who waits is told. */
  async #recordAll(): Promise<void> {
    this.#isRecording = true;
    for (let [first] = this.#waiting; first; [first] = this.#waiting) {
      const { tenant } = first.scope;
      const together = this.#waiting.filter(({ scope }) => scope.tenant === tenant).slice(0, maxEndsAtOnce);
      for (const one of together) this.#waiting.splice(this.#waiting.indexOf(one), 1);
      await recordTogether(first.scope, together);
    }
    this.#isRecording = false;
  }
}

async function recordTogether(scope: TenantScope, together: readonly Waiting[]): Promise<void> {
  try {
    const { rows, endedSessions } = await scope.transaction(async (inner) => {
      const ended = new Map<string, RunRow>();
      for (const { end } of together) {
        const row = await endRun(inner, end);
        if (row) ended.set(row.id, row);
      }
      const sessions = new Set<string>();
      const now = together.at(-1)?.end.now ?? new Date();
      for (const id of sessionsOf([...ended.values()])) if (await endSessionIfDone(inner, id, now)) sessions.add(id);
      return { rows: ended, endedSessions: sessions };
    }, 'read committed');
    // From the last: with it a session ended.
    for (const { end, resolve } of together.toReversed()) {
      const session = rows.get(end.view.id)?.jobSessionId ?? '';
      resolve({ recorded: rows.has(end.view.id), sessionEnded: endedSessions.delete(session) });
    }
  } catch (error) {
    if (together.length === 1 || hasCode(error, 'database.unavailable') || hasCode(error, 'database.timeout')) {
      for (const { reject } of together) reject(error);
      return;
    }
    // What was wrong with one of them took the others with it.
    for (const one of together) await recordTogether(scope, [one]);
  }
}
