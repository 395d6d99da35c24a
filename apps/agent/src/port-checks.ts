import type { FirewallLeases } from '@holdfast/firewall/leases';
import { type Handlers, portHandlers, type TaskMethods } from '@holdfast/protocol';
import type { AgentConfig } from './config.ts';

/** This agent's part in checks and audits of the network. */
export function agentPortHandlers(o: {
  readonly config: AgentConfig;
  readonly caPem: () => string;
  /** Of the host's own firewall, where it opens ports for single peers. */
  readonly leases: Pick<FirewallLeases, 'lease'> | undefined;
  /** Of the agent's service, where it has one. */
  readonly servicePort: () => number | undefined;
}): Pick<Handlers<TaskMethods>, 'ports.listen' | 'ports.try' | 'ports.audit'> {
  const { bind, ports } = o.config;
  return portHandlers({
    process: 'agent',
    bind,
    overrides: ports,
    ownPorts: () => [o.servicePort() ?? []].flat(),
    caPem: o.caPem,
    leases: o.leases,
    // Loaded where it is needed.
    audit: async (...asked) => (await import('@holdfast/firewall/audit')).auditInThread(...asked),
  });
}
