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
