import { pino } from 'pino';
import { startServer } from '../server.ts';

/** A server of its own process, for tests that kill it: `instance-process.ts FOLDER DATABASE`. Tells its port by a message. */
const [dataDir = '', database = ''] = process.argv.slice(2);
const running = await startServer({
  dataDir,
  config: {
    bind: '127.0.0.1',
    ports: {
      'client-to-server': 0,
      'windows-agent-control': 0,
      'posix-agent-control': 0,
      'recovery-media-credential-sign-in': 0,
    },
    database,
  },
  logger: pino({ level: process.env['HOLDFAST_TEST_LOG'] ?? 'silent' }),
});
process.once('disconnect', () => process.exit());
process.send?.({ port: running.portOf('posix-agent-control') });
