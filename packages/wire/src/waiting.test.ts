import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { readExactly } from './waiting.ts';

/** Writes to whoever connects, and tells when that is done. */
const writer = `
const { parentPort, workerData } = require('node:worker_threads');
const server = require('node:net').createServer((socket) => {
  socket.on('error', () => socket.destroy());
  if (workerData.writes) socket.write('x', () => { Atomics.store(workerData.done, 0, 1); Atomics.notify(workerData.done, 0); });
});
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

for (const writes of [true, false])
  test(`after a stall beyond the limit, what has ${writes ? '' : 'not '}arrived meanwhile decides`, async (t) => {
    const done = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(writer, { eval: true, workerData: { writes, done } });
    t.after(() => worker.terminate());
    const [port] = (await once(worker, 'message')) as [number];
    const socket = connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    const startedMs = performance.now();
    const read = readExactly(socket, 1, { timeoutMs: 20 });
    // This thread stands still until it is written, and the limit has passed.
    if (writes) Atomics.wait(done, 0, 0);
    while (performance.now() - startedMs < 40);
    if (writes) assert.equal(String(await read), 'x');
    else await assert.rejects(read, { code: 'ETIMEDOUT' });
  });
