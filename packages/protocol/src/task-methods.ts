import { z } from 'zod';
import { policyMethods } from './agent-policies.ts';
import { useAnswer } from './mover-api.ts';
import { entityId } from './names.ts';
import { portMethods } from './port-messages.ts';
import { outputPiece } from './task-output.ts';
import { hello, task, taskEvent, taskResult } from './tasks.ts';

/** The methods of the task protocol. */
export const taskMethods = {
  hello: { params: hello, result: hello, event: z.never() },
  /** Runs a task, or attaches to it if the agent runs it already: repeating a call after a lost connection is safe. */
  'task.run': {
    params: z.strictObject({
      taskId: entityId,
      task,
      /** What it is a task of, and the request that asked for it, for logs. */
      sessionId: entityId.optional(),
      requestId: entityId.optional(),
    }),
    result: taskResult,
    event: taskEvent,
  },
  /** Replaces the grant of a running task before it expires. */
  'task.renew': {
    params: z.strictObject({ taskId: entityId, grant: z.string().max(8192) }),
    result: z.object({}),
    event: z.never(),
  },
  /** Cancels a task whichever connection started it; with `wait` it is answered when the task has ended. */
  'task.cancel': {
    params: z.strictObject({ taskId: entityId, wait: z.literal(true).optional() }),
    result: z.object({}),
    event: z.never(),
  },
  /** The next bytes of the output of a task that has one; waits for them. */
  'task.read': { params: z.strictObject({ taskId: entityId }), result: outputPiece, event: z.never() },
  'channels.use': { params: z.strictObject({}), result: useAnswer, event: z.never() },
  ...portMethods,
  ...policyMethods,
} as const;
export type TaskMethods = typeof taskMethods;
