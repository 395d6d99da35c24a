import fs from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { errnoOf } from '@holdfast/core';
import { waitReadable } from '@holdfast/native';
import { type FuseReaderData, type FuseReaderMessage, sharedQueued, sharedStop } from './fuse-reader.ts';
import { mountLimits } from './mount-limits.ts';

const { fd, shared } = workerData as FuseReaderData;
const words = new Int32Array(shared);
const buffer = Buffer.allocUnsafe(mountLimits.requestMaxBytes);

function post(message: FuseReaderMessage, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

/** One request, `nothing` for now, or `over`. */
function readRequest(): Uint8Array | 'nothing' | 'over' {
  try {
    const length = fs.readSync(fd, buffer);
    return new Uint8Array(buffer.subarray(0, length));
  } catch (error) {
    const code = errnoOf(error);
    // ENOENT: the request was withdrawn before it was read.
    if (code === 'EAGAIN' || code === 'EINTR' || code === 'ENOENT') return 'nothing';
    if (code === 'ENODEV') post({ kind: 'gone' });
    else post({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
    return 'over';
  }
}

while (Atomics.load(words, sharedStop) === 0) {
  const queued = Atomics.load(words, sharedQueued);
  if (queued >= mountLimits.queuedRequests) {
    Atomics.wait(words, sharedQueued, queued, mountLimits.stopPollMs);
    continue;
  }
  const request = readRequest();
  if (request === 'over') break;
  if (request === 'nothing') waitReadable(fd, mountLimits.stopPollMs);
  else {
    Atomics.add(words, sharedQueued, 1);
    post({ kind: 'request', bytes: request }, request.buffer instanceof ArrayBuffer ? [request.buffer] : []);
  }
}
