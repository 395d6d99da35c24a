import { type ExitStatus, exitStatus, formatBytes, formatCount, formatDuration, HoldfastError } from '@holdfast/core';
import type { ObjectId, Repository } from '@holdfast/repository';
import type { PruneProgress, PruneReport, PruneStatistics } from '@holdfast/repository/prune';
import type { PruneAmounts, PruneCommandOptions } from '../commands/prune.ts';
import { counted, type OutputOptions, print, printJson } from '../output.ts';
import { table } from '../terminal.ts';
import type { Work } from '../work.ts';
import { givenRepository, openGivenRepository } from './open-repository.ts';
import { refuseOtherPacks } from './repository-options.ts';

export async function runPrune(options: PruneCommandOptions, work: Work): Promise<ExitStatus> {
  refuseOtherPacks(options);
  if (!options.lock && !options.dryRun)
    throw new HoldfastError('usage.option', {
      message: '--no-lock is for --dry-run only: nobody may delete without a lock.',
    });
  if ((await givenRepository(options)) === undefined)
    return (await import('../managed/server-maintenance.ts')).pruneByServer(options, work);
  const report = await pruneAndShow(openGivenRepository(options, work), {
    options,
    dryRun: options.dryRun === true,
    noLock: !options.lock,
    work,
  });
  if (options.json) await printJson({ kind: 'prune', dryRun: options.dryRun === true, ...report });
  return report.failed === 0 ? exitStatus.success : exitStatus.incomplete;
}

/** Prunes, and tells people about it; JSON is the caller's. */
export async function pruneAndShow(
  repository: Repository | Promise<Repository>,
  o: {
    readonly options: PruneAmounts & OutputOptions;
    readonly dryRun: boolean;
    readonly noLock: boolean;
    readonly withoutSnapshots?: ReadonlySet<ObjectId>;
    readonly work: Work;
  },
): Promise<PruneReport> {
  const { options, dryRun, work } = o;
  const { view, signal } = work;
  const { prune } = await import('@holdfast/repository/prune');
  const report = await prune(await repository, {
    maxUnusedBytes: options.maxUnused,
    maxRepackBytes: options.maxRepackSize ?? Number.POSITIVE_INFINITY,
    repackTreesOnly: options.repackCacheableOnly === true,
    repackUncompressed: options.repackUncompressed === true,
    repackSmallerThanBytes: options.repackSmallerThan,
    dryRun,
    noLock: o.noLock,
    withoutSnapshots: o.withoutSnapshots,
    waitMs: options.wait,
    onWait: (refusal, waitMs) => {
      if (options.quiet || options.json) return;
      const most = formatDuration(waitMs);
      view.note(`${refusal.message} Waiting up to ${most} to delete; it may be stopped, and the next prune goes on.`);
    },
    // Numbers that nobody sees take a tenth of the time of a small prune.
    onProgress: options.quiet && !options.json ? undefined : (progress) => showProgress(progress, options, work),
    onProblem: view.problem,
    signal,
  });
  view.done();
  if (!options.json && !options.quiet) await print(reportText(report, { dryRun, verbose: options.verbose === true }));
  return report;
}

const phases: Readonly<Record<PruneProgress['phase'], string>> = {
  index: 'Reading the index',
  trees: 'Following the snapshots',
  packs: 'Listing packs',
  repack: 'Packing again',
  wait: 'Waiting for the exclusive lock',
  rewrite: 'Writing the index',
  delete: 'Deleting',
};

function showProgress({ phase, done, total }: PruneProgress, options: OutputOptions, { view }: Work): void {
  if (options.json) view.progress({ phase, filesDone: done, filesTotal: total, bytesDone: 0 });
  else if (phase === 'wait') view.status(phases.wait);
  else view.status(`${phases[phase]}  ${formatCount(done)}${total === undefined ? '' : ` of ${formatCount(total)}`}`);
}

