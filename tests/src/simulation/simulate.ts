import { HoldfastError } from '@holdfast/core';
import type { Operation } from './operations.ts';
import { describeViolations, SimulationReport } from './reports.ts';
import { checkWithRestic } from './restic-reader.ts';
import { makeTemplate, playSequence, simulatedPassword } from './sequence.ts';

export interface SimulateOptions {
  /** Of the first sequence; each further one has the next number. */
  readonly seed: number;
  /** Ends after so many sequences, or after this time, whichever comes first. */
  readonly sequences: number;
  readonly limitMs: number;
  /** The state that every so many sequences end in is read by restic too, in a folder below this one. */
  readonly restic?: { readonly every: number; readonly folder: string } | undefined;
  readonly operations?: readonly Operation[] | undefined;
  /** Now and then. */
  readonly onProgress?: (report: SimulationReport) => void;
}

const progressEvery = 200;

/** Plays sequences one after the other. @throws internal.unexpected with seed and steps, for the first violation of a rule */
export async function simulate(options: SimulateOptions): Promise<SimulationReport> {
  const { seed, sequences, limitMs, restic, operations } = options;
  const template = await makeTemplate();
  const report = new SimulationReport();
  const untilMs = performance.now() + limitMs;
  for (let at = 0; at < sequences && performance.now() < untilMs; at += 1) {
    const played = await playSequence({ seed: seed + at, template, ...(operations && { operations }) });
    report.add(played);
    if (played.rules.violations.length > 0)
      throw new HoldfastError('internal.unexpected', { message: describeViolations(played) });
    if (restic !== undefined && at % restic.every === 0) {
      const problem = await checkWithRestic(played.finalState, { folder: restic.folder, password: simulatedPassword });
      if (problem !== undefined)
        throw new HoldfastError('internal.unexpected', { message: `Seed ${seed + at}: ${problem}` });
      report.readByRestic += 1;
    }
    if (report.sequences % progressEvery === 0) options.onProgress?.(report);
  }
  return report;
}
