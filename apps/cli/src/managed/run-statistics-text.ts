import { formatBytes } from '@holdfast/core';
import type { RestClient, Run } from '@holdfast/protocol';

export type Statistics = Awaited<ReturnType<typeof statisticsOf>>;
type Waits = NonNullable<NonNullable<Run['progress']>['waits']>;

export async function statisticsOf(client: RestClient, run: Run, signal: AbortSignal) {
  return client.call('runStatistics', { params: { id: run.id }, signal });
}

/** What a run has waited for most; empty where nobody measured it. */
export function bottleneckOf(waits: Waits | undefined): keyof Waits | '' {
  if (!waits) return '';
  const stages = ['source', 'processing', 'network', 'target'] as const;
  return stages.reduce((most, stage) => (waits[stage] > waits[most] ? stage : most));
}

/** What a run waited for, how fast it was, and what it used of the network, for people. */
export function statisticsLines({ progress }: Run, { samples, channels }: Statistics): string[] {
  const lines: string[] = [];
  const { waits } = progress ?? {};
  if (waits) {
    const { source, processing, network, target } = waits;
    const shares = `source ${source} %, processing ${processing} %, network ${network} %, target ${target} %`;
    lines.push(`  Waits     most for ${bottleneckOf(waits)} (${shares})`);
  }
  const fastest = Math.max(0, ...speedsOf(samples));
  if (fastest > 0) lines.push(`  Speed     up to ${formatBytes(fastest)}/s`);
  for (const { channel, direction, address, port, sentBytes, receivedBytes, rows } of channels) {
    const where = direction === 'out' ? `to ${address}:${port}` : `from ${address} on port ${port}`;
    const bytes = `${formatBytes(sentBytes)} sent, ${formatBytes(receivedBytes)} received`;
    lines.push(`  Channel   ${channel} ${where}: ${bytes}${rows.length > 0 ? ` (${rows.join(', ')})` : ''}`);
  }
  return lines;
}

/** Bytes of files in a second, between each two samples. */
function speedsOf(samples: Statistics['samples']): number[] {
  return samples.slice(1).map((sample, before) => {
    const earlier = samples[before];
    const seconds = earlier ? (Date.parse(sample.at) - Date.parse(earlier.at)) / 1000 : 0;
    return earlier && seconds >= 1 ? Math.max(0, sample.bytesDone - earlier.bytesDone) / seconds : 0;
  });
}
