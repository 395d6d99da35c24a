import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChannelReport } from '@holdfast/wire';
import { FleetCounts } from './fleet-counts.ts';

interface Numbers {
  readonly since?: string;
  readonly connections?: number;
  readonly open?: number;
  readonly refused?: number;
  readonly lastUsedAt?: string;
}

function report({
  since = '2026-01-01',
  connections = 0,
  open = 0,
  refused = 0,
  lastUsedAt = '01',
}: Numbers): ChannelReport {
  return {
    process: 'agent',
    since,
    traffic: [
      {
        ...{ channel: 'posix-agent-control', direction: 'out', peer: 'server', connections, openConnections: open },
        ...{ receivedBytes: connections * 10, sentBytes: connections * 100, lastUsedAt },
      },
    ],
    refusals: [
      {
        channel: 'posix-agent-control',
        direction: 'out',
        reason: 'channel.timeout',
        count: refused,
        lastAt: lastUsedAt,
      },
    ],
  };
}

/** Connections, open ones, bytes, refusals and last use of the only channel, and how many agents answered. */
function shown(fleet: FleetCounts): readonly unknown[] {
  const [agents] = fleet.roles();
  const [traffic] = agents?.traffic ?? [];
  return [
    traffic?.connections,
    traffic?.openConnections,
    traffic?.receivedBytes,
    traffic?.sentBytes,
    agents?.refusals[0]?.count,
    traffic?.lastUsedAt,
    agents?.answering,
  ];
}

test('sums grow by what computers have done since they were asked last, and never go back', () => {
  const fleet = new FleetCounts();
  const add = (...all: readonly (Numbers & { id: string })[]): readonly unknown[] => {
    fleet.add(all.map(({ id, ...numbers }) => ({ id, role: 'agent', report: report(numbers) })));
    return shown(fleet);
  };
  // What was before this server began is no growth; when it was used last is known.
  assert.deepEqual(add({ id: 'a', connections: 50, open: 1, refused: 7, lastUsedAt: '05' }), [0, 1, 0, 0, 0, '05', 1]);
  assert.deepEqual(add({ id: 'a', connections: 52, open: 1, refused: 8 }, { id: 'b', connections: 9, open: 2 }), [
    ...[2, 3, 20, 200, 1],
    ...['05', 2],
  ]);
  // A crash lost some of what it had counted; another began anew; a third is not there.
  const changed = { id: 'b', since: '2026-02-01', connections: 3, refused: 1, lastUsedAt: '09' };
  assert.deepEqual(add({ id: 'a', connections: 51 }, changed), [5, 0, 50, 500, 2, '09', 2]);
  assert.deepEqual(add({ id: 'b', since: '2026-02-01', connections: 4, refused: 1 }), [6, 0, 60, 600, 2, '09', 1]);
  assert.deepEqual(add(), [6, 0, 60, 600, 2, '09', 0]);
  assert.equal(fleet.reportOf('a')?.traffic[0]?.connections, 51);
  // A computer that is gone for good takes nothing with it, and one of the same name begins as a new one.
  fleet.retain(new Set(['b']));
  assert.equal(fleet.reportOf('a'), undefined);
  assert.deepEqual(add({ id: 'a', connections: 60 }), [6, 0, 60, 600, 2, '09', 1]);
});

test('roles are told apart', () => {
  const fleet = new FleetCounts();
  fleet.add([
    { id: 'a', role: 'agent', report: report({ open: 1 }) },
    { id: 'm', role: 'mover', report: { ...report({ open: 4 }), process: 'mover' } },
  ]);
  assert.deepEqual(
    fleet.roles().map(({ role, answering, traffic }) => [role, answering, traffic[0]?.openConnections]),
    [
      ['agent', 1, 1],
      ['mover', 1, 4],
    ],
  );
});
