import { serverConfigSchema, startServer } from '@holdfast/server';
import { checkedConfiguration } from './configuration.ts';
import { createLogger } from './log.ts';
import { dataOf, type RoleOptions } from './role-options.ts';
import { serveRole } from './serve-role.ts';

export async function runServer(options: RoleOptions): Promise<void> {
  const config = await checkedConfiguration(serverConfigSchema, options.config);
  await serveRole(
    () => startServer({ dataDir: dataOf(options, 'server'), config, logger: createLogger('server', config.logLevel) }),
    ({ listening }) => ({ listening }),
  );
}
