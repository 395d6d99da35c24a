import { formatBytes, formatCount } from '@holdfast/core';
import { cells, headings } from './cells.ts';
import type { RunRecord } from './run-record.ts';
import { failureLines } from './table.ts';

/** docs/benchmarks.md of a run. */
export function renderPage(record: RunRecord): string {
  const { machine } = record;
  const sha =
    machine.shaExtensions === undefined ? '' : `, ${machine.shaExtensions ? 'with' : 'without'} SHA extensions`;
  const rounds = record.rounds === 1 ? 'one round' : `${record.rounds} rounds`;
  return `${[
    '# Benchmarks',
    'Written by `npm run bench -- --write` from [bench/results.json](../bench/results.json); not edited by hand.',
    `One run, ${rounds}, on ${record.startedAt.slice(0, 10)}: ${machine.processor} (${machine.cores} cores${sha}), ${formatBytes(machine.memoryBytes)} of memory, ${machine.system}. Only the ratios carry over to another machine.`,
    ...(record.scale === 1 ? [] : [`**At scale ${record.scale} of the full size: a trial, not a result.**`]),
    howItIsMeasured,
    '## Programs',
    markdownTable(
      ['program', 'version', 'settings'],
      record.programs.map(({ name, version, settings }) => [name, version, settings]),
    ),
    ...(record.missingPrograms.length === 0
      ? []
      : [`Not there on this machine, so not compared: ${record.missingPrograms.join(', ')}.`]),
    '## Data',
    markdownTable(
      ['name', 'files', 'size'],
      record.dataSets.map(({ name, files, bytes }) => [name, formatCount(files), formatBytes(bytes)]),
    ),
    whatTheDataIs,
    '## Results',
    ...record.rows.flatMap(({ row, title, programs }) => [
      `### ${row}: ${title}`,
      markdownTable(headings, programs.map(cells)),
    ]),
    ...(record.failures.length === 0
      ? []
      : [
          '## Failures',
          failureLines(record)
            .map((line) => `- ${line.replaceAll(/\s+/g, ' ')}`)
            .join('\n'),
        ]),
  ].join('\n\n')}\n`;
}

const howItIsMeasured = `The programs take turns: each step is run by all of them before the next step, and another one begins in each round.
Every command is a process of its own with an empty home; its caches last for one round. Before it starts, everything
written is synced to disk and all of its input is read once, so the page cache is warm for all. Times are of the whole
process from its start to its exit, CPU seconds and peak memory of the whole process tree. Peak memory is resident memory,
which counts files that are mapped. The ratio is the median of the fastest peer divided by the program's own: above 1 is
faster than every peer.

Every restore is compared with its source outside of the measured time: names, every byte, modes and times. In the last
round one byte of each repository is changed, and its check must notice. A program with a wrong result has no time in the
table and no part in the ratio. What the programs promise differs: the restic format syncs every file of the repository to
disk before it counts as stored.`;

const whatTheDataIs = `All of it is made from a fixed seed. big-random is one file that cannot be compressed. small-files are files of 0 to
64 KiB, half of them below 4 KiB, 20 to a folder: three fifths text and lines of logs, a fifth records of a program, a fifth
incompressible; one in ten is a copy of another, one in fifty is empty.`;

function markdownTable(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [head, rule, ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n');
}
