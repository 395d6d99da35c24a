// socket exception: looks which ports are free
import { createServer } from 'node:net';

/** Below those that outgoing connections are given (32768 to 60999 on Linux), apart from the contract's and other tests' own. */
const portsToGive = { from: 12_000, to: 20_000 };
/** Whoever listens on the first port of a block has the others: so no two test files are given the same one. */
const blockSize = 100;
let block = { next: 0, end: 0 };

/** A port of loopback that nobody listens on, and that nobody else gets before or after the test does. */
export async function freePort(): Promise<number> {
  return (await freeRange(1)).from;
}

/** As many neighbouring ports. No process is given one twice, and no two processes the same one. */
export function freeRange(count: number): Promise<{ readonly from: number; readonly to: number }> {
  // One after the other: else each of many callers would take a block of its own.
  const range = turn.then(() => takeRange(count));
  turn = Promise.allSettled([range]);
  return range;
}

let turn: Promise<unknown> = Promise.resolve();

async function takeRange(count: number): Promise<{ readonly from: number; readonly to: number }> {
  if (count >= blockSize) throw new RangeError(`no block has ${count} ports to give`);
  for (;;) {
    if (block.next + count > block.end) block = await takeBlock();
    const from = block.next;
    block.next += count;
    const ports = Array.from({ length: count }, (_, index) => from + index);
    if ((await Promise.all(ports.map((port) => listens(port)))).every(Boolean)) return { from, to: from + count - 1 };
  }
}

/** A block that no other process has, ours until this process ends. */
async function takeBlock(): Promise<{ next: number; end: number }> {
  const blocks = (portsToGive.to - portsToGive.from) / blockSize;
  const start = Math.floor(Math.random() * blocks);
  for (let tried = 0; tried < blocks; tried += 1) {
    const first = portsToGive.from + blockSize * ((start + tried) % blocks);
    if (await listens(first, 'for good')) return { next: first + 1, end: first + blockSize };
  }
  throw new RangeError(`every port from ${portsToGive.from} to ${portsToGive.to} is taken`);
}

/** False where somebody else does. */
function listens(port: number, keeps?: 'for good'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    // socket exception: only to see whether it can be had
    server.listen({ host: '127.0.0.1', port }, () => {
      if (keeps === undefined) server.close(() => resolve(true));
      else resolve(server.unref().listening);
    });
  });
}
