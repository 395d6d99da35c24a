import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { requireProgram, skipUnless } from '@holdfast/core/testing';
import { metricsText } from './metrics.ts';
import { prometheusText } from './prometheus-text.ts';

test('families, labels and values; what has none is left out', () => {
  const text = prometheusText([
    {
      name: 'one_total',
      type: 'counter',
      help: 'A \\ and a\nline.',
      samples: [
        { labels: {}, value: 1 },
        { labels: { a: 'x', b: 'say "\\" or\n' }, value: 2.5e20 },
      ],
    },
    { name: 'none', type: 'gauge', help: 'Nothing.', samples: [] },
  ]);
  assert.equal(
    text,
    '# HELP one_total A \\\\ and a\\nline.\n# TYPE one_total counter\none_total 1\none_total{a="x",b="say \\"\\\\\\" or\\n"} 250000000000000000000\n',
  );
});

const metrics = metricsText({
  startedAt: new Date('2026-01-02T03:04:05Z'),
  work: {
    databaseMs: 2.5,
    jobs: [{ kind: 'job', enabled: true, count: 3 }],
    queue: { runs: [{ state: 'queued', kind: 'backup', count: 4 }], oldestWaitMs: 61_000 },
    notifications: { waiting: 5, givenUp: 0, oldestWaitMs: 0 },
    repositories: {
      total: 2,
      listed: [
        {
          ...{ tenant: 'local', name: 'first', snapshots: 6, storedBytes: 700 },
          lastSuccess: [
            { kind: 'backup', at: '2026-01-02T03:04:06.000Z' },
            { kind: 'check', at: '2026-01-02T03:04:07.000Z' },
          ],
        },
      ],
    },
  },
  computers: [
    { role: 'agent', state: 'online' },
    { role: 'agent', state: 'online' },
    { role: 'mover', state: 'offline' },
  ],
  roles: [
    {
      role: 'server',
      answering: 1,
      traffic: [
        {
          ...{ channel: 'posix-agent-control', direction: 'in', peer: 'agent', connections: 7, openConnections: 2 },
          ...{ receivedBytes: 10, sentBytes: 20, lastUsedAt: '2026-01-02T03:04:06.500Z' },
        },
      ],
      refusals: [
        {
          ...{ channel: 'posix-agent-control', direction: 'in', reason: 'channel.identity', count: 3 },
          lastAt: '2026-01-02T03:04:05.000Z',
        },
      ],
    },
  ],
});

test('the server’s metrics', () => {
  const labels = 'process="server",channel="posix-agent-control",direction="in"';
  for (const line of [
    'holdfast_computers{role="agent",state="online"} 2',
    'holdfast_computers{role="mover",state="offline"} 1',
    'holdfast_channel_reporting_processes{process="server"} 1',
    `holdfast_channel_connections_total{${labels},peer="agent"} 7`,
    `holdfast_channel_open_connections{${labels},peer="agent"} 2`,
    `holdfast_channel_received_bytes_total{${labels},peer="agent"} 10`,
    `holdfast_channel_sent_bytes_total{${labels},peer="agent"} 20`,
    `holdfast_channel_last_used_timestamp_seconds{${labels},peer="agent"} 1767323046.5`,
    `holdfast_channel_refusals_total{${labels},reason="channel.identity"} 3`,
    'process_start_time_seconds 1767323045',
    'holdfast_jobs{kind="job",enabled="true"} 3',
    'holdfast_runs{state="queued",kind="backup"} 4',
    'holdfast_oldest_wait_seconds 61',
    'holdfast_notifications{state="waiting"} 5',
    'holdfast_repositories 2',
    'holdfast_repository_stored_bytes{tenant="local",repository="first"} 700',
    'holdfast_repository_last_success_timestamp_seconds{tenant="local",repository="first",kind="check"} 1767323047',
    'holdfast_database_latency_seconds 0.0025',
  ])
    assert.ok(metrics.includes(`\n${line}\n`), `${line}\n\n${metrics}`);
});

test('Prometheus itself finds nothing wrong with them', { skip: skipUnless({ programs: ['promtool'] }) }, () => {
  const check = (input: string) =>
    spawnSync(requireProgram('promtool').path, ['check', 'metrics'], { input, encoding: 'utf8' });
  const checked = check(metrics);
  assert.equal(`${checked.stdout}${checked.stderr}`, '');
  assert.equal(checked.status, 0);
  assert.notEqual(check(metrics.replace(' counter\n', ' contour\n')).status, 0);
});
