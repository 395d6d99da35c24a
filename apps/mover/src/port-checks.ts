import type { Duplex } from 'node:stream';
import type { Clock } from '@holdfast/core';
import type { FirewallLeases } from '@holdfast/firewall/leases';
import { CallPeer, type Handlers, portHandlers, type TaskMethods, taskMethods } from '@holdfast/protocol';
import type { MoverConfig } from './config.ts';

/** Answers the server's calls about the network on a stream, until it ends. */
export type ServePorts = (stream: Duplex) => Promise<void>;

/** This mover's part in checks and audits of the network. */
export function portService(o: {
  readonly config: MoverConfig;
  readonly caPem: () => string;
  /** Of the host's own firewall, where it opens ports for single peers. */
  readonly leases: Pick<FirewallLeases, 'lease'> | undefined;
  /** The port that stands for 6162 here. */
  readonly port: () => number;
  readonly clock: Clock;
}): ServePorts {
  const { bind, ports } = o.config;
  const handlers: Handlers<TaskMethods> = portHandlers({
    process: 'mover',
    bind,
    overrides: ports,
    ownPorts: () => [o.port()],
    caPem: o.caPem,
    leases: o.leases,
    // Loaded where it is needed.
    audit: async (...asked) => (await import('@holdfast/firewall/audit')).auditInThread(...asked),
  });
  return async (stream) => {
    await using peer = new CallPeer<TaskMethods>({ stream, methods: taskMethods, handlers, clock: o.clock });
    await peer.closed;
  };
}
