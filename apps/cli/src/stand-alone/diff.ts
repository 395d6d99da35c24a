import { type ExitStatus, exitStatus, type HoldfastError } from '@holdfast/core';
import { findFolder } from '@holdfast/engine';
import { type DiffChange, type DiffCounts, type DiffSummary, diffTrees } from '@holdfast/engine/diff';
import { type ObjectId, shortId } from '@holdfast/repository';
import type { DiffCommandOptions } from '../commands/diff.ts';
import { print, printJson } from '../output.ts';
import type { Work } from '../work.ts';
import { openForReading } from './open-for-reading.ts';
import { givenRepository } from './open-repository.ts';
import { jsonPath, printable, resticBytes } from './restic-text.ts';
import { selectSnapshot, splitReference } from './snapshot-selection.ts';

/** One side of a comparison. */
interface Side {
  readonly reference: string;
  readonly path: string;
}

export interface WantedDiff {
  readonly before: Side;
  readonly after: Side;
  /** Told once, before the first change, what is compared. */
  readonly onFound: (ids: readonly ObjectId[]) => Promise<void>;
  readonly onChange: (change: DiffChange) => Promise<void> | void;
  readonly onProblem: (problem: HoldfastError) => void;
}

export async function runDiff(
  what: { readonly before: string; readonly after: string },
  options: DiffCommandOptions,
  work: Work,
): Promise<ExitStatus> {
  let problems = 0;
  const wanted: WantedDiff = {
    before: splitReference(what.before),
    after: splitReference(what.after),
    onFound: async (ids) => {
      if (!options.json && !options.quiet) await print(`comparing snapshot ${ids.map(shortId).join(' to ')}:\n\n`);
    },
    onChange: (change) => (options.quiet ? undefined : printChange(change, options.json === true)),
    onProblem: (problem) => {
      problems += 1;
      work.view.problem(problem);
    },
  };
  const summary =
    (await givenRepository(options)) === undefined
      ? await (await import('../managed/server-listing.ts')).diffByServer(wanted, options, work)
      : await diffIn(wanted, options, work);
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

async function diffIn(wanted: WantedDiff, options: DiffCommandOptions, work: Work): Promise<DiffSummary> {
  const { repository, signal } = await openForReading(options, work);
  const { view } = work;
  const find = async ({ reference, path }: Side) => {
    const found = await selectSnapshot(repository, { reference, filter: {}, signal, onProblem: view.problem });
    return { id: found.id, tree: found.snapshot.tree, path };
  };
  const [before, after] = [await find(wanted.before), await find(wanted.after)];
  await wanted.onFound([before.id, after.id]);
  await repository.loadIndex({ signal });
  return diffTrees(repository, {
    ...wanted,
    before: await findFolder(repository, { ...before, signal }),
    after: await findFolder(repository, { ...after, signal }),
    metadata: options.metadata,
    signal,
  });
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
