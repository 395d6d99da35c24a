import { type ExitStatus, exitStatus, formatBytes, formatCount, HoldfastError } from '@holdfast/core';
import type { ObjectId } from '@holdfast/repository';
import type { CheckProgress, CheckReport, DataSubset } from '@holdfast/repository/check';
import type { CheckCommandOptions } from '../commands/check.ts';
import { counted, print, printJson, type WorkView } from '../output.ts';
import type { Work } from '../work.ts';
import { chosenSnapshots } from './chosen-snapshots.ts';
import { givenRepository, openGivenRepository } from './open-repository.ts';
import { isFiltered } from './snapshot-selection.ts';

export async function runCheck(
  references: readonly string[],
  options: CheckCommandOptions,
  work: Work,
): Promise<ExitStatus> {
  const { signal, view } = work;
  if (options.readData !== undefined && options.readDataSubset !== undefined)
    throw new HoldfastError('usage.option', {
      message: '--read-data and --read-data-subset exclude each other: all of the data, or a part of it.',
    });
  if ((await givenRepository(options)) === undefined)
    return (await import('../managed/server-maintenance.ts')).checkByServer(references, options, work);
  const subset = options.readDataSubset === undefined ? undefined : await parseSubset(options.readDataSubset);
  const opening = openGivenRepository(options, work);
  const { checkRepository } = await import('@holdfast/repository/check');
  const repository = await opening;
  const chosen = async (working: AbortSignal): Promise<ReadonlySet<ObjectId> | undefined> => {
    if (references.length === 0 && !isFiltered(options)) return undefined;
    // The check itself tells of snapshots that cannot be read.
    const found = { references, filter: options, signal: working, onProblem: () => undefined };
    return new Set((await chosenSnapshots(repository, found)).map(({ id }) => id));
  };
  const check = async (working: AbortSignal): Promise<CheckReport> =>
    checkRepository(repository, {
      snapshots: await chosen(working),
      readData: subset !== undefined || options.readData === true ? 'packs' : options.readData,
      subset,
      signal: working,
      onProgress: (progress) => showProgress(view, progress, options),
    });
  const report = options.lock
    ? await repository.underLock({ exclusive: false, signal, onProblem: view.problem }, (lock) =>
        check(AbortSignal.any([signal, lock.signal])),
      )
    : await check(signal);
  view.done();
  const isPart = references.length > 0 || isFiltered(options);
  if (isPart && report.snapshots === 0)
    view.problem({ code: 'snapshot.missing', message: 'No snapshot fits: nothing that snapshots need was checked.' });
  if (options.json) await printReport(report);
  else if (!options.quiet || report.errors > 0) await print(reportText(report, { ...options, isPart }));
  return report.errors === 0 ? exitStatus.success : exitStatus.failed;
}

async function parseSubset(text: string): Promise<DataSubset> {
  return (await import('@holdfast/repository/check')).parseDataSubset(text);
}

/** restic's summary, and ours in the same object. */
async function printReport(report: CheckReport): Promise<void> {
  const { brokenPacks, suggestRepairIndex, suggestPrune, ...ours } = report;
  for (const { severity, object, message } of report.problems)
    if (severity === 'error')
      process.stderr.write(`${JSON.stringify({ message_type: 'error', message: `${object}: ${message}` })}\n`);
  await printJson({
    message_type: 'summary',
    num_errors: report.errors,
    broken_packs: brokenPacks.length === 0 ? null : brokenPacks,
    suggest_repair_index: suggestRepairIndex,
    suggest_prune: suggestPrune,
    kind: 'check',
    sound: report.errors === 0,
    ...ours,
  });
}

/** A command line has its limits; --json lists all. */
const maxPacksAdvised = 50;

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

function reportText(report: CheckReport, options: CheckCommandOptions & { readonly isPart: boolean }): string {
  const problems = report.problems.map(
    ({ severity, object, message }) => `${severity === 'error' ? 'Error' : 'Warning'}: ${object}: ${message}\n`,
  );
  const more = report.errors + report.warnings - report.problems.length;
  if (more > 0) problems.push(`… and ${formatCount(more)} more.\n`);
  const { snapshots, allSnapshots } = report;
  const followed = options.isPart
    ? `${formatCount(snapshots)} of ${counted(allSnapshots, 'snapshot')}`
    : counted(snapshots, 'snapshot');
  const contents = `${followed}, ${counted(report.trees, 'folder')}, ${counted(report.blobs, 'blob')} in ${counted(report.packs, 'pack')}, ${counted(report.indexFiles, 'index file')}`;
  const reads = options.readData !== undefined || options.readDataSubset !== undefined;
  const share = options.readDataSubset === undefined ? 'Every byte of' : `${options.readDataSubset} of the packs,`;
  const read = reads ? ` ${share} ${formatBytes(report.bytesRead)} ${share.endsWith(',') ? 'were' : 'was'} read.` : '';
  if (report.errors === 0) {
    const hint = reads ? '' : '  Contents of packs were not read; --read-data does.\n';
    const prune = report.suggestPrune ? '  `prune` tidies up what the warnings name.\n' : '';
    return `${problems.join('')}${options.isPart ? 'What was checked' : 'The repository'} is sound: ${contents}.${read}\n${hint}${prune}`;
  }
  const counts = `${counted(report.errors, 'error')}, ${counted(report.warnings, 'warning')}`;
  return `${problems.join('')}The repository is DAMAGED: ${counts}; ${contents}.${read}\n${adviceText(report, reads)}`;
}

/** What to do about damage, in the order in which it has to be done. */
function adviceText(report: CheckReport, dataWasRead: boolean): string {
  const steps = ['keep a copy of the repository, and delete nothing by hand'];
  if (!dataWasRead) steps.push('`holdfast check --read-data` tells which packs are damaged');
  if (report.suggestRepairIndex)
    steps.push('`holdfast repair index` makes the index agree with the packs that are there');
  const packs = report.brokenPacks.slice(0, maxPacksAdvised).join(' ');
  const more = report.brokenPacks.length > maxPacksAdvised ? ' …' : '';
  if (packs !== '') steps.push(`\`holdfast repair packs ${packs}${more}\` keeps every blob in them that is whole`);
  steps.push(
    'a new backup of the same files with --force, by the program that made the old one, heals old snapshots',
    '`holdfast repair snapshots` makes what is still damaged usable, and lists what is lost',
  );
  return `  What to do:\n${steps.map((step, at) => `  ${at + 1}. ${step}\n`).join('')}`;
}
