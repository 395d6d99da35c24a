import type { Measured } from './measure-fleet.ts';

/** What one server of a big fleet would have to carry. */
const extrapolatedTo = 100_000;
const mib = 1024 ** 2;

/** A table in Markdown of what was reached, and from its slope what a big fleet would need. */
export function renderFleet(measured: readonly Measured[]): string {
  const head = [
    ...[
      'agents',
      'instances',
      'runs',
      'connected after',
      'memory idle',
      'memory at most',
      'load idle',
      'all dispatched after',
    ],
    ...['all ended after', 'processor', 'reads, median', 'reads, 99 %', 'reads failed', 'twice', 'never', 'failed'],
  ];
  const rows = measured.map((one) => [
    ...[one.agents.toLocaleString('en'), one.kills === 0 ? `${one.instances}` : `${one.instances}, ${one.kills} kills`],
    ...[
      (one.agents * one.sessions).toLocaleString('en'),
      seconds(one.connectSeconds),
      memory(one.idleBytes),
      memory(one.peakBytes),
      `${(one.idleLoad * 100).toFixed(0)} %`,
    ],
    ...[seconds(one.dispatchSeconds), seconds(one.endSeconds), seconds(one.processorSeconds)],
    ...[`${one.readMedianMs.toFixed(0)} ms`, `${one.read99Ms.toFixed(0)} ms`],
    ...[`${one.failedReads} of ${one.reads}`, ...[one.twice, one.never, one.failed].map(String)],
  ]);
  const table = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  return `${table}\n${extrapolated(measured)}`;
}

/** By a straight line through the smallest and the largest: it says nothing of what breaks in between. */
function extrapolated(measured: readonly Measured[]): string {
  const sorted = measured.filter(({ kills }) => kills === 0).toSorted((a, b) => a.agents - b.agents);
  const [least, most] = [sorted[0], sorted.at(-1)];
  if (!least || !most || least.agents === most.agents) return '';
  const at = (value: (one: Measured) => number): number => {
    const slope = (value(most) - value(least)) / (most.agents - least.agents);
    return value(most) + slope * (extrapolatedTo - most.agents);
  };
  const perAgent = (most.peakBytes - least.peakBytes) / (most.agents - least.agents) / 1024;
  return (
    `\nEach agent more takes ${perAgent.toFixed(0)} KiB. By the slope, ${extrapolatedTo.toLocaleString('en')} agents would need ` +
    `${memory(at((one) => one.peakBytes))} of memory, ${at((one) => one.idleLoad).toFixed(1)} cores to keep them connected, ` +
    `and ${seconds(at((one) => one.processorSeconds))} of processor time for a run of all.\n`
  );
}

function seconds(value: number): string {
  return `${value.toFixed(1)} s`;
}

function memory(bytes: number): string {
  return `${(bytes / mib).toFixed(0)} MiB`;
}
