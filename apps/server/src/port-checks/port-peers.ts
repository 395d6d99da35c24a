import { type Clock, HoldfastError } from '@holdfast/core';
import {
  type AuditAnswer,
  type AuditRequest,
  CallPeer,
  type ListenEvent,
  type ListenRequest,
  moverPortsPath,
  type PortHandlers,
  type TaskMethods,
  type TryEvent,
  type TryRequest,
  taskMethods,
  taskProtocol,
} from '@holdfast/protocol';
import { httpClient, type Wire } from '@holdfast/wire';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { AgentCarriers } from '../computers/agent-carriers.ts';
import type { AgentConnections } from '../computers/agent-connections.ts';
import { type ComputerRow, portOf } from '../computers/computers.ts';
import { portPeerReachMs } from '../limits.ts';
import { withTimeLimit } from '../time-limit.ts';
import type { Program } from './fleet.ts';

/** A program that does its part; disposing closes what was opened for it. */
export interface PortPeer extends AsyncDisposable {
  listen(request: ListenRequest, o: Listening): Promise<unknown>;
  dial(request: TryRequest, o: { signal: AbortSignal; onEvent: (event: TryEvent) => void }): Promise<unknown>;
  audit(request: AuditRequest, signal: AbortSignal): Promise<AuditAnswer>;
}

interface Listening {
  readonly signal: AbortSignal;
  readonly onListening: (event: ListenEvent) => void;
}

/** The programs of a fleet, over the control connections that there are. */
export class PortPeers {
  readonly #o: {
    readonly wire: Wire;
    readonly connections: AgentConnections;
    readonly carriers: AgentCarriers;
    readonly clock: Clock;
    /** This server's own part. */
    readonly own: PortHandlers;
  };

  constructor(o: {
    wire: Wire;
    connections: AgentConnections;
    carriers: AgentCarriers;
    clock: Clock;
    own: PortHandlers;
  }) {
    this.#o = o;
  }

  /** Throws what is wrong with the way there. */
  async reach(scope: TenantScope, program: Program, signal: AbortSignal): Promise<PortPeer> {
    if (program.process === 'server') return localPeer(this.#o.own);
    if (program.process === 'mover') return await this.#mover(program.computer, signal);
    const held = this.#o.connections.held(program.computer.id);
    if (held) return remotePeer(held.peer, async () => undefined);
    const { computer } = program;
    const reached = await withTimeLimit({
      clock: this.#o.clock,
      limitMs: portPeerReachMs,
      signal,
      expired: () =>
        new HoldfastError('channel.closed', {
          message: `The agent on ${computer.hostname} holds no connection to this server, and could not be reached within ${portPeerReachMs / 1000} s.`,
        }),
      work: (limited) => this.#o.carriers.reach(scope, computer, limited),
    });
    return remotePeer(reached.peer, async () => reached[Symbol.asyncDispose]());
  }

  async #mover(mover: ComputerRow, signal: AbortSignal): Promise<PortPeer> {
    if (mover.preinstalled === 1)
      throw new HoldfastError('channel.closed', {
        message: `The server does not dial the mover on ${mover.hostname}: it was installed beforehand.`,
      });
    const port = portOf(mover, 'server-to-mover');
    await using stack = new AsyncDisposableStack();
    const http = stack.use(
      httpClient({
        connections: 1,
        connect: (over) =>
          this.#o.wire.dial('server-to-mover', mover.address, {
            port,
            peerId: mover.id,
            signal: AbortSignal.any([signal, over]),
          }),
      }),
    );
    const stream = await http.upgrade(moverPortsPath, taskProtocol, { signal });
    const { clock } = this.#o;
    const peer = stack.use(new CallPeer<TaskMethods>({ stream, methods: taskMethods, handlers: {}, clock }));
    const open = stack.move();
    return remotePeer(peer, async () => open.disposeAsync());
  }
}

function remotePeer(peer: CallPeer<TaskMethods>, release: () => Promise<void>): PortPeer {
  return {
    listen: (request, { signal, onListening }) => peer.call('ports.listen', request, { signal, onEvent: onListening }),
    dial: (request, o) => peer.call('ports.try', request, o),
    audit: (request, signal) => peer.call('ports.audit', request, { signal }),
    [Symbol.asyncDispose]: release,
  };
}

function localPeer(own: PortHandlers): PortPeer {
  const none = async (): Promise<void> => undefined;
  return {
    listen: (request, { signal, onListening }) =>
      own['ports.listen'](request, { signal, emit: async (event) => onListening(event) }),
    dial: (request, { signal, onEvent }) =>
      own['ports.try'](request, { signal, emit: async (event) => onEvent(event) }),
    audit: (request, signal) => own['ports.audit'](request, { signal, emit: none }),
    [Symbol.asyncDispose]: none,
  };
}
