import { type ExitStatus, exitStatus, formatBytes, formatCount } from '@holdfast/core';
import { type CheckProgress, type CheckReport, checkRepository } from '@holdfast/repository';
import type { CheckCommandOptions } from '../commands/check.ts';
import { refuseWithoutExecutor } from '../managed/executor.ts';
import { counted, print, printJson, type WorkView } from '../output.ts';
import type { Work } from '../work.ts';
import { givenRepository, openGivenRepository } from './open-repository.ts';

export async function runCheck(options: CheckCommandOptions, { signal, view, resources }: Work): Promise<ExitStatus> {
  if ((await givenRepository(options)) === undefined) refuseWithoutExecutor('check');
  const repository = await openGivenRepository(options, { resources, signal });
  let working = signal;
  if (options.lock) {
    const lock = resources.use(await repository.lock({ exclusive: true, signal, onProblem: view.problem }));
    working = AbortSignal.any([signal, lock.signal]);
  }
  const report = await checkRepository(repository, {
    readData: options.readData === true,
    signal: working,
    onProgress: (progress) => showProgress(view, progress, options),
  });
  view.done();
  if (options.json) await printJson({ kind: 'check', sound: report.errors === 0, ...report });
  else if (!options.quiet || report.errors > 0) await print(reportText(report, options));
  return report.errors === 0 ? exitStatus.success : exitStatus.failed;
}

const phases: Readonly<Record<CheckProgress['phase'], string>> = {
  index: 'Reading the index',
  packs: 'Comparing packs with the index',
  trees: 'Following the snapshots',
  data: 'Verifying packs',
};

function showProgress(view: WorkView, progress: CheckProgress, options: CheckCommandOptions): void {
  const { phase, done, total, bytesDone, bytesTotal } = progress;
  if (options.json) {
    const bytes = bytesTotal === undefined ? {} : { bytesTotal };
    view.progress({ phase, filesDone: done, filesTotal: total, bytesDone, ...bytes });
    return;
  }
  const of = total === undefined ? '' : ` of ${formatCount(total)}`;
  const share = bytesTotal ? `  ${Math.floor((bytesDone / bytesTotal) * 100)} % of ${formatBytes(bytesTotal)}` : '';
  view.status(`${phases[phase]}  ${formatCount(done)}${of}${share}`);
}

function reportText(report: CheckReport, options: CheckCommandOptions): string {
  const problems = report.problems.map(
    ({ severity, object, message }) => `${severity === 'error' ? 'Error' : 'Warning'}: ${object}: ${message}\n`,
  );
  const more = report.errors + report.warnings - report.problems.length;
  if (more > 0) problems.push(`… and ${formatCount(more)} more.\n`);
  const contents = `${counted(report.snapshots, 'snapshot')}, ${counted(report.trees, 'folder')}, ${counted(report.blobs, 'blob')} in ${counted(report.packs, 'pack')}, ${counted(report.indexFiles, 'index file')}`;
  const read = options.readData ? ` Every byte of ${formatBytes(report.bytesRead)} was read.` : '';
  const verdict =
    report.errors === 0
      ? `The repository is sound: ${contents}.${read}`
      : `The repository is DAMAGED: ${counted(report.errors, 'error')}, ${counted(report.warnings, 'warning')}; ${contents}.${read}\n  What to do: delete nothing, keep a copy, and look at the guidance in docs/errors.md (repository.damaged).`;
  const hint = options.readData || report.errors > 0 ? '' : '  Contents of packs were not read; --read-data does.\n';
  return `${problems.join('')}${verdict}\n${hint}`;
}
