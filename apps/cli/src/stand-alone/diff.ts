import { type ExitStatus, exitStatus, type HoldfastError } from '@holdfast/core';
import { findFolder } from '@holdfast/engine';
import { type DiffChange, type DiffCounts, type DiffSummary, diffTrees } from '@holdfast/engine/diff';
import { shortId } from '@holdfast/repository';
import type { DiffCommandOptions } from '../commands/diff.ts';
import { refuseWithoutExecutor } from '../managed/executor.ts';
import { print, printJson } from '../output.ts';
import type { Work } from '../work.ts';
import { openForReading } from './open-for-reading.ts';
import { givenRepository } from './open-repository.ts';
import { jsonPath, printable, resticBytes } from './restic-text.ts';
import { selectSnapshot, splitReference } from './snapshot-selection.ts';

export async function runDiff(
  what: { readonly before: string; readonly after: string },
  options: DiffCommandOptions,
  work: Work,
): Promise<ExitStatus> {
  if ((await givenRepository(options)) === undefined) refuseWithoutExecutor('diff');
  const { view } = work;
  const { repository, signal } = await openForReading(options, work);
  const sides = [];
  for (const given of [what.before, what.after]) {
    const { reference, path } = splitReference(given);
    const found = await selectSnapshot(repository, { reference, filter: {}, signal, onProblem: view.problem });
    sides.push({ id: found.id, tree: found.snapshot.tree, path });
  }
  const shownIds = sides.map(({ id }) => shortId(id));
  if (!options.json && !options.quiet) await print(`comparing snapshot ${shownIds.join(' to ')}:\n\n`);
  await repository.loadIndex({ signal });
  const [before, after] = await Promise.all(sides.map((side) => findFolder(repository, { ...side, signal })));
  if (before === undefined || after === undefined) return exitStatus.failed;
  let problems = 0;
  const summary = await diffTrees(repository, {
    before,
    after,
    metadata: options.metadata,
    signal,
    onChange: (change) => (options.quiet ? undefined : printChange(change, options.json === true)),
    onProblem: (problem: HoldfastError) => {
      problems += 1;
      view.problem(problem);
    },
  });
  if (options.json)
    await printJson({
      message_type: 'statistics',
      source_snapshot: what.before,
      target_snapshot: what.after,
      changed_files: summary.changedFiles,
      added: countsJson(summary.added),
      removed: countsJson(summary.removed),
    });
  else await print(summaryText(summary));
  return problems === 0 ? exitStatus.success : exitStatus.incomplete;
}

async function printChange({ path, modifier }: DiffChange, json: boolean): Promise<void> {
  if (json) await printJson({ message_type: 'change', ...jsonPath(path), modifier });
  else await print(`${modifier.padEnd(5)}${printable(path)}\n`);
}

function countsJson({ files, dirs, others, dataBlobs, treeBlobs, bytes }: DiffCounts): Record<string, number> {
  return { files, dirs, others, data_blobs: dataBlobs, tree_blobs: treeBlobs, bytes };
}

function summaryText({ added, removed, changedFiles }: DiffSummary): string {
  const five = (count: number): string => String(count).padStart(5);
  const line = (title: string, field: 'files' | 'dirs' | 'others' | 'dataBlobs' | 'treeBlobs'): string =>
    `${title.padEnd(13)}${five(added[field])} new, ${five(removed[field])} removed`;
  return `
${line('Files:', 'files')}, ${five(changedFiles)} changed
${line('Dirs:', 'dirs')}
${line('Others:', 'others')}
${line('Data Blobs:', 'dataBlobs')}
${line('Tree Blobs:', 'treeBlobs')}
  Added:   ${resticBytes(added.bytes)}
  Removed: ${resticBytes(removed.bytes)}
`;
}
