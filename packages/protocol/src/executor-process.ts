import { Duplex, type Readable, type Writable } from 'node:stream';
import { z } from 'zod';
import { entityId, leaseNonce } from './names.ts';
import { outputPiece } from './task-output.ts';
import { taskEvent, task as taskMessage, taskOutcome } from './tasks.ts';

/** Who starts a process that opens a repository, and stands between it and the repository. */
export const executorPlace = z.enum(['mover', 'agent']);
export type ExecutorPlace = z.infer<typeof executorPlace>;

/**
 * What a mover, or an agent, and the short-lived process that opens a repository say to each other over that process's standard input and output.
 * The repository's key is in that process's memory only; the mover passes it on and keeps none. A process is for one task, or, while
 * somebody looks around, for all that is only read in one repository.
 */
export const executorMethods = {
  execute: {
    params: z.strictObject({
      /** Names the task for the other calls. */
      taskId: entityId,
      task: taskMessage,
      place: executorPlace,
      /** The local socket there, and what admits this process to the task's repository on it. */
      socket: z.string().max(4_096),
      secret: leaseNonce,
      /** For drills: an empty folder of this task alone, which is removed when the process has ended. */
      sandbox: z.string().max(4_096).optional(),
    }),
    result: taskOutcome,
    event: taskEvent,
  },
  renew: {
    params: z.strictObject({ taskId: entityId, grant: z.string().max(8_192) }),
    result: z.object({}),
    event: z.never(),
  },
  /** Answered when the task has ended: one that was cancelled first gives back its lock. */
  settle: { params: z.strictObject({ taskId: entityId }), result: z.object({}), event: z.never() },
  /** The next bytes of the task's output; waits for them. */
  read: { params: z.strictObject({ taskId: entityId }), result: outputPiece, event: z.never() },
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
