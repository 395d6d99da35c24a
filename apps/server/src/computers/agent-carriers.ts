import type { ChannelId } from '@holdfast/contract';
import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import {
  CallPeer,
  type Degradation,
  moverApiPrefix,
  moverTasksPath,
  reportOf,
  type TaskMethods,
  taskMethods,
  taskProtocol,
} from '@holdfast/protocol';
import { type Connection, httpClient, type Wire } from '@holdfast/wire';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { agentWaitMs } from '../limits.ts';
import { withTimeLimit } from '../time-limit.ts';
import type { AgentConnections, AgentPeer } from './agent-connections.ts';
import { type ComputerRow, listComputers, portOf } from './computers.ts';

/** Where agents are dialled, unless they were installed beforehand; all others only call. */
export const dialledPlatforms: readonly ComputerRow['platform'][] = ['win32', 'linux'];

/** An agent that was reached, and how. Disposing it closes what was opened for it; a held connection stays. */
export interface ReachedAgent extends AgentPeer, AsyncDisposable {
  /** Set when the channel that the contract names for this agent could not be used. */
  readonly degradation: Degradation | undefined;
}

/** The three carriers of the task protocol, and which of them an agent is reached by. */
export class AgentCarriers {
  readonly #wire: Wire;
  readonly #connections: AgentConnections;
  readonly #clock: Clock;

  constructor(o: { wire: Wire; connections: AgentConnections; clock: Clock }) {
    this.#wire = o.wire;
    this.#connections = o.connections;
    this.#clock = o.clock;
  }

