/** The server that is measured, in a process of its own. */
import { once } from 'node:events';
import { startServer } from '@holdfast/server';
import { pino } from 'pino';
import type { Ready, ServerOrder } from './messages.ts';

const [order] = (await once(process, 'message')) as [ServerOrder];
process.once('disconnect', () => process.exit());
await startServer({
  dataDir: order.dataDir,
  config: {
    bind: '127.0.0.1',
    ports: {
      'client-to-server': order.ports.rest,
      'windows-agent-control': 0,
      'recovery-media-credential-sign-in': 0,
      'posix-agent-control': order.ports.control,
    },
    ...(order.database === undefined ? {} : { database: order.database }),
    // What is measured is how fast work is handed out, not how long a fleet has to wait for its storage.
    parallelRuns: 1000,
    parallelRunsPerRepository: 1000,
    parallelRunsPerMover: 1000,
  },
  logger: pino({ level: 'error' }, { write: (line) => void process.stderr.write(line) }),
});
const ready: Ready = { ready: true };
process.send?.(ready);
