import { type Channel, channel, channels } from './channels.ts';
import type { Platform } from './roles.ts';
import { type Row, type RowId, rows } from './rows.ts';

/** A test that makes the row's connection, from and to the roles that the row names. */
export interface LiveRow {
  /** `path/of/the.test.ts › title of the test`, the path from the root of the repository. */
  readonly test: `${string} › ${string}`;
  /** Where that test was run. A test on Linux never makes a row of another platform live. */
  readonly platforms: readonly [Platform, ...Platform[]];
}

/** The rows that a test shows. A row that is neither here nor void is planned. */
export const liveRows: Partial<Record<RowId, LiveRow>> = {
  'linux-agent-to-server.control': {
    test: 'tests/src/lab/fleet.test.ts › a Linux agent holds its control connection to the server on 10006',
    platforms: ['linux'],
  },
  'server-to-linux-agent.transport': {
    test: 'tests/src/lab/fleet.test.ts › the server reaches the transport service of a Linux agent’s computer on 6162 and gives it tasks there',
    platforms: ['linux'],
  },
  // The transport service and the data-transfer service of the documents are one process here, the mover.
  'server-to-linux-agent.data-mover': {
    test: 'tests/src/lab/fleet.test.ts › the server reaches the transport service of a Linux agent’s computer on 6162 and gives it tasks there',
    platforms: ['linux'],
  },
  'server-to-linux-agent.data-channels': {
    test: 'tests/src/lab/fleet.test.ts › the mover on the server’s computer dials ports leased on a Linux agent’s computer, so that nothing need be open from the agent to it',
    platforms: ['linux'],
  },
  'agent-to-repository.transport': {
    test: 'tests/src/lab/fleet.test.ts › a Linux agent opens its session at a Linux repository on 6162',
    platforms: ['linux'],
  },
  'agent-to-linux-repository.data-channels': {
    test: 'tests/src/lab/fleet.test.ts › a Linux agent sends its data to a Linux repository over leased ports of 2500 to 3300',
    platforms: ['linux'],
  },
  'posix-agent-local.data-channels': {
    test: 'tests/src/lab/fleet.test.ts › an agent whose repository is on its own Linux computer sends its data over leased loopback ports of 2500 to 3300',
    platforms: ['linux'],
  },
  'server-to-dns.udp': {
    test: 'tests/src/lab/names.test.ts › the server resolves the names of the computers that it dials over UDP 53',
    platforms: ['linux'],
  },
  'server-to-dns.tcp': {
    test: 'tests/src/lab/names.test.ts › what does not fit into an answer over UDP the server asks for over TCP 53',
    platforms: ['linux'],
  },
};

/** The rows that can't honestly exist. They are kept, counted apart, and open nothing. */
export const voidRows: Partial<Record<RowId, string>> = {
  'standalone-agent-to-windows-gateway.smb-udp':
    'No SMB version uses UDP 445: the row is the product of a cell that joins "TCP UDP" with "137 to 139, 445". SMB to a Windows gateway runs over TCP 445.',
};

export type RowStatus =
  | { readonly id: RowId; readonly channel: Channel; readonly status: 'planned' }
  | ({ readonly id: RowId; readonly channel: Channel; readonly status: 'live' } & LiveRow)
  | { readonly id: RowId; readonly channel: Channel; readonly status: 'void'; readonly reason: string };

const channelByRow: ReadonlyMap<RowId, Channel> = new Map(
  channels.flatMap((entry) => entry.rows.map((row) => [row, entry] as const)),
);

function statusOf(row: Row): RowStatus {
  const entry = channelByRow.get(row.id);
  if (!entry) throw new TypeError(`row ${row.id} has no channel`);
  const about = { id: row.id, channel: entry };
  const reason = voidRows[row.id];
  if (reason !== undefined) return { ...about, status: 'void', reason };
  const live = liveRows[row.id];
  return live ? { ...about, status: 'live', ...live } : { ...about, status: 'planned' };
}

/** Every row with its channel and status, in the order of the rows. */
export const rowStatuses: readonly RowStatus[] = rows.map(statusOf);

export interface RowCounts {
  readonly live: number;
  readonly planned: number;
  readonly void: number;
}

export function countRows(statuses: readonly RowStatus[] = rowStatuses): RowCounts {
  const count = (wanted: RowStatus['status']): number => statuses.filter(({ status }) => status === wanted).length;
  return { live: count('live'), planned: count('planned'), void: count('void') };
}

/** True for a channel that covers nothing but void rows. Nothing may listen or dial along it, and renderers show it as off. */
export function isOff(id: Channel['id']): boolean {
  const covered = channel(id).rows;
  return covered.length > 0 && covered.every((row) => voidRows[row] !== undefined);
}
