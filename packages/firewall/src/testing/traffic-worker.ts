// socket exception: plays a neighbour that connects to whatever it likes; no channel of ours is involved.
import { connect } from 'node:net';
import type { Attempt } from './two-hosts.ts';

/**
 * Within one machine an answer takes microseconds; a dropped packet never has one. The first packet may be lost while a
 * neighbour is looked for: the kernel sends it again after a second.
 */
const answerLimitMs = 2_500;

function isAnswered({ from, to, port }: Attempt): Promise<boolean> {
  return new Promise((resolve) => {
    // socket exception: see above.
    const socket = connect({ host: to, port, localAddress: from });
    const end = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    // After a stall of the machine an answer may be there as well: it comes before `setImmediate`.
    socket.setTimeout(answerLimitMs, () => setImmediate(end, false));
    socket.on('connect', () => end(true));
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED'));
  });
}

const tried = JSON.parse(process.argv[2] ?? '[]') as readonly Attempt[];
process.stdout.write(JSON.stringify(await Promise.all(tried.map(isAnswered))));
