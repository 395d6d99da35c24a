/**
 * Run inside a network namespace: devices and programs that are none of Holdfast's. `middlebox.ts MODE PORT [ADDRESS PORT]`;
 * prints `ready`, and ends with the process that
 * started it.
 */
// socket exception: plays devices that know nothing of channels
import { connect, createServer, type Socket } from 'node:net';
// socket exception: plays a device that intercepts TLS
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { createTestInstallation } from '@holdfast/wire/testing';

const [, , mode, ownPort = '0', address = '', port = '0'] = process.argv;

function outlive(socket: Socket): Socket {
  return socket.on('error', () => socket.destroy());
}

/** Both ways, until one end goes. */
function join(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.pipe(to);
    from.on('close', () => to.destroy());
  }
}

/** A certificate of its own in the place of the real one, as devices do that read encrypted streams. */
async function intercept() {
  const authority = await createTestInstallation('proxy');
  const { certificatePem: cert, privateKeyPem: key } = await authority.issue({ role: 'mover' });
  return createTlsServer(
    { cert, key, minVersion: 'TLSv1.3', ALPNCallback: ({ protocols: [first] }) => first },
    (near: TLSSocket) => {
      const ALPNProtocols = typeof near.alpnProtocol === 'string' ? [near.alpnProtocol] : [];
      // socket exception: plays a device that intercepts TLS
      const far = connectTls({ host: address, port: Number(port), rejectUnauthorized: false, ALPNProtocols });
      outlive(near);
      outlive(far);
      join(near, far);
    },
  );
}

/** Ends what was silent for two seconds, both ways. */
function endIdle(near: Socket): void {
  const far = outlive(connect({ host: address, port: Number(port) }));
  outlive(near);
  join(near, far);
  near.setTimeout(2_000, () => near.resetAndDestroy());
}

const modes = {
  silent: () => createServer(outlive),
  close: () => createServer((socket) => outlive(socket).destroy()),
  greet: () => createServer((socket) => outlive(socket).write('220 mail.example.com ESMTP\r\n')),
  'end-idle': () => createServer(endIdle),
  intercept,
} as const;

const make = modes[mode as keyof typeof modes];
const server = await make();
// socket exception: plays devices that know nothing of channels
server.listen({ host: '0.0.0.0', port: Number(ownPort) }, () => console.log('ready'));
process.on('disconnect', () => process.exit());
