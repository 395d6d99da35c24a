// socket exception: looks which ports are free
import { createServer } from 'node:net';

/** Below those that outgoing connections are given (32768 to 60999 on Linux), apart from the contract's. */
const portRange = { from: 12_000, to: 20_000 };
const givenPorts = new Set<number>();

/**
 * A port of loopback that nobody listens on, and that no connection of anybody else gets before the test does. No process is
 * given one twice.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = portRange.from + Math.floor(Math.random() * (portRange.to - portRange.from));
    if (givenPorts.has(port)) continue;
    givenPorts.add(port);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    // socket exception: only to see whether it can be had
    server.listen({ host: '127.0.0.1', port }, () => server.close(() => resolve(true)));
  });
}
