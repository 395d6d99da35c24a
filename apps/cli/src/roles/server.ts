import { serverConfigSchema, startServer } from '@holdfast/server';
import { setUpText } from '../managed/set-up-text.ts';
import { checkedConfiguration } from './configuration.ts';
import { createRoleLogger } from './log.ts';
import { dataOf, type RoleOptions } from './role-options.ts';
import { serveRole } from './serve-role.ts';

export async function runServer(options: RoleOptions): Promise<void> {
  const config = await checkedConfiguration(serverConfigSchema, options.config);
  const dataDir = dataOf(options, 'server');
  await serveRole(
    () => startServer({ dataDir, config, logger: createRoleLogger('server', { dataDir, level: config.logLevel }) }),
    ({ listening, setUp }) => {
      // For people alone: whatever started this process can ask for one.
      if (setUp && !process.send) process.stderr.write(setUpText(setUp));
      return { listening };
    },
  );
}
