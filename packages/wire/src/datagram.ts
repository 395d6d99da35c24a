import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { connectionError, type Ends } from './failure.ts';
import { datagramSettleMs } from './limits.ts';
import { bareAddress, type ResolveName } from './outside.ts';

/**
 * Sends one datagram. That it was sent says nothing about its arrival; but where nothing listens the system may tell, and then
 * the error does: for a moment that is waited for.
 */
export async function sendDatagram(ends: Ends, message: Uint8Array, resolve: ResolveName | undefined): Promise<void> {
  try {
    const host = bareAddress(ends.host);
    const address = isIP(host) === 0 ? (await (resolve?.(host) ?? lookup(host, { all: true })))[0]?.address : host;
    if (address === undefined) throw Object.assign(new Error('the name has no address'), { code: 'ENOTFOUND' });
    const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
    try {
      await new Promise<void>((done, reject) => {
        socket.on('error', reject);
        // A connected socket is told when the other end answers that nothing listens there.
        socket.connect(ends.port, address, () => {
          socket.send(message, (error) => {
            if (error) reject(error);
            else setTimeout(done, datagramSettleMs);
          });
        });
      });
    } finally {
      socket.close();
    }
  } catch (error) {
    throw connectionError(error, 'open', ends);
  }
}
