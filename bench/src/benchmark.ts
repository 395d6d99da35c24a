import { mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { type Contestant, enter, leave } from './contestant.ts';
import { type DataSet, type DataSetSizes, makeDataSet } from './data/data-set.ts';
import { discard } from './data/discard.ts';
import { sizeOfFolder } from './data/page-cache.ts';
import { spareDiskBytes } from './limits.ts';
import { type Prepared, prepare, preparedSource } from './prepare.ts';
import { ProgramFailure } from './program-failure.ts';
import type { BackupProgram } from './programs/backup-program.ts';
import type { Failure, Sample } from './report/results.ts';
import { type Row, type Scenario, type Step, scenariosOf, steps } from './rows.ts';
import { requireDamageIsNoticed, runStep } from './run-step.ts';

export interface BenchmarkOptions {
  readonly rows: readonly Row[];
  readonly programs: readonly BackupProgram[];
  readonly rounds: number;
  readonly sizes: DataSetSizes;
  /** Repositories and restored files are made here, and removed. */
  readonly workFolder: string;
  /** Data sets are made here, or found from an earlier run. */
  readonly dataFolder: string;
  readonly signal: AbortSignal;
  readonly onEvent: (event: BenchmarkEvent) => void;
}

export type BenchmarkEvent =
  | { readonly kind: 'scenario'; readonly name: string }
  | { readonly kind: 'sample'; readonly sample: Sample }
  | { readonly kind: 'failure'; readonly failure: Failure };

export interface BenchmarkResult {
  readonly dataSets: readonly Pick<DataSet, 'name' | 'files' | 'bytes'>[];
  readonly samples: readonly Sample[];
  readonly failures: readonly Failure[];
}

/** Runs the rows: each step by every program in turn, then the next step; another program begins in each round. */
export async function runBenchmark(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const dataSets = new Map<string, Pick<DataSet, 'name' | 'files' | 'bytes'>>();
  const samples: Sample[] = [];
  const failures: Failure[] = [];
  for (const scenario of scenariosOf(options.rows)) {
    options.onEvent({ kind: 'scenario', name: scenario.id });
    const dataSet = makeDataSet(scenario.dataSet, options.sizes, options.dataFolder);
    const { name, files, bytes } = dataSet;
    // Where it lies is nobody's business who reads the results.
    dataSets.set(name, { name, files, bytes });
    const run = {
      ...options,
      scenario,
      dataSet,
      rows: options.rows.filter((row) => row.scenario === scenario),
      programs: options.programs.filter((program) => takesPart(program, scenario)),
    };
    if (run.programs.length === 0) continue;
    requireSpace(run);
    const prepared = await prepare(run);
    try {
      const failed = prepared.failures.map((failure) => ({ ...failure, rows: run.rows.map(({ id }) => id), round: 0 }));
      for (const failure of failed) options.onEvent({ kind: 'failure', failure });
      failures.push(...failed);
      const programs = run.programs.filter(({ name }) => failed.every(({ program }) => program !== name));
      for (let round = 1; round <= options.rounds && programs.length > 0; round += 1) {
        const result = await runRound({ ...run, programs, prepared }, round);
        samples.push(...result.samples);
        failures.push(...result.failures);
      }
    } finally {
      discard(prepared.folder, join(options.workFolder, 'trash'));
    }
  }
  return { dataSets: [...dataSets.values()], samples, failures };
}

function takesPart(program: BackupProgram, scenario: Scenario): boolean {
  if (scenario.remote && !program.serve) return false;
  return scenario.prepared !== 'index' || program.format === 'restic';
}

export interface ScenarioRun extends BenchmarkOptions {
  readonly scenario: Scenario;
  readonly dataSet: DataSet;
}

/** All repositories are there at once, and one restored copy. */
function requireSpace({ programs, workFolder, dataSet, scenario }: ScenarioRun): void {
  // What is prepared is there twice.
  const copies = programs.length * (scenario.prepared ? 2 : 1) + 1;
  const neededBytes = dataSet.bytes * copies + spareDiskBytes;
  const { bavail, bsize } = statfsSync(workFolder);
  const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
  if (bavail * bsize < neededBytes)
    throw new Error(
      `${workFolder} has ${megabytes(bavail * bsize)} left, ${dataSet.name} needs ${megabytes(neededBytes)}: choose another place with --folder, or a smaller --scale`,
    );
}

async function runRound(
  options: ScenarioRun & { readonly prepared: Prepared },
  round: number,
): Promise<{ samples: readonly Sample[]; failures: readonly Failure[] }> {
  const { prepared, dataSet, scenario, signal } = options;
  const folder = join(options.workFolder, 'round');
  const trash = join(options.workFolder, 'trash');
  const samples: Sample[] = [];
  const failures: Failure[] = [];
  const contestants: Contestant[] = [];
  const note = (program: BackupProgram, step: Step, error: unknown): void => {
    if (!(error instanceof ProgramFailure)) throw error;
    const rows = concernedRows(options.rows, step);
    const failure = { rows, program: program.name, round, kind: error.kind, message: error.message };
    failures.push(failure);
    options.onEvent({ kind: 'failure', failure });
  };
  try {
    mkdirSync(folder, { recursive: true });
    const source = preparedSource(options);
    for (const program of inTurn(options.programs, round))
      try {
        contestants.push(await enter({ program, source, dataSet, scenario, prepared, folder, trash, signal }));
      } catch (error) {
        note(program, 'backup', error);
      }
    let running: readonly Contestant[] = contestants;
    for (const step of stepsOf(options, round)) {
      const row = options.rows.find((one) => one.step === step);
      source.prepareFor(step);
      const failed = new Set<Contestant>();
      for (const contestant of running) {
        try {
          const measured = await runStep(contestant, step, { signal, sizes: options.sizes });
          if (!row) continue;
          const { wallMs, syncMs, cpuMs, peakMemoryBytes } = measured;
          const repositoryBytes = sizeOfFolder(contestant.storage);
          const program = contestant.program.name;
          const sample = { row: row.id, program, round, wallMs, syncMs, cpuMs, peakMemoryBytes, repositoryBytes };
          samples.push(sample);
          options.onEvent({ kind: 'sample', sample });
          if (step === 'check' && round === options.rounds) await requireDamageIsNoticed(contestant, signal);
        } catch (error) {
          note(contestant.program, step, error);
          failed.add(contestant);
        }
      }
      running = running.filter((contestant) => !failed.has(contestant));
    }
  } finally {
    for (const contestant of contestants) await leave(contestant);
    discard(folder, trash);
  }
  const isDiscredited = (sample: Sample): boolean =>
    failures.some(({ program, rows }) => program === sample.program && rows.includes(sample.row));
  return { samples: samples.filter((sample) => !isDiscredited(sample)), failures };
}

/**
 * The steps of the rows, in order; with the backup that they need, and in the last round with a restore, because a backup
 * is right when it restores.
 */
function stepsOf({ rows, rounds, scenario }: ScenarioRun, round: number): readonly Step[] {
  return steps.filter(
    (step) =>
      rows.some((row) => row.step === step) ||
      (step === 'backup' && scenario.prepared !== 'history') ||
      (step === 'restore' && round === rounds),
  );
}

function inTurn(programs: readonly BackupProgram[], round: number): readonly BackupProgram[] {
  const first = (round - 1) % programs.length;
  return [...programs.slice(first), ...programs.slice(0, first)];
}

/** What cannot be restored discredits everything before it; else only this step and what would follow. */
function concernedRows(rows: readonly Row[], step: Step): readonly string[] {
  return rows.filter((row) => step === 'restore' || steps.indexOf(row.step) >= steps.indexOf(step)).map(({ id }) => id);
}
