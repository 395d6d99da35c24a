import { moverConfigSchema, startMover } from '@holdfast/mover';
import { checkedConfiguration } from './configuration.ts';
import { createRoleLogger } from './log.ts';
import { ownExecutor } from './own-executor.ts';
import { dataOf, type RoleOptions } from './role-options.ts';
import { serveRole } from './serve-role.ts';

export async function runMover(options: RoleOptions): Promise<void> {
  const config = await checkedConfiguration(moverConfigSchema, options.config);
  const dataDir = dataOf(options, 'mover');
  await serveRole(
    () => startMover({ dataDir, config, logger: createRoleLogger('mover', { dataDir }), executor: ownExecutor() }),
    ({ id, port, portReason }) => ({
      id,
      listening: [{ channel: 'server-to-mover', host: config.bind, port, reason: portReason }],
    }),
  );
}
