import { type ExitStatus, exitStatus, formatBytes, type HoldfastError } from '@holdfast/core';
import type { RepositoryLock } from '@holdfast/repository';
import type { CopyProgress, CopyReport } from '@holdfast/repository/copy';
import type { CopyCommandOptions } from '../commands/copy.ts';
import { counted, print, printJson, type WorkView } from '../output.ts';
import type { Work } from '../work.ts';
import { chosenSnapshots } from './chosen-snapshots.ts';
import { sourceOptions } from './from-repository.ts';
import { openGivenRepository } from './open-repository.ts';
import { refuseOtherPacks } from './repository-options.ts';

export async function runCopy(
  references: readonly string[],
  options: CopyCommandOptions,
  { signal: interrupted, view, resources }: Work,
): Promise<ExitStatus> {
  refuseOtherPacks(options);
  let problems = 0;
  const onProblem = (problem: HoldfastError): void => {
    problems += 1;
    view.problem(problem);
  };
  const opening = openGivenRepository(sourceOptions(options), { resources, signal: interrupted });
  const { copySnapshots } = await import('@holdfast/repository/copy');
  const source = await opening;
  const target = await openGivenRepository(options, { resources, signal: interrupted });
  const said: Promise<void>[] = [];
  const copy = async (locks: readonly RepositoryLock[]): Promise<CopyReport> => {
    // An attempt whose lock was refused was dropped, with what it found.
    problems = 0;
    const signal = AbortSignal.any([interrupted, ...locks.map((lock) => lock.signal)]);
    const snapshots = await chosenSnapshots(source, { references, filter: options, signal, onProblem });
    view.status('Reading the indexes');
    // What an unreadable index of the target names is copied again; one of the source would leave the copy incomplete.
    await Promise.all([source.loadIndex({ signal }), target.loadIndex({ signal, onProblem })]);
    return copySnapshots({
      source,
      target,
      snapshots,
      signal,
      onProgress: (progress) => showProgress(view, progress, options),
      onCopied: ({ id, sourceId }) => {
        if (options.json || options.quiet) return;
        view.done();
        said.push(print(`snapshot ${id.slice(0, 8)} saved, copied from source snapshot ${sourceId.slice(0, 8)}\n`));
      },
    });
  };
  const locking = { exclusive: false, signal: interrupted, onProblem: view.problem };
  const report = await target.underLock(locking, (lock) =>
    options.lock ? source.underLock(locking, (another) => copy([lock, another])) : copy([lock]),
  );
  await Promise.all(said);
  view.done();
  if (options.json) await printJson({ kind: 'copy', ...report });
  else if (!options.quiet) await print(reportText(report));
  return problems === 0 ? exitStatus.success : exitStatus.incomplete;
}

function showProgress(view: WorkView, progress: CopyProgress, options: CopyCommandOptions): void {
  const { snapshotsDone, snapshotsTotal, bytesDone, bytesTotal } = progress;
  if (options.json) {
    view.progress({ phase: 'copy', filesDone: snapshotsDone, filesTotal: snapshotsTotal, bytesDone, bytesTotal });
    return;
  }
  const at = `Snapshot ${Math.min(snapshotsDone + 1, snapshotsTotal)} of ${snapshotsTotal}`;
  const done = bytesTotal === 0 ? 'reading folders' : `${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`;
  view.status(`${at}  ${done}`);
}

function reportText({ copied, skipped, blobs, bytes }: CopyReport): string {
  const there = skipped.length === 0 ? '' : `, ${counted(skipped.length, 'snapshot')} there already`;
  return `copied ${counted(copied.length, 'snapshot')}${there}; ${counted(blobs, 'blob')}, ${formatBytes(bytes)}\n`;
}
