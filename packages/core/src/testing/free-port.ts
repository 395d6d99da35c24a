// socket exception: looks which ports are free
import { createServer } from 'node:net';

/** Below those that outgoing connections are given (32768 to 60999 on Linux), apart from the contract's and other tests' own. */
const portsToGive = { from: 12_000, to: 20_000 };
const givenPorts = new Set<number>();

/** A port of loopback that nobody listens on, and that no connection of anybody else gets before the test does. */
export async function freePort(): Promise<number> {
  return (await freeRange(1)).from;
}

/** As many neighbouring ports. No process is given one twice. */
export async function freeRange(count: number): Promise<{ readonly from: number; readonly to: number }> {
  for (;;) {
    const from = portsToGive.from + Math.floor(Math.random() * (portsToGive.to - portsToGive.from));
    const ports = Array.from({ length: count }, (_, index) => from + index);
    if (ports.some((port) => givenPorts.has(port))) continue;
    for (const port of ports) givenPorts.add(port);
    if ((await Promise.all(ports.map(isFree))).every((one) => one)) return { from, to: from + count - 1 };
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
