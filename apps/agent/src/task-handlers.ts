import { type Handlers, type TaskMethods, type TaskRegistry, taskHandlers } from '@holdfast/protocol';
import type { ChannelReport, Wire } from '@holdfast/wire';
import type { Logger } from 'pino';

/** What this agent answers to its server, whichever connection a call comes over. */
export function agentHandlers(options: {
  readonly registry: TaskRegistry;
  readonly wire: Wire;
  /** How its channels were used in all. */
  readonly report: () => ChannelReport;
  readonly platform: NodeJS.Platform;
  /** The ports that this agent really listens on, by channel. */
  readonly ports: () => Readonly<Record<string, number>>;
  /** Its part in checks and audits of the network. */
  readonly portChecks: Pick<Handlers<TaskMethods>, 'ports.listen' | 'ports.try' | 'ports.audit'>;
  /** The server's policies for this agent may have changed. */
  readonly onPolicies: () => void;
  readonly log: Logger;
}): Handlers<TaskMethods> {
  const { registry, wire, platform, ports, log } = options;
  return {
    ...taskHandlers({
      registry,
      platform,
      ports,
      onTask: (ids, { kind, access }) => log.info({ ...ids, kind, repository: access.repository }, 'task'),
      onLost: (run, error) => log.debug({ run, error }, 'lost an event'),
    }),
    'channels.use': async () => ({ channels: wire.use(), report: options.report() }),
    'policies.look': async () => {
      options.onPolicies();
      return {};
    },
    ...options.portChecks,
  };
}
