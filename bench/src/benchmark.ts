import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { damageLargestFile } from './data/damage.ts';
import { type DataSet, type DataSetSizes, dataSetNames, makeDataSet } from './data/data-set.ts';
import { settleDisk, sizeOfFolder, warm } from './data/page-cache.ts';
import { compareTrees } from './data/tree-comparison.ts';
import { shownDifferences, spareDiskBytes } from './limits.ts';
import { type Command, type CommandResult, runCommand } from './measure/run-command.ts';
import type { BackupProgram, Place } from './programs/backup-program.ts';
import type { Failure, Sample } from './report/results.ts';
import { type Row, type Step, steps } from './rows.ts';

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
  | { readonly kind: 'data set'; readonly name: string }
  | { readonly kind: 'sample'; readonly sample: Sample }
  | { readonly kind: 'failure'; readonly failure: Failure };

export interface BenchmarkResult {
  readonly dataSets: readonly Omit<DataSet, 'folder'>[];
  readonly samples: readonly Sample[];
  readonly failures: readonly Failure[];
}

/** A program failed, or its result is wrong. */
class ProgramFailure extends Error {
  readonly kind: Failure['kind'];

  constructor(kind: Failure['kind'], message: string) {
    super(message);
    this.name = 'ProgramFailure';
    this.kind = kind;
  }
}

/** One program in one round over one data set, with the repository that it fills. */
interface Contestant {
  readonly program: BackupProgram;
  readonly place: Place;
  /** Where it restores to. */
  readonly target: string;
  readonly dataSet: DataSet;
  backups: number;
}

/** Runs the rows: each step by every program in turn, then the next step; another program begins in each round. */
export async function runBenchmark(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const result: { dataSets: Omit<DataSet, 'folder'>[]; samples: Sample[]; failures: Failure[] } = {
    dataSets: [],
    samples: [],
    failures: [],
  };
  for (const name of dataSetNames) {
    const rows = options.rows.filter(({ dataSet }) => dataSet === name);
    if (rows.length === 0) continue;
    options.onEvent({ kind: 'data set', name });
    const dataSet = makeDataSet(name, options.sizes, options.dataFolder);
    const { folder: _, ...description } = dataSet;
    result.dataSets.push(description);
    requireSpace(options, dataSet);
    for (let round = 1; round <= options.rounds; round += 1) {
      const { samples, failures } = await runRound({ ...options, rows }, dataSet, round);
      result.samples.push(...samples);
      result.failures.push(...failures);
    }
  }
  return result;
}

/** All repositories are there at once, and one restored copy. */
function requireSpace({ programs, workFolder }: BenchmarkOptions, dataSet: DataSet): void {
  const neededBytes = dataSet.bytes * (programs.length + 1) + spareDiskBytes;
  const { bavail, bsize } = statfsSync(workFolder);
  const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
  if (bavail * bsize < neededBytes)
    throw new Error(
      `${workFolder} has ${megabytes(bavail * bsize)} left, ${dataSet.name} needs ${megabytes(neededBytes)}: choose another place with --folder, or a smaller --scale`,
    );
}

