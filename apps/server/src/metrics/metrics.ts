import { productVersion } from '@holdfast/core';
import type { ChannelCounts } from '@holdfast/wire';
import { type MetricFamily, prometheusText } from './prometheus-text.ts';

export interface MetricsInput {
  /** Counts by role of the process, the server's own among them. */
  readonly roles: readonly (ChannelCounts & { readonly role: string; readonly answering: number })[];
  readonly computers: readonly { readonly role: string; readonly state: string }[];
  readonly startedAt: Date;
}

/**
 * The server's metrics. Labels have the names of the contract, of roles and of errors, and nothing else: no addresses, no names
 * of computers, so that their number is bounded however large the fleet is.
 */
export function metricsText({ roles, computers, startedAt }: MetricsInput): string {
  const { heapUsed, rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const one = (name: string, value: number, help: string, type: MetricFamily['type'] = 'gauge'): MetricFamily => ({
    ...{ name, type, help, samples: [{ labels: {}, value }] },
  });
  const states = Map.groupBy(computers, ({ role, state }) => JSON.stringify({ role, state }));
  return prometheusText([
    {
      ...{ name: 'holdfast_build_info', type: 'gauge', help: 'The version of the server.' },
      samples: [{ labels: { version: productVersion }, value: 1 }],
    },
    {
      ...{ name: 'holdfast_computers', type: 'gauge', help: 'Computers that have joined the server.' },
      samples: [...states].map(([labels, { length }]) => ({ labels: labelsOf(labels), value: length })),
    },
    {
      ...{ name: 'holdfast_channel_reporting_processes', type: 'gauge' },
      help: 'Processes whose channel use is in the other metrics; those that did not answer last are not.',
      samples: roles.map(({ role, answering }) => ({ labels: { process: role }, value: answering })),
    },
    ...channelFamilies(roles),
    one('process_cpu_seconds_total', (user + system) / 1e6, 'Processor time of the server.', 'counter'),
    one('process_resident_memory_bytes', rss, 'Memory of the server.'),
    one('nodejs_heap_size_used_bytes', heapUsed, "Memory of the server's objects."),
    one('process_start_time_seconds', startedAt.getTime() / 1000, 'When the server started, in seconds since 1970.'),
  ]);
}

function labelsOf(text: string): Readonly<Record<string, string>> {
  return JSON.parse(text) as Record<string, string>;
}

type Traffic = ChannelCounts['traffic'][number];

function channelFamilies(roles: MetricsInput['roles']): readonly MetricFamily[] {
  const family = (
    o: { readonly name: string; readonly help: string; readonly type?: 'gauge' },
    valueOf: (one: Traffic) => number,
  ): MetricFamily => ({
    name: `holdfast_channel_${o.name}`,
    type: o.type ?? 'counter',
    help: o.help,
    samples: roles.flatMap(({ role, traffic }) =>
      traffic.map((one) => {
        const { channel, direction, peer } = one;
        return { labels: { process: role, channel, direction, peer }, value: valueOf(one) };
      }),
    ),
  });
  return [
    family(
      { name: 'connections_total', help: 'Connections along a channel: accepted (in) or opened (out).' },
      ({ connections }) => connections,
    ),
    family(
      { name: 'open_connections', help: 'Connections that are open now.', type: 'gauge' },
      ({ openConnections }) => openConnections,
    ),
    family(
      { name: 'received_bytes_total', help: "Content read, without TLS's own bytes." },
      ({ receivedBytes }) => receivedBytes,
    ),
    family(
      { name: 'sent_bytes_total', help: "Content written, without TLS's own bytes." },
      ({ sentBytes }) => sentBytes,
    ),
    family(
      {
        ...{ name: 'last_used_timestamp_seconds', type: 'gauge' },
        help: 'When a channel was last used by any process of the role, in seconds since 1970.',
      },
      ({ lastUsedAt }) => Date.parse(lastUsedAt) / 1000,
    ),
    {
      ...{ name: 'holdfast_channel_refusals_total', type: 'counter' },
      help: 'Connections that did not come about: turned away (in) or dialled in vain (out), by the code of the error.',
      samples: roles.flatMap(({ role, refusals }) =>
        refusals.map(({ channel, direction, reason, count }) => ({
          labels: { process: role, channel, direction, reason },
          value: count,
        })),
      ),
    },
  ];
}
