import { serverConfigSchema, startServer } from '@holdfast/server';
import { setUpText } from '../managed/set-up-text.ts';
import { checkedConfiguration } from './configuration.ts';
import { createLogger } from './log.ts';
import { dataOf, type RoleOptions } from './role-options.ts';
import { serveRole } from './serve-role.ts';

export async function runServer(options: RoleOptions): Promise<void> {
  const config = await checkedConfiguration(serverConfigSchema, options.config);
  await serveRole(
    () => startServer({ dataDir: dataOf(options, 'server'), config, logger: createLogger('server', config.logLevel) }),
    ({ listening, setUp }) => {
      // For people alone: whatever started this process can ask for one.
      if (setUp && !process.send) process.stderr.write(setUpText(setUp));
      return { listening };
    },
  );
}