async function runRound(
  options: BenchmarkOptions,
  dataSet: DataSet,
  round: number,
): Promise<{ samples: readonly Sample[]; failures: readonly Failure[] }> {
  const folder = join(options.workFolder, 'round');
  const samples: Sample[] = [];
  const failures: Failure[] = [];
  try {
    let running = inTurn(options.programs, round).map((program) => enter(program, dataSet, join(folder, program.name)));
    for (const step of steps) {
      const row = options.rows.find((one) => one.step === step);
      // A backup is right when it restores: every round backs up and restores, measured or not.
      if (!row && step !== 'backup' && step !== 'restore') continue;
      const failed = new Set<Contestant>();
      for (const contestant of running) {
        const program = contestant.program.name;
        try {
          const measured = await runStep(contestant, step, options.signal);
          if (!row) continue;
          const { wallMs, cpuMs, peakMemoryBytes } = measured;
          const repositoryBytes = sizeOfFolder(contestant.place.repository);
          const sample = { row: row.id, program, round, wallMs, cpuMs, peakMemoryBytes, repositoryBytes };
          samples.push(sample);
          options.onEvent({ kind: 'sample', sample });
          if (step === 'check' && round === options.rounds) await requireDamageIsNoticed(contestant, options.signal);
        } catch (error) {
          if (!(error instanceof ProgramFailure)) throw error;
          const failure = {
            rows: concernedRows(options.rows, step),
            program,
            round,
            kind: error.kind,
            message: error.message,
          };
          failures.push(failure);
          options.onEvent({ kind: 'failure', failure });
          failed.add(contestant);
        }
      }
      running = running.filter((contestant) => !failed.has(contestant));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const isDiscredited = (sample: Sample): boolean =>
    failures.some(({ program, rows }) => program === sample.program && rows.includes(sample.row));
  return { samples: samples.filter((sample) => !isDiscredited(sample)), failures };
}

function inTurn(programs: readonly BackupProgram[], round: number): readonly BackupProgram[] {
  const first = (round - 1) % programs.length;
  return [...programs.slice(first), ...programs.slice(0, first)];
}

/** What cannot be restored discredits everything before it; else only this step and what would follow. */
function concernedRows(rows: readonly Row[], step: Step): readonly string[] {
  return rows.filter((row) => step === 'restore' || steps.indexOf(row.step) >= steps.indexOf(step)).map(({ id }) => id);
}

function enter(program: BackupProgram, dataSet: DataSet, folder: string): Contestant {
  const password = 'correct horse battery staple';
  const place = {
    repository: join(folder, 'repository'),
    passwordFile: join(folder, 'password'),
    password,
    home: join(folder, 'home'),
  };
  for (const path of [place.repository, place.home]) mkdirSync(path, { recursive: true });
  writeFileSync(place.passwordFile, password, { mode: 0o600 });
  return { program, place, target: join(folder, 'restored'), dataSet, backups: 0 };
}

async function runStep(contestant: Contestant, step: Step, signal: AbortSignal): Promise<CommandResult> {
  const { program, place, target, dataSet } = contestant;
  const measured = (command: Command, input: string): Promise<CommandResult> => {
    settleDisk();
    warm(input);
    return runSuccessfully(command, signal);
  };
  switch (step) {
    case 'backup':
      for (const command of program.init(place)) await runSuccessfully(command, signal);
      contestant.backups = 1;
      return measured(program.backup(place, dataSet.folder, 1), dataSet.folder);
    case 'no-change':
      contestant.backups += 1;
      return measured(program.backup(place, dataSet.folder, contestant.backups), dataSet.folder);
    case 'restore': {
      mkdirSync(target);
      const options = { source: dataSet.folder, target, sequence: contestant.backups };
      const result = await measured(program.restore(place, options), place.repository);
      const differences = compareTrees(dataSet.folder, program.restored(dataSet.folder, target));
      rmSync(target, { recursive: true });
      if (differences.length > 0)
        throw new ProgramFailure(
          'wrong',
          `what it restored differs in ${differences.length} points: ${differences.slice(0, shownDifferences).join('; ')}`,
        );
      return result;
    }
    case 'check':
      return measured(program.check(place), place.repository);
  }
}

/** A check that finds nothing wrong with a damaged repository has not read it. */
async function requireDamageIsNoticed({ program, place }: Contestant, signal: AbortSignal): Promise<void> {
  const damaged = damageLargestFile(place.repository);
  const { status, output } = await runCommand(program.check(place), signal);
  // One peer ends with 0 all the same, and says so in a line of this kind.
  if (status === 0 && !/\[ERROR\]/.test(output))
    throw new ProgramFailure('wrong', `its check does not notice a changed byte in ${damaged}`);
}

async function runSuccessfully(command: Command, signal: AbortSignal): Promise<CommandResult> {
  const result = await runCommand(command, signal);
  if (result.status === 0) return result;
  const line = [command.file, ...command.args].join(' ');
  throw new ProgramFailure('failed', `${line} ended with ${result.status ?? 'a signal'}: ${result.output.trim()}`);
}
