import type { Duplex } from 'node:stream';
import { HoldfastError, toHoldfastError } from '@holdfast/core';
import {
  encodeFrame,
  type LocalAnswer,
  limits,
  localRequest,
  newRelayId,
  parseMessage,
  readSingleFrame,
  reportOf,
} from '@holdfast/protocol';
import type { Connection } from '@holdfast/wire';
import { maxLocalAgents, maxPendingLocal, maxRelaysPerAgent, relayPickupMs } from './limits.ts';

interface Registered {
  readonly control: Duplex;
  relays: number;
}

/**
 * The agents of this computer, registered over the local socket. The socket's permissions decide who may register; a false
 * registration can only deny the connection, because what flows through a relay is TLS between server and agent.
 */
export class LocalAgents {
  readonly #moverId: string;
  readonly #folders: readonly string[];
  readonly #onRefused: (error: HoldfastError) => void;
  readonly #onExecutor: (secret: string, connection: Connection) => void;
  readonly #agents = new Map<string, Registered>();
  readonly #waiting = new Map<string, (stream: Duplex) => void>();
  #pending = 0;

  constructor(options: {
    moverId: string;
    /** Of this mover, on this computer: agents leave them out where they back up all of it. */
    folders: readonly string[];
    onRefused: (error: HoldfastError) => void;
    /** Takes the connection of a process that shows the secret it was started with. Throws for a wrong one. */
    onExecutor: (secret: string, connection: Connection) => void;
  }) {
    this.#moverId = options.moverId;
    this.#folders = options.folders;
    this.#onRefused = options.onRefused;
    this.#onExecutor = options.onExecutor;
  }

  list(): string[] {
    return [...this.#agents.keys()];
  }

  /** Takes a new connection of the local socket. */
  accept(connection: Connection): void {
    const { stream } = connection;
    stream.on('error', () => stream.destroy());
    if (this.#pending >= maxPendingLocal) {
      stream.destroy();
      return;
    }
    this.#pending += 1;
    void this.#greet(connection).finally(() => {
      this.#pending -= 1;
    });
  }

  async #greet(connection: Connection): Promise<void> {
    const { stream } = connection;
    try {
      const request = parseMessage(localRequest, await readSingleFrame(stream), 'A message on the local socket');
      if (request.type === 'relay') {
        this.#pickUp(request.relayId, stream);
        return;
      }
      if (request.type === 'execute') {
        this.#onExecutor(request.secret, connection);
        return;
      }
      if (request.protocolVersion !== limits.protocolVersion)
        throw new HoldfastError('version.unsupported', {
          message: `The agent speaks version ${request.protocolVersion} of the protocol, this mover ${limits.protocolVersion}.`,
        });
      this.#register(request.agentId, stream);
    } catch (error) {
      const refusal = toHoldfastError(error);
      this.#onRefused(refusal);
      if (!stream.destroyed) {
        stream.end(answer({ type: 'refused', error: { ...reportOf(refusal), context: {} } }));
        // Who does not close after a refusal is cut.
        stream.resume();
        const cut = setTimeout(() => stream.destroy(), limits.localHandshakeTimeoutMs);
        stream.once('close', () => clearTimeout(cut));
      }
    }
  }

  #register(agentId: string, control: Duplex): void {
    const before = this.#agents.get(agentId);
    if (!before && this.#agents.size >= maxLocalAgents)
      throw new HoldfastError('internal.limit', {
        message: `More than ${maxLocalAgents} agents are registered on this computer.`,
      });
    // An agent that was started again comes before its old connection is seen to end.
    before?.control.destroy();
    const registered: Registered = { control, relays: 0 };
    this.#agents.set(agentId, registered);
    control.once('close', () => {
      if (this.#agents.get(agentId) === registered) this.#agents.delete(agentId);
    });
    // Nothing more is expected from the agent on this stream; its end is the end of the registration.
    control.once('end', () => control.destroy());
    control.resume();
    const { protocolVersion } = limits;
    control.write(answer({ type: 'registered', protocolVersion, moverId: this.#moverId, folders: [...this.#folders] }));
  }

  #pickUp(relayId: string, stream: Duplex): void {
    const pickedUp = this.#waiting.get(relayId);
    if (!pickedUp) throw new HoldfastError('request.missing', { message: 'Nobody waits for that relay any more.' });
    this.#waiting.delete(relayId);
    stream.write(answer({ type: 'relayed' }));
    pickedUp(stream);
  }

  /**
   * A raw stream to a registered agent. `request.missing` when it has not registered; `run.timeout` when it does not pick the
   * relay up. Disposing gives back its place among the agent's relays.
   */
  async relay(agentId: string, signal: AbortSignal): Promise<{ stream: Duplex } & Disposable> {
    const registered = this.#agents.get(agentId);
    if (!registered)
      throw new HoldfastError('request.missing', {
        message: `Agent ${agentId} has not registered with the mover of its computer.`,
        guidance: 'Check that the agent runs there, and that it has the same local socket configured as the mover.',
      });
    if (registered.relays >= maxRelaysPerAgent)
      throw new HoldfastError('internal.limit', {
        message: `Agent ${agentId} has ${registered.relays} connections through its mover already.`,
      });
    registered.relays += 1;
    const release = {
      [Symbol.dispose]: () => {
        registered.relays -= 1;
      },
    };
    try {
      return { stream: await this.#offer(agentId, registered, signal), ...release };
    } catch (error) {
      release[Symbol.dispose]();
      throw error;
    }
  }

  async #offer(agentId: string, registered: Registered, signal: AbortSignal): Promise<Duplex> {
    const relayId = newRelayId();
    const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
    const limit = AbortSignal.any([signal, AbortSignal.timeout(relayPickupMs)]);
    const onAbort = (): void =>
      reject(
        signal.aborted
          ? toHoldfastError(signal.reason)
          : new HoldfastError('run.timeout', {
              message: `Agent ${agentId} did not answer its mover within ${relayPickupMs / 1000} s.`,
            }),
      );
    const onGone = (): void =>
      reject(
        new HoldfastError('channel.closed', {
          message: `Agent ${agentId} left its mover before it took the connection.`,
        }),
      );
    limit.addEventListener('abort', onAbort, { once: true });
    registered.control.once('close', onGone);
    this.#waiting.set(relayId, resolve);
    try {
      registered.control.write(encodeFrame({ type: 'relay', relayId }));
      return await promise;
    } finally {
      this.#waiting.delete(relayId);
      limit.removeEventListener('abort', onAbort);
      registered.control.off('close', onGone);
    }
  }
}

function answer(message: LocalAnswer): Buffer {
  return encodeFrame(message);
}
