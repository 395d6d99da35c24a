import { join } from 'node:path';
import { agentConfigSchema, startAgent } from '@holdfast/agent';
import { checkedConfiguration } from './configuration.ts';
import { createRoleLogger } from './log.ts';
import { ownExecutor } from './own-executor.ts';
import { dataOf, type RoleOptions } from './role-options.ts';
import { serveRole } from './serve-role.ts';

/** Where the mover of this computer listens unless it was told otherwise. */
function defaultMoverSocket(): string {
  return join(dataOf({}, 'mover'), 'mover.sock');
}

export async function runAgent(options: RoleOptions): Promise<void> {
  const config = await checkedConfiguration(agentConfigSchema, options.config);
  const dataDir = dataOf(options, 'agent');
  await serveRole(
    () =>
      startAgent({
        dataDir,
        config: { ...config, moverSocket: config.moverSocket ?? defaultMoverSocket() },
        logger: createRoleLogger('agent', { dataDir, level: config.logLevel }),
        executor: ownExecutor(),
      }),
    ({ id, servicePort, panel }) => ({
      id,
      listening: [
        ...(servicePort === undefined
          ? []
          : [{ channel: 'windows-agent-service', host: config.bind, port: servicePort }]),
        ...(panel === undefined
          ? []
          : [{ channel: 'agent-control-panel', host: '127.0.0.1', port: panel.port, reason: panel.reason }]),
      ],
    }),
  );
}
