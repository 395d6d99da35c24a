import { Duplex, type Readable, type Writable } from 'node:stream';
import { z } from 'zod';
import { leaseNonce } from './names.ts';
import { taskEvent, task as taskMessage, taskOutcome } from './tasks.ts';

/**
 * What a mover and the short-lived process that opens a repository for one task say to each other over that process's standard
 * input and output. The repository's key is in that process's memory only; the mover passes it on and keeps none.
 */
export const executorMethods = {
  execute: {
    params: z.strictObject({
      task: taskMessage,
      /** The mover's local socket, and what admits this process to the task's repository there. */
      socket: z.string().max(4_096),
      secret: leaseNonce,
      /** For drills: an empty folder of this task alone, which the mover removes when the process has ended. */
      sandbox: z.string().max(4_096).optional(),
    }),
    result: taskOutcome,
    event: taskEvent,
  },
  renew: { params: z.strictObject({ grant: z.string().max(8_192) }), result: z.object({}), event: z.never() },
} as const;
export type ExecutorMethods = typeof executorMethods;

/** Standard input and output, of this process or of another one, as one stream. */
export function joinedStream(input: Readable, output: Writable): Duplex {
  const joined = new Duplex({
    read: () => void input.resume(),
    write: (piece, _encoding, done) => void output.write(piece, done),
    final: (done) => void output.end(done),
    destroy: (error, done) => {
      input.destroy();
      output.destroy();
      done(error);
    },
  });
  input.on('data', (piece) => {
    if (!joined.push(piece)) input.pause();
  });
  input.once('end', () => joined.push(null));
  for (const half of [input, output]) {
    half.on('error', (error: Error) => joined.destroy(error));
    half.once('close', () => {
      if (!joined.readableEnded) joined.destroy();
    });
  }
  return joined;
}
