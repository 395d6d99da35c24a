/** A mover as a process of its own, for tests that kill it: `node mover-process.ts DATA STORAGE` prints its port. */
import { pino } from 'pino';
import { moverConfigSchema } from '../config.ts';
import { startMover } from '../mover.ts';

const [, , dataDir, storageRoot] = process.argv;
if (dataDir === undefined) throw new Error('no data directory');
const config = moverConfigSchema.parse({
  storageRoot,
  bind: '127.0.0.1',
  server: { host: '127.0.0.1' },
  ports: {
    'server-to-mover': 0,
    'agent-to-mover-transport': 0,
    'client-to-mover': 0,
    'server-to-agent-transport': 0,
    'mover-to-agent-transport': 0,
  },
});
const mover = await startMover({ dataDir, config, logger: pino({ level: 'silent' }) });
process.stdout.write(`port ${mover.port}\n`);
process.once('SIGTERM', () => void mover[Symbol.asyncDispose]());
