import { type Spread, spread } from './statistics.ts';

export interface Sample {
  readonly row: string;
  readonly program: string;
  /** From 1. */
  readonly round: number;
  readonly wallMs: number;
  readonly syncMs: number;
  readonly cpuMs: number | undefined;
  readonly peakMemoryBytes: number | undefined;
  /** After the step. */
  readonly repositoryBytes: number;
}

/** A program that failed, or whose result is wrong: it has no part in the rows concerned. */
export interface Failure {
  readonly rows: readonly string[];
  readonly program: string;
  readonly round: number;
  readonly kind: 'failed' | 'wrong';
  readonly message: string;
}

export interface ProgramInRow {
  readonly program: string;
  readonly rounds: number;
  readonly wallMs: Spread | undefined;
  /** Medians. */
  readonly syncMs: number | undefined;
  readonly cpuMs: number | undefined;
  readonly peakMemoryBytes: number | undefined;
  readonly repositoryBytes: number | undefined;
  /** How many times as fast as the fastest peer by medians: above 1 is faster. Undefined without a peer. */
  readonly speedRatio: number | undefined;
  readonly outcome: 'right' | 'failed' | 'wrong';
}

export interface RowResult {
  readonly row: string;
  readonly programs: readonly ProgramInRow[];
}

/** The program that is compared; all others are its peers. */
const subject = 'holdfast';

/** Medians and ratios of each row; programs without a sample or a failure have no part in it. Who failed once in a row is no peer in it. */
export function summarise(
  order: { readonly rows: readonly string[]; readonly programs: readonly string[] },
  samples: readonly Sample[],
  failures: readonly Failure[],
): readonly RowResult[] {
  return order.rows.map((row) => {
    const concerned = order.programs.filter(
      (program) =>
        samples.some((sample) => sample.row === row && sample.program === program) ||
        failures.some((failure) => failure.rows.includes(row) && failure.program === program),
    );
    const entries = concerned.map((program) => {
      const own = samples.filter((sample) => sample.row === row && sample.program === program);
      const ownFailures = failures.filter((failure) => failure.program === program && failure.rows.includes(row));
      const outcome = ownFailures.find(({ kind }) => kind === 'wrong')?.kind ?? ownFailures[0]?.kind ?? 'right';
      return {
        program,
        rounds: own.length,
        wallMs: spread(own.map(({ wallMs }) => wallMs)),
        syncMs: medianOfKnown(own.map(({ syncMs }) => syncMs)),
        cpuMs: medianOfKnown(own.map(({ cpuMs }) => cpuMs)),
        peakMemoryBytes: medianOfKnown(own.map(({ peakMemoryBytes }) => peakMemoryBytes)),
        repositoryBytes: medianOfKnown(own.map(({ repositoryBytes }) => repositoryBytes)),
        outcome,
      } satisfies Omit<ProgramInRow, 'speedRatio'>;
    });
    const ofPeers = entries.filter(({ program, outcome }) => program !== subject && outcome === 'right');
    const fastestPeerMs = spread(ofPeers.flatMap(({ wallMs }) => wallMs?.median ?? []))?.min;
    const programs = entries.map((entry) => ({
      ...entry,
      speedRatio:
        fastestPeerMs === undefined || entry.wallMs === undefined || entry.outcome !== 'right'
          ? undefined
          : fastestPeerMs / entry.wallMs.median,
    }));
    return { row, programs };
  });
}

function medianOfKnown(values: readonly (number | undefined)[]): number | undefined {
  return spread(values.filter((value) => value !== undefined))?.median;
}
