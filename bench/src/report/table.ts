import { assess, assessmentCells, assessmentHeadings } from './assessment.ts';
import { cells, headings } from './cells.ts';
import type { RunRecord } from './run-record.ts';

/** A failure is told by its beginning; all of it is in the JSON. */
const shownMessageCharacters = 400;

/** All rows in one table for a terminal, how Holdfast stands against its aims, then what failed. */
export function renderTable(record: RunRecord): string {
  const lines = record.rows.flatMap(({ row, title, programs }) => [
    { title: `${row}: ${title}` },
    ...programs.map((entry) => ({ cells: cells(entry) })),
  ]);
  const format = aligned([headings, ...lines.flatMap((line) => ('cells' in line ? [line.cells] : []))]);
  const aims = assess(record).map(assessmentCells);
  const formatAims = aligned([assessmentHeadings, ...aims]);
  return [
    format(headings),
    ...lines.flatMap((line) => ('cells' in line ? [format(line.cells)] : ['', line.title])),
    ...(aims.length === 0 ? [] : ['', 'Against the aims', formatAims(assessmentHeadings), ...aims.map(formatAims)]),
    '',
    ...failureLines(record),
  ].join('\n');
}

/** Formats a line so that the columns of all lines stand below each other. */
function aligned(all: readonly (readonly string[])[]): (line: readonly string[]) => string {
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((one) => one[column]?.length ?? 0)));
  return (line) =>
    `  ${line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')}`;
}

/** One line for each failure; empty when there is none. */
export function failureLines({ failures }: Pick<RunRecord, 'failures'>): readonly string[] {
  return failures.map(({ program, round, kind, rows, message }) => {
    const start = message.length > shownMessageCharacters ? `${message.slice(0, shownMessageCharacters)} …` : message;
    return `${kind === 'wrong' ? 'WRONG RESULT' : 'FAILED'}: ${program}, ${round === 0 ? 'preparation' : `round ${round}`}, ${rows.join(', ')}: ${start}`;
  });
}
