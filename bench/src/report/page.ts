import { formatBytes, formatCount } from '@holdfast/core';
import { assess, assessmentCells, assessmentHeadings } from './assessment.ts';
import { cells, headings } from './cells.ts';
import { howItIsMeasured, whatIsFair, whatTheDataIs, whatTheLimitsAre } from './page-text.ts';
import type { RunRecord } from './run-record.ts';
import { failureLines } from './table.ts';

/** docs/benchmarks.md of a run. */
export function renderPage(record: RunRecord): string {
  const { machine } = record;
  const sha =
    machine.shaExtensions === undefined ? '' : `, ${machine.shaExtensions ? 'with' : 'without'} SHA extensions`;
  const rounds = record.rounds === 1 ? 'one round' : `${record.rounds} rounds`;
  const aims = assess(record);
  return `${[
    '# Benchmarks',
    'Written by `npm run bench -- --write` from [bench/results.json](../bench/results.json); not edited by hand.',
    `One run of preset ${record.preset}, ${rounds}, ${Math.round(record.durationMs / 60_000)} minutes, on ${record.startedAt.slice(0, 10)}: ${machine.processor} (${machine.cores} cores${sha}), ${formatBytes(machine.memoryBytes)} of memory, ${machine.system}. Only the ratios carry over to another machine.`,
    ...(record.scale === 1 ? [] : [`**At scale ${record.scale} of the preset: a trial, not a result.**`]),
    ...(aims.length === 0
      ? []
      : [
          '## Holdfast against its aims',
          whatTheLimitsAre,
          markdownTable(assessmentHeadings, aims.map(assessmentCells)),
        ]),
    '## How it is measured',
    howItIsMeasured,
    '## What is fair, and what is not',
    whatIsFair,
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
    ...record.rows
      .filter(({ programs }) => programs.length > 0)
      .flatMap(({ row, title, programs }) => [`### ${row}: ${title}`, markdownTable(headings, programs.map(cells))]),
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

function markdownTable(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [head, rule, ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n');
}
