import { cells, headings } from './cells.ts';
import type { RunRecord } from './run-record.ts';

/** All rows in one table for a terminal, then what failed. */
export function renderTable(record: RunRecord): string {
  const lines = record.rows.flatMap(({ row, title, programs }) => [
    { title: `${row}: ${title}` },
    ...programs.map((entry) => ({ cells: cells(entry) })),
  ]);
  const all = [headings, ...lines.flatMap((line) => ('cells' in line ? [line.cells] : []))];
  const widths = headings.map((_, column) => Math.max(...all.map((one) => one[column]?.length ?? 0)));
  const format = (one: readonly string[]): string =>
    `  ${one.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')}`;
  return [
    format(headings),
    ...lines.flatMap((line) => ('cells' in line ? [format(line.cells)] : ['', line.title])),
    '',
    ...failureLines(record),
  ].join('\n');
}

/** One line for each failure; empty when there is none. */
export function failureLines({ failures }: Pick<RunRecord, 'failures'>): readonly string[] {
  return failures.map(
    ({ program, round, kind, rows, message }) =>
      `${kind === 'wrong' ? 'WRONG RESULT' : 'FAILED'}: ${program}, round ${round}, ${rows.join(', ')}: ${message}`,
  );
}
