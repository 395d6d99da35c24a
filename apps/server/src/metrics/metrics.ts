import { productVersion } from '@holdfast/core';
import type { ChannelCounts } from '@holdfast/wire';
import { type MetricFamily, prometheusText } from './prometheus-text.ts';
import type { WorkCounts } from './work-counts.ts';

export interface MetricsInput {
  /** Counts by role of the process, the server's own among them. */
  readonly roles: readonly (ChannelCounts & { readonly role: string; readonly answering: number })[];
  readonly computers: readonly { readonly role: string; readonly state: string }[];
  readonly startedAt: Date;
  readonly work: {
    readonly databaseMs: number;
    readonly jobs: Awaited<ReturnType<WorkCounts['jobs']>>;
    readonly queue: Awaited<ReturnType<WorkCounts['queue']>>;
    readonly notifications: Awaited<ReturnType<WorkCounts['notifications']>>;
    readonly repositories: Awaited<ReturnType<WorkCounts['repositories']>>;
  };
}

/**
 * The server's metrics. Labels have the names of the contract, of roles and of errors, and of a bounded number of repositories, and
 * nothing else: no addresses, no names of computers, so that their number is bounded however large the fleet is.
 */
export function metricsText({ roles, computers, startedAt, work }: MetricsInput): string {
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
    ...workFamilies(work),
    one('holdfast_oldest_wait_seconds', work.queue.oldestWaitMs / 1000, 'How long the run waits that waits longest.'),
    one('holdfast_repositories', work.repositories.total, 'Repositories that the server knows.'),
    one(
      'holdfast_database_latency_seconds',
      work.databaseMs / 1000,
      'How long the catalogue took for the smallest question.',
    ),
    one('process_cpu_seconds_total', (user + system) / 1e6, 'Processor time of the server.', 'counter'),
    one('process_resident_memory_bytes', rss, 'Memory of the server.'),
    one('nodejs_heap_size_used_bytes', heapUsed, "Memory of the server's objects."),
    one('process_start_time_seconds', startedAt.getTime() / 1000, 'When the server started, in seconds since 1970.'),
  ]);
}

function workFamilies({ jobs, queue, notifications, repositories }: MetricsInput['work']): readonly MetricFamily[] {
  const { listed } = repositories;
  const labels = ({ tenant, name }: (typeof listed)[number]) => ({ tenant, repository: name });
  return [
    {
      ...{ name: 'holdfast_jobs', type: 'gauge', help: 'Jobs, which the server runs, and policies, which agents run.' },
      samples: jobs.map(({ kind, enabled, count }) => ({ labels: { kind, enabled: String(enabled) }, value: count })),
    },
    {
      ...{ name: 'holdfast_runs', type: 'gauge', help: 'Runs that wait (queued), or are under way (running).' },
      samples: queue.runs.map(({ state, kind, count }) => ({ labels: { state, kind }, value: count })),
    },
    {
      ...{ name: 'holdfast_notifications', type: 'gauge', help: 'Notifications that wait, or were given up.' },
      samples: [
        { labels: { state: 'waiting' }, value: notifications.waiting },
        { labels: { state: 'given-up' }, value: notifications.givenUp },
      ],
    },
    {
      ...{ name: 'holdfast_repository_snapshots', type: 'gauge', help: 'Backups in a repository.' },
      samples: listed.map((one) => ({ labels: labels(one), value: one.snapshots })),
    },
    {
      ...{ name: 'holdfast_repository_stored_bytes', type: 'gauge' },
      help: 'What the backups in a repository have added to it.',
      samples: listed.map((one) => ({ labels: labels(one), value: one.storedBytes })),
    },
    {
      ...{ name: 'holdfast_repository_last_success_timestamp_seconds', type: 'gauge' },
      help: 'When the last backup in a repository was begun, and its last check, drill and so on ended well, in seconds since 1970.',
      samples: listed.flatMap((one) =>
        one.lastSuccess.map(({ kind, at }) => ({ labels: { ...labels(one), kind }, value: Date.parse(at) / 1000 })),
      ),
    },
  ];
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
