import { spread } from '../report/statistics.ts';
import type { Timing } from './timing.ts';

/** Tables in Markdown: the middle of all rounds, and the worst. */
export function renderTimings(title: string, timings: readonly Timing[]): string {
  return table(
    [title, 'ms', 'at most', 'processor ms'],
    timings.map(({ what, wallMs, processorMs }) => [...[what, middle(wallMs), worst(wallMs), middle(processorMs)]]),
  );
}

export function renderPages(title: string, timings: readonly Timing[]): string {
  return table(
    [title, 'ms', 'at most', 'longest task', 'processor ms'],
    timings.map(({ what, wallMs, longestTaskMs, processorMs }) => [
      ...[what, middle(wallMs), worst(wallMs), worst(longestTaskMs), middle(processorMs)],
    ]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const align = head.map((_, at) => (at === 0 ? '---' : '---:'));
  return `${[head, align, ...rows].map(line).join('\n')}\n`;
}

function middle(ms: readonly number[]): string {
  return spread(ms)?.median.toFixed(0) ?? '–';
}

function worst(ms: readonly number[]): string {
  return spread(ms)?.max.toFixed(0) ?? '–';
}