  /**
   * Reaches an agent, or a mover as the executor of its repositories, always by 6162. Agents: Windows by 6184, Linux by 6162 of its computer, others, and all that were installed
   * beforehand, by the connection that they hold. Where the dial
   * fails the held connection stands in, and the answer says so. Throws the dial's error when there is no such connection
   * either, `channel.closed` for an agent that only calls and does not.
   */
  async reach(scope: TenantScope, agent: ComputerRow, signal: AbortSignal): Promise<ReachedAgent> {
    if (agent.role === 'mover') return this.#executor(scope, agent, signal);
    const dialled = agent.preinstalled === 0 && dialledPlatforms.includes(agent.platform);
    if (!dialled) return this.#useHeld(await this.#awaitHeld(agent, undefined, signal), undefined);
    try {
      return await (agent.platform === 'win32' ? this.#dial(scope, agent, signal) : this.#relay(scope, agent, signal));
    } catch (error) {
      signal.throwIfAborted();
      const reason = toHoldfastError(error);
      const channel = agent.platform === 'win32' ? 'windows-agent-service' : 'server-to-agent-transport';
      const held = await this.#awaitHeld(agent, unreachable(agent, channel, reason), signal);
      return this.#useHeld(held, {
        channel,
        usedInstead: held.channel,
        reason: reportOf(reason),
      });
    }
  }

  async #dial(scope: TenantScope, agent: ComputerRow, signal: AbortSignal): Promise<ReachedAgent> {
    const channel = 'windows-agent-service';
    const connection = await this.#wire.dial(channel, agent.address, {
      port: portOf(agent, channel),
      peerId: agent.id,
      signal,
    });
    const place = { direction: 'out', address: agent.address, port: portOf(agent, channel) } as const;
    return this.#converse(scope, agent, connection, { channel, place, release: async () => undefined });
  }

  async #executor(scope: TenantScope, mover: ComputerRow, signal: AbortSignal): Promise<ReachedAgent> {
    const channel = 'server-to-mover';
    const port = portOf(mover, channel);
    let connection: Connection | undefined;
    const http = httpClient({
      connections: 1,
      connect: async (over) => {
        connection = await this.#wire.dial(channel, mover.address, {
          port,
          peerId: mover.id,
          signal: AbortSignal.any([signal, over]),
        });
        return connection;
      },
    });
    const release = async (): Promise<void> => {
      await http[Symbol.asyncDispose]();
    };
    try {
      const stream = await http.upgrade(moverTasksPath, taskProtocol, { signal });
      const place = { direction: 'out', address: mover.address, port } as const;
      return await this.#converse(scope, mover, { stream, peer: connection?.peer }, { channel, place, release });
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** Through the transport service of the agent's computer; TLS inside is between us and the agent. */
  async #relay(scope: TenantScope, agent: ComputerRow, signal: AbortSignal): Promise<ReachedAgent> {
    const channel = 'server-to-agent-transport';
    const port = await this.#transportPort(scope, agent);
    const http = httpClient({
      connections: 1,
      connect: (over) => this.#wire.dial(channel, agent.address, { port, signal: AbortSignal.any([signal, over]) }),
    });
    const release = async (): Promise<void> => {
      await http[Symbol.asyncDispose]();
    };
    try {
      const stream = await http.upgrade(`${moverApiPrefix}/agents/${agent.id}/tasks`, taskProtocol, { signal });
      const connection = await this.#wire.secure(stream, {
        channel,
        side: 'client',
        expect: { role: 'agent', id: agent.id },
        signal,
      });
      const place = { direction: 'out', address: agent.address, port } as const;
      return await this.#converse(scope, agent, connection, { channel, place, release });
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** What the agent reported; else where the mover of the same computer listens; else the contract's port. */
  async #transportPort(scope: TenantScope, agent: ComputerRow): Promise<number> {
    const beside = (await listComputers(scope, 'mover')).find(
      (mover) => mover.revokedAt === null && mover.hostname === agent.hostname && mover.address === agent.address,
    );
    const reported = portOf(agent, 'server-to-agent-transport');
    const contracted = portOf({ portsJson: '{}' }, 'server-to-agent-transport');
    return reported === contracted && beside ? portOf(beside, 'server-to-mover') : reported;
  }

  async #converse(
    scope: TenantScope,
    agent: ComputerRow,
    connection: Pick<Connection, 'stream' | 'peer'>,
    o: { channel: ChannelId; place: AgentPeer['place']; release: () => Promise<void> },
  ): Promise<ReachedAgent> {
    const peer = new CallPeer<TaskMethods>({
      stream: connection.stream,
      methods: taskMethods,
      handlers: {},
      clock: this.#clock,
    });
    try {
      if (!connection.peer) throw new HoldfastError('channel.identity');
      await this.#connections.greet({ peer, tenant: scope.tenant, agentId: agent.id });
      return {
        peer,
        identity: connection.peer,
        channel: o.channel,
        place: o.place,
        degradation: undefined,
        [Symbol.asyncDispose]: async () => {
          await peer[Symbol.asyncDispose]();
          await o.release();
        },
      };
    } catch (error) {
      await peer[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #awaitHeld(agent: ComputerRow, dialError: HoldfastError | undefined, signal: AbortSignal): Promise<AgentPeer> {
    return withTimeLimit({
      clock: this.#clock,
      limitMs: agentWaitMs,
      signal,
      expired: () => dialError ?? notConnected(agent),
      work: (limited) => this.#connections.wait(agent.id, limited),
    });
  }

  #useHeld(held: AgentPeer, degradation: Degradation | undefined): ReachedAgent {
    const { peer, identity, channel, place } = held;
    return { peer, identity, channel, place, degradation, [Symbol.asyncDispose]: async () => undefined };
  }
}

function notConnected(agent: ComputerRow): HoldfastError {
  return new HoldfastError('channel.closed', {
    message: `Agent ${agent.hostname} (${agent.id}) has no connection open to this server on channel posix-agent-control.`,
    guidance:
      'Start the agent, and check that it reaches this server on TCP 10006. The rule: holdfast ports list --role backup-server',
    context: { channel: 'posix-agent-control', agent: agent.id },
  });
}

/** Neither carrier led to the agent. The dial's error says what to do about the channel that should have. */
function unreachable(agent: ComputerRow, channel: ChannelId, cause: HoldfastError): HoldfastError {
  const own: ChannelId = agent.platform === 'win32' ? 'windows-agent-control' : 'posix-agent-control';
  return new HoldfastError(cause.code.startsWith('channel.') ? cause.code : 'channel.closed', {
    message: `Agent ${agent.hostname} (${agent.id}) can't be reached. On channel ${channel}: ${cause.message} And it holds no connection open on channel ${own}.`,
    guidance: `Check that the agent runs. ${cause.guidance}`,
    context: { ...cause.context, channel, agent: agent.id },
    cause,
  });
}
