/** The data mover of the repository: a real one, which admits each agent and takes no byte. */
import { once } from 'node:events';
import { join } from 'node:path';
import { productVersion } from '@holdfast/core';
import { moverConfigSchema, startMover } from '@holdfast/mover';
import { enrolComputer, loadIdentity } from '@holdfast/protocol';
import { createWire } from '@holdfast/wire';
import { pino } from 'pino';
import type { MoverOrder, Ready } from './messages.ts';

const [order] = (await once(process, 'message')) as [MoverOrder];
process.once('disconnect', () => process.exit());
if (!(await loadIdentity(order.dataDir))) {
  await using wire = createWire({ role: 'data-mover', bind: '127.0.0.1' });
  await enrolComputer({
    dataDir: order.dataDir,
    wire,
    channel: 'enrolment',
    server: order.server,
    token: order.token,
    caFingerprint: order.caFingerprint,
    role: 'mover',
    productVersion,
    ports: { 'server-to-mover': order.port },
  });
}
const mover = await startMover({
  dataDir: order.dataDir,
  config: moverConfigSchema.parse({
    bind: '127.0.0.1',
    storageRoot: join(order.dataDir, 'repositories'),
    localSocket: join(order.dataDir, 'mover.sock'),
    ports: { 'server-to-mover': order.port },
  }),
  logger: pino({ level: 'error' }, { write: (line) => void process.stderr.write(line) }),
});
const ready: Ready = { ready: true, id: mover.id };
process.send?.(ready);
