import { createHash } from 'node:crypto';
import { chmod, mkdir, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { errnoOf, HoldfastError } from '@holdfast/core';
import type { WaitOptions } from './waiting.ts';
import { waitOn } from './waiting.ts';

/** Connections within one computer: Unix sockets, and named pipes on Windows. The file's permissions are the access control. */

/** The name to bind or connect: the path itself, or on Windows a pipe whose name is made from it. */
export function localAddress(path: string, platform: NodeJS.Platform): string {
  if (platform !== 'win32' || path.startsWith('\\\\.\\pipe\\')) return path;
  return `\\\\.\\pipe\\holdfast-${createHash('sha256').update(path.toLowerCase()).digest('hex').slice(0, 32)}`;
}

/** Linux and macOS cut longer socket paths without a word, or refuse them with an unclear error. */
const maxSocketPathBytes = 103;

export async function dialSocket(path: string, o: WaitOptions & { platform: NodeJS.Platform }): Promise<Socket> {
  const socket = connect({ path: localAddress(path, o.platform) });
  socket.on('error', () => socket.destroy());
  try {
    await waitOn(socket, ['connect'], () => (socket.readyState === 'open' ? true : undefined), o);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function bindPath(address: string, mode: number, onSocket: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(onSocket);
    server.once('error', reject);
    const done = (): void => {
      server.off('error', reject);
      resolve(server);
    };
    // The file must never be open to others, not even until chmod: libuv makes it within this call.
    const before = address.startsWith('\\\\') ? undefined : process.umask(0o777 & ~mode);
    try {
      server.listen({ path: address }, done);
    } finally {
      if (before !== undefined) process.umask(before);
    }
  });
}

/**
 * Listens on a local socket. A file that a killed process left behind is removed; one that somebody answers on is not:
 * `process.running`.
 */
export async function listenSocket(
  path: string,
  o: { mode: number; platform: NodeJS.Platform; timeoutMs: number; onSocket: (socket: Socket) => void },
): Promise<Server> {
  const address = localAddress(path, o.platform);
  const isFile = address === path;
  if (isFile) {
    if (Buffer.byteLength(path) > maxSocketPathBytes) {
      throw new HoldfastError('usage.configuration', {
        message: `The local socket's path is longer than ${maxSocketPathBytes} bytes, the system's limit: ${path}`,
        guidance: 'Choose a shorter data directory with --data.',
      });
    }
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  }
  let server: Server;
  try {
    server = await bindPath(address, o.mode, o.onSocket);
  } catch (error) {
    if (errnoOf(error) !== 'EADDRINUSE') throw error;
    if (await answers(path, o)) {
      throw new HoldfastError('process.running', {
        message: `Another process already answers on the local socket ${path}.`,
        cause: error,
      });
    }
    if (isFile) await unlink(path);
    server = await bindPath(address, o.mode, o.onSocket);
  }
  if (isFile) await chmod(path, o.mode);
  return server;
}

async function answers(path: string, o: { platform: NodeJS.Platform; timeoutMs: number }): Promise<boolean> {
  try {
    (await dialSocket(path, o)).destroy();
    return true;
  } catch (error) {
    if (['ECONNREFUSED', 'ENOENT', 'ECONNRESET'].includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
}
