import type { ProgramInRow } from './results.ts';

export const headings = [
  'program',
  'median s',
  'min s',
  'max s',
  'of it sync s',
  'CPU s',
  'peak MiB',
  'repository MB',
  'speed vs fastest peer',
] as const;

/** One line of a table; `–` is what is not known. */
export function cells(entry: ProgramInRow): readonly string[] {
  if (entry.outcome !== 'right') return [entry.program, entry.outcome, '–', '–', '–', '–', '–', '–', '–'];
  return [
    entry.program,
    number(entry.wallMs?.median, 1000, 2),
    number(entry.wallMs?.min, 1000, 2),
    number(entry.wallMs?.max, 1000, 2),
    number(entry.syncMs, 1000, 2),
    number(entry.cpuMs, 1000, 2),
    number(entry.peakMemoryBytes, 1024 ** 2, 0),
    number(entry.repositoryBytes, 1e6, 1),
    entry.speedRatio === undefined ? '–' : `${entry.speedRatio.toFixed(2)}×`,
  ];
}

function number(value: number | undefined, unit: number, digits: number): string {
  if (value === undefined) return '–';
  return (value / unit).toFixed(digits);
}
