import { parentPort } from 'node:worker_threads';
import { HoldfastError, toHoldfastError } from '@holdfast/core';
import { endOfThread } from '@holdfast/native';
import type { Assignment, Reply } from './thread-pool.ts';

/** The other end of a ThreadPool: runs jobs one after the other, each to its end. */
export function serveJobs<Job, Result, Event>(
  handle: (job: Job, emit: (event: Event) => void) => { result: Result; transfer?: ArrayBuffer[] },
): void {
  const port = parentPort;
  if (port === null)
    throw new HoldfastError('internal.unexpected', { message: 'This file only runs as a worker thread.' });
  const post = (reply: Reply<Result, Event>, transfer: ArrayBuffer[] = []): void => port.postMessage(reply, transfer);
  const emit = (event: Event): void => post({ event });
  port.on('message', (message: Assignment<Job> | typeof endOfThread) => {
    if (message === endOfThread) return port.close();
    const { number, job } = message;
    try {
      const { result, transfer } = handle(job, emit);
      post({ number, result }, transfer);
    } catch (error) {
      post({ number, error: toHoldfastError(error).toJSON() });
    }
  });
}
