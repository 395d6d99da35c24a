import { type Clock, HoldfastError } from '@holdfast/core';
import { type ChannelUseReport, reportOf, useAnswer } from '@holdfast/protocol';
import type { Wire } from '@holdfast/wire';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { AgentConnections } from '../computers/agent-connections.ts';
import { type ComputerRow, listComputers } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import { controlCallTimeoutMs } from '../limits.ts';
import { withTimeLimit } from '../time-limit.ts';

interface ProcessUse {
  readonly role: string;
  readonly id: string;
  readonly channels: ChannelUseReport[];
  readonly error?: ReturnType<typeof reportOf>;
}

interface Parts {
  readonly wire: Wire;
  readonly serverId: string;
  readonly movers: Movers;
  readonly connections: AgentConnections;
  readonly clock: Clock;
}

/** Asks every process of a tenant how much it used each channel; one that can't be asked is listed with the reason. */
export async function collectChannelUse(parts: Parts, scope: TenantScope, signal: AbortSignal): Promise<ProcessUse[]> {
  const computers = (await listComputers(scope)).filter((computer) => computer.revokedAt === null);
  const others = computers.map(async (computer): Promise<ProcessUse> => {
    const { role, id } = computer;
    try {
      return { role, id, channels: await askComputer(parts, computer, signal) };
    } catch (error) {
      signal.throwIfAborted();
      return { role, id, channels: [], error: reportOf(error) };
    }
  });
  return [{ role: 'server', id: parts.serverId, channels: ownUse(parts.wire) }, ...(await Promise.all(others))];
}

function ownUse(wire: Wire): ChannelUseReport[] {
  return wire.use().map((use) => ({ ...use, ports: [...use.ports] }));
}

async function askComputer(parts: Parts, computer: ComputerRow, signal: AbortSignal): Promise<ChannelUseReport[]> {
  if (computer.role === 'mover') {
    const answer = await parts.movers.links.request(computer, {
      method: 'GET',
      path: '/use',
      answer: useAnswer,
      signal,
    });
    return answer.channels;
  }
  const held = parts.connections.held(computer.id);
  if (!held) throw new HoldfastError('channel.closed', { message: `Agent ${computer.hostname} is not connected.` });
  const answer = await withTimeLimit({
    clock: parts.clock,
    limitMs: controlCallTimeoutMs,
    signal,
    expired: () => new HoldfastError('run.timeout', { message: `Agent ${computer.hostname} did not answer.` }),
    work: (limited) => held.peer.call('channels.use', {}, { signal: limited }),
  });
  return answer.channels;
}
