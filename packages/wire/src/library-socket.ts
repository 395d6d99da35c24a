import { Socket } from 'node:net';
import type { Channel } from '@holdfast/contract';
import { HoldfastError } from '@holdfast/core';
import type { Connections } from './connection.ts';
import { connectionError } from './failure.ts';
import type { Meter } from './meter.ts';

/** Not yet connected; it counts from the moment at which it is. */
export function librarySocket(o: {
  readonly channel: Channel;
  /** This end, for messages. */
  readonly from: string;
  readonly meter: Meter;
  readonly connections: Connections;
}): Socket {
  const { channel } = o;
  if (channel.security !== 'public-tls') {
    throw new HoldfastError('usage.configuration', { message: `Channel ${channel.id} is not one for libraries.` });
  }
  const socket = new Socket();
  const onError = (error: unknown): void => {
    const failure = connectionError(error, 'connect', { channel, from: o.from, host: '', port: 0 });
    o.meter.refuse({ channel: channel.id, direction: 'out', reason: failure.code });
  };
  socket.once('error', onError);
  socket.once('connect', () => {
    socket.off('error', onError);
    const port = socket.remotePort ?? 0;
    o.connections.register({ stream: socket, channel, direction: 'out', peer: undefined, port });
  });
  return socket;
}
