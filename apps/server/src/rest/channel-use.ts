import { type Clock, HoldfastError } from '@holdfast/core';
import { reportOf, type UseAnswer, useAnswer } from '@holdfast/protocol';
import type { ChannelHistory, Wire } from '@holdfast/wire';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { AgentConnections } from '../computers/agent-connections.ts';
import { type ComputerRow, listComputers } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import { controlCallTimeoutMs } from '../limits.ts';
import type { FleetCounts } from '../metrics/fleet-counts.ts';
import { withTimeLimit } from '../time-limit.ts';

interface ProcessUse extends UseAnswer {
  readonly role: string;
  readonly id: string;
  readonly error?: ReturnType<typeof reportOf>;
}

export interface ChannelUseParts {
  readonly wire: Wire;
  readonly history: ChannelHistory;
  /** What computers reported that may not answer now. */
  readonly fleet: Pick<FleetCounts, 'reportOf'>;
  readonly serverId: string;
  readonly movers: Movers;
  readonly connections: AgentConnections;
  readonly clock: Clock;
}

/** Asks every process of a tenant how much it used each channel; one that can't be asked is listed with the reason. */
export async function collectChannelUse(
  parts: ChannelUseParts,
  scope: TenantScope,
  signal: AbortSignal,
): Promise<ProcessUse[]> {
  const computers = (await listComputers(scope)).filter((computer) => computer.revokedAt === null);
  const others = computers.map(async (computer): Promise<ProcessUse> => {
    const { role, id } = computer;
    try {
      return { role, id, ...(await askComputer(parts, computer, signal)) };
    } catch (error) {
      signal.throwIfAborted();
      const report = parts.fleet.reportOf(id);
      return { role, id, channels: [], ...(report ? { report } : {}), error: reportOf(error) };
    }
  });
  const own = { channels: parts.wire.use(), report: parts.history.report() };
  return [{ role: 'server', id: parts.serverId, ...own }, ...(await Promise.all(others))];
}

export async function askComputer(
  parts: Pick<ChannelUseParts, 'movers' | 'connections' | 'clock'>,
  computer: ComputerRow,
  signal: AbortSignal,
): Promise<UseAnswer> {
  if (computer.role === 'mover') {
    return await parts.movers.links.request(computer, { method: 'GET', path: '/use', answer: useAnswer, signal });
  }
  const held = parts.connections.held(computer.id);
  if (!held) throw new HoldfastError('channel.closed', { message: `Agent ${computer.hostname} is not connected.` });
  return await withTimeLimit({
    clock: parts.clock,
    limitMs: controlCallTimeoutMs,
    signal,
    expired: () => new HoldfastError('run.timeout', { message: `Agent ${computer.hostname} did not answer.` }),
    work: (limited) => held.peer.call('channels.use', {}, { signal: limited }),
  });
}
