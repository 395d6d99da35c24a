import { HoldfastError } from '@holdfast/core';
import { rule10 } from './decay.ts';
import { engineBackup } from './engine-operation.ts';
import { operations as known } from './operations.ts';
import { describeViolations, SimulationReport } from './reports.ts';
import { checkWithRestic } from './restic-reader.ts';
import { makeTemplate, playSequence, simulatedPassword } from './sequence.ts';

export interface SimulateOptions {
  /** Of the first sequence; each further one has the next number. */
  readonly seed: number;
  /** Ends after so many sequences, or after this time, whichever comes first. */
  readonly sequences: number;
  readonly limitMs: number;
  /** With real files below this folder: every so many seeds are played with the real engine's backups. */
  readonly engine?: { readonly every: number; readonly folder: string } | undefined;
  /** Every so many seeds a repository is damaged, and read. */
  readonly decayEvery?: number | undefined;
  /** The state that every so many sequences end in is read by restic too, in a folder below this one. */
  readonly restic?: { readonly every: number; readonly folder: string } | undefined;
  /** Now and then. */
  readonly onProgress?: (report: SimulationReport) => void;
}

const progressEvery = 200;
const damages = 4;

/** Plays sequences one after the other. @throws internal.unexpected with seed and steps, for the first violation of a rule */
export async function simulate(options: SimulateOptions): Promise<SimulationReport> {
  const { sequences, limitMs, restic, engine, decayEvery = 0 } = options;
  const template = await makeTemplate();
  const report = new SimulationReport();
  const untilMs = performance.now() + limitMs;
  for (let at = 0; at < sequences && performance.now() < untilMs; at += 1) {
    const seed = options.seed + at;
    // By the seed, and not by how many there were, so that it alone says what is played.
    const withEngine = engine !== undefined && seed % engine.every === 0;
    const operations = withEngine ? [engineBackup(engine.folder), ...known] : known;
    const played = await playSequence({ seed, template, operations });
    if (decayEvery > 0 && seed % decayEvery === 0) await rule10({ seed, template, rules: played.rules, damages });
    report.add(played);
    if (played.rules.violations.length > 0)
      throw new HoldfastError('internal.unexpected', { message: describeViolations(played) });
    if (restic !== undefined && at % restic.every === 0) {
      const problem = await checkWithRestic(played.finalState, { folder: restic.folder, password: simulatedPassword });
      if (problem !== undefined)
        throw new HoldfastError('internal.unexpected', { message: `Seed ${seed}: ${problem}` });
      report.readByRestic += 1;
    }
    if (report.sequences % progressEvery === 0) options.onProgress?.(report);
  }
  return report;
}
