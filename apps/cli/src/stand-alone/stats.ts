import { type ExitStatus, exitStatus, formatBytes, formatCount, type HoldfastError } from '@holdfast/core';
import { measureSnapshots, type Stats } from '@holdfast/engine/stats';
import type { StatsCommandOptions } from '../commands/stats.ts';
import { print, printJson } from '../output.ts';
import type { Work } from '../work.ts';
import { chosenSnapshots } from './chosen-snapshots.ts';
import { openForReading } from './open-for-reading.ts';
import { givenRepository } from './open-repository.ts';
import { resticBytes } from './restic-text.ts';

export async function runStats(
  references: readonly string[],
  options: StatsCommandOptions,
  work: Work,
): Promise<ExitStatus> {
  let unreadable = 0;
  const onProblem = (problem: HoldfastError): void => {
    unreadable += 1;
    work.view.problem(problem);
  };
  const stats =
    (await givenRepository(options)) === undefined
      ? await (await import('../managed/server-listing.ts')).statsByServer({ references, onProblem }, options, work)
      : await statsOf({ references, onProblem }, options, work);
  work.view.done();
  if (options.json) await printJson(statsJson(stats));
  else await print(statsText(stats));
  return unreadable === 0 ? exitStatus.success : exitStatus.incomplete;
}

async function statsOf(
  o: { readonly references: readonly string[]; readonly onProblem: (problem: HoldfastError) => void },
  options: StatsCommandOptions,
  work: Work,
): Promise<Stats> {
  const { repository, signal } = await openForReading(options, work);
  const chosen = await chosenSnapshots(repository, { ...o, filter: options, signal });
  await repository.loadIndex({ signal });
  return measureSnapshots(repository, {
    mode: options.mode,
    trees: chosen.map(({ snapshot }) => snapshot.tree),
    signal,
    onProgress: ({ snapshots, files, bytes }) =>
      work.view.status(
        `${formatCount(snapshots)} of ${formatCount(chosen.length)} snapshots  ${formatCount(files)} entries  ${formatBytes(bytes)}`,
      ),
  });
}

/** What is zero is left out, as restic does. */
function statsJson({ totalBytes, files, blobs, snapshots, compression }: Stats): Record<string, number | undefined> {
  return {
    total_size: totalBytes,
    total_uncompressed_size: compression?.uncompressedBytes || undefined,
    compression_ratio: compression?.ratio || undefined,
    compression_progress: compression?.progressPercent || undefined,
    compression_space_saving: compression?.savingPercent || undefined,
    total_file_count: files || undefined,
    total_blob_count: blobs || undefined,
    snapshots_count: snapshots,
  };
}

function statsText({ mode, totalBytes, files, blobs, snapshots, compression }: Stats): string {
  const lines: [string, string][] = [['Snapshots processed:', String(snapshots)]];
  if (blobs > 0) lines.push(['Total Blob Count:', String(blobs)]);
  if (files > 0) lines.push(['Total File Count:', String(files)]);
  if (compression?.uncompressedBytes)
    lines.push(['Total Uncompressed Size:', resticBytes(compression.uncompressedBytes)]);
  lines.push(['Total Size:', resticBytes(totalBytes)]);
  if (compression?.progressPercent) lines.push(['Compression Progress:', `${compression.progressPercent.toFixed(2)}%`]);
  if (compression?.ratio) lines.push(['Compression Ratio:', `${compression.ratio.toFixed(2)}x`]);
  if (compression?.savingPercent) lines.push(['Compression Space Saving:', `${compression.savingPercent.toFixed(2)}%`]);
  return `Stats in ${mode} mode:\n${lines.map(([title, value]) => `${title.padStart(25)}  ${value}\n`).join('')}`;
}
