import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { ScenarioRun } from './benchmark.ts';
import type { DataSet } from './data/data-set.ts';
import { makeLargeIndex } from './data/large-index.ts';
import { Churn } from './data/many-files.ts';
import { makePlace, repositoryPassword } from './place.ts';
import { ProgramFailure } from './program-failure.ts';
import type { BackupProgram } from './programs/backup-program.ts';
import type { Failure } from './report/results.ts';
import { runSuccessfully } from './run-step.ts';
import { changingSource, type Source, unchangingSource } from './source.ts';

/** Repositories that are made once and copied for each round. */
export interface Prepared {
  /** Removed after the scenario. */
  readonly folder: string;
  readonly failures: readonly Omit<Failure, 'rows' | 'round'>[];
  /** Puts what the program begins with into its folder; gives the number of backups in it. */
  copyTo(folder: string, program: BackupProgram): number;
}

export async function prepare(run: ScenarioRun): Promise<Prepared> {
  const folder = join(run.workFolder, 'prepared');
  if (run.scenario.prepared === 'history') return makeHistory(run, folder);
  if (run.scenario.prepared === undefined) return { folder, failures: [], copyTo: () => 0 };
  const { indexBlobs } = run.sizes;
  const index = join(run.dataFolder, `large-index-${indexBlobs}`);
  await makeLargeIndex({ folder: index, password: repositoryPassword, blobs: indexBlobs });
  return {
    folder,
    failures: [],
    copyTo: (to) => {
      copyTree(index, join(to, 'repository'));
      return 0;
    },
  };
}

/** What the rounds of a scenario back up and compare with. */
export function preparedSource(run: ScenarioRun): Source {
  const { scenario, dataSet, workFolder } = run;
  if (scenario.prepared === 'history') return unchangingSource(historySource(workFolder));
  if (dataSet.changed !== undefined)
    return changingSource(dataSet, dataSet.changed, join(workFolder, 'round', 'source'));
  return unchangingSource(dataSet.folder);
}

const historySource = (workFolder: string): string => join(workFolder, 'prepared', 'source');

/** Every program backs up the same tree again and again, each time after 2 % of its files were written anew. */
async function makeHistory(run: ScenarioRun, folder: string): Promise<Prepared> {
  const { programs, dataSet, sizes, signal, workFolder } = run;
  const source = historySource(workFolder);
  mkdirSync(folder, { recursive: true });
  copyData(dataSet, source);
  const churn = new Churn(sizes.historyFiles);
  const failures: Omit<Failure, 'rows' | 'round'>[] = [];
  let going = [...programs];
  // Where the rounds will have them, as some settings name the place of the repository.
  const places = new Map(programs.map((program) => [program, makePlace(join(workFolder, 'round', program.name))]));
  for (let sequence = 1; sequence <= sizes.historyBackups; sequence += 1) {
    if (sequence > 1) churn.apply(source, sequence);
    for (const program of going) {
      const place = places.get(program);
      if (!place) continue;
      try {
        if (sequence === 1) for (const command of program.init(place)) await runSuccessfully(command, signal);
        await runSuccessfully(program.backup(place, source, sequence), signal);
      } catch (error) {
        if (!(error instanceof ProgramFailure)) throw error;
        failures.push({ program: program.name, kind: error.kind, message: error.message });
        going = going.filter((one) => one !== program);
      }
    }
  }
  for (const { name } of programs) renameSync(join(workFolder, 'round', name), join(folder, name));
  return {
    folder,
    failures,
    copyTo: (to, { name }) => {
      copyTree(join(folder, name), to);
      return sizes.historyBackups;
    },
  };
}

function copyData({ folder }: DataSet, to: string): void {
  cpSync(folder, to, { recursive: true, preserveTimestamps: true });
}

/** With times, rights and holes. */
function copyTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  const { status, stderr } = spawnSync('cp', ['-a', '--sparse=auto', `${from}/.`, to], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`cp could not copy ${from}: ${stderr}`);
}
