import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '@holdfast/core';
import { z } from 'zod';
import { type Run, type RunPoint, runPointSchema, type SummaryRun, summaryRunSchema } from '../event.ts';
import { maxHistory, maxRememberedRuns } from '../limits.ts';
import { syncFolder, writeWhole } from '../queue/durable-file.ts';

const rememberedSchema = summaryRunSchema.extend(runPointSchema.pick({ durationMs: true }).shape);
const stateSchema = z.strictObject({
  /** Up to when runs have been in a summary. */
  summarisedUntil: z.iso.datetime(),
  runs: z.array(rememberedSchema).max(maxRememberedRuns),
});
type State = z.output<typeof stateSchema>;

/** The last runs of a computer without a server: for the picture in a message, and for the summary of a day. */
export class RunHistory {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Gives those of the same work, this one the last. */
  async add(run: Run): Promise<RunPoint[]> {
    // The first run of all is in the first summary.
    const state = await this.read(new Date(run.startedAt));
    const { what, name, computer, outcome, endedAt } = run;
    const durationMs = Math.max(0, Date.parse(endedAt) - Date.parse(run.startedAt));
    const runs = [
      ...state.runs,
      { what, name, computer, outcome, endedAt, problem: run.problems[0]?.message, durationMs },
    ].slice(-maxRememberedRuns);
    await this.#write({ ...state, runs });
    return runs
      .filter((one) => one.what === what && one.name === name && one.computer === computer)
      .slice(-maxHistory)
      .map((one) => ({ endedAt: one.endedAt, outcome: one.outcome, durationMs: one.durationMs }));
  }

  /** What was run since the last summary, which this one takes the place of. */
  async takeForSummary(now: Date): Promise<{ readonly since: string; readonly runs: readonly SummaryRun[] }> {
    const state = await this.read(now);
    await this.#write({ ...state, summarisedUntil: now.toISOString() });
    return {
      since: state.summarisedUntil,
      runs: state.runs
        .filter(({ endedAt }) => Date.parse(endedAt) > Date.parse(state.summarisedUntil))
        .map(({ what, name, computer, outcome, endedAt, problem }) => ({
          what,
          name,
          computer,
          outcome,
          endedAt,
          problem,
        })),
    };
  }

  /** A computer that is new to it has had its last summary now. */
  async read(now: Date): Promise<State> {
    const fresh = { summarisedUntil: now.toISOString(), runs: [] };
    try {
      const state = stateSchema.safeParse(JSON.parse(await readFile(this.#path, 'utf8')));
      // Of a file that somebody has changed, or of a later version, nothing is known.
      if (state.success) return state.data;
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' && !(error instanceof SyntaxError)) throw error;
    }
    await this.#write(fresh);
    return fresh;
  }

  get #path(): string {
    return join(this.#folder, 'runs.json');
  }

  async #write(state: State): Promise<void> {
    await writeWhole(this.#path, JSON.stringify(state));
    await syncFolder(this.#folder);
  }
}
