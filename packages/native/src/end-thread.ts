import type { Worker } from 'node:worker_threads';
import { threadEndMs } from './limits.ts';

/** The last message to a thread: it closes its port, and ends when it has done what it was given before. */
export const endOfThread = 'end of thread';

/**
 * Ends a thread, by force only after a while. One that is stopped while it loads native code takes the whole process with it,
 * because an error is thrown where nothing can be thrown any more; and the files that it has just opened stay open.
 */
export async function endThread(worker: Worker): Promise<void> {
  // Node's number of a thread that has ended.
  if (worker.threadId === -1) return;
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  worker.once('exit', resolve);
  worker.postMessage(endOfThread);
  const timer = setTimeout(resolve, threadEndMs);
  await ended;
  clearTimeout(timer);
  await worker.terminate();
}