function reportText(report: PruneReport, o: { readonly dryRun: boolean; readonly verbose: boolean }): string {
  const { statistics, deleted, spared, retained, failed } = report;
  const lines = [o.dryRun ? 'Would have made the following changes:\n' : '', statisticsText(statistics, o.verbose)];
  if (o.dryRun) {
    if (o.verbose) {
      lines.push(`Would have packed again: ${report.repacked.join(' ') || 'nothing'}\n`);
      lines.push(`Would have removed: ${report.removed.join(' ') || 'nothing'}\n`);
    }
    return lines.join('');
  }
  if (spared > 0) lines.push(`${counted(spared, 'pack')} stayed, because a backup needs them that ended meanwhile.\n`);
  if (retained > 0) lines.push(`${counted(retained, 'pack')} must stay until the date of their retention.\n`);
  if (failed > 0) lines.push(`${counted(failed, 'object')} could not be deleted; the next prune tries again.\n`);
  lines.push(
    `Deleted ${counted(deleted.packs, 'pack')} of ${formatBytes(deleted.bytes)} in all, and wrote ${formatCount(report.newPacks)}.\n`,
  );
  return lines.join('');
}

/** restic's numbers. */
function statisticsText({ blobs, bytes, packs }: PruneStatistics, verbose: boolean): string {
  const share = (part: number, whole: number): string =>
    `${whole === 0 ? '0.00' : ((part / whole) * 100).toFixed(2)} %`;
  const row = (name: string, count: number | '', size: number): string[] => [
    `${name}:`,
    count === '' ? '' : `${formatCount(count)} blobs`,
    formatBytes(size),
  ];
  const totalBlobs = blobs.used + blobs.duplicate + blobs.unused;
  const totalBytes = bytes.used + bytes.duplicate + bytes.unused + bytes.unlisted;
  const wasteBytes = bytes.duplicate + bytes.unused;
  const prunedBlobs = blobs.remove + blobs.repackRemove;
  const prunedBytes = bytes.remove + bytes.repackRemove + bytes.unlisted;
  const wasteAfter = Math.max(0, wasteBytes - bytes.remove - bytes.repackRemove);
  const remaining = Math.max(0, totalBytes - prunedBytes);
  const before = [
    row('used', blobs.used, bytes.used),
    ...(blobs.duplicate > 0 ? [row('duplicates', blobs.duplicate, bytes.duplicate)] : []),
    row('unused', blobs.unused, bytes.unused),
    ...(bytes.unlisted > 0 ? [row('in no index', '', bytes.unlisted)] : []),
    row('total', totalBlobs, totalBytes),
  ];
  const changes = [
    row('to repack', blobs.repack, bytes.repack),
    row('this removes', blobs.repackRemove, bytes.repackRemove),
    row('to delete', blobs.remove, bytes.remove + bytes.unlisted),
    row('total prune', prunedBlobs, prunedBytes),
    row('remaining', totalBlobs - prunedBlobs, remaining),
  ];
  const packRows = [
    ['totally used packs:', formatCount(packs.used)],
    ['partly used packs:', formatCount(packs.partlyUsed)],
    ['unused packs:', formatCount(packs.unused)],
    ['packs in no index:', formatCount(packs.unlisted)],
    ['to keep:', formatCount(packs.keep)],
    ['to repack:', formatCount(packs.repack)],
    ['to delete:', formatCount(packs.remove + packs.unlisted)],
    ['under retention:', formatCount(packs.retained)],
  ];
  const right = { right: [1, 2] };
  return [
    verbose ? `${table(before, right)}unused: ${share(wasteBytes, totalBytes)} of total size\n\n` : '',
    table(changes, right),
    `unused after prune: ${formatBytes(wasteAfter)} (${share(wasteAfter, remaining)} of what remains)\n\n`,
    verbose ? `${table(packRows, right)}\n` : '',
  ].join('');
}
