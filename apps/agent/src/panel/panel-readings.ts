import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type PanelParams, reportOf, type Task, type TaskRegistry } from '@holdfast/protocol';
import { securityHeaders } from '@holdfast/wire';
import { panelStallMs } from '../limits.ts';
import type { Policies } from '../policies/policies.ts';

type ReadTask = Extract<Task, { kind: 'read' }>;

/** What is found in the backups of a policy, in pieces of lines of JSON, as it comes. Whoever leaves ends the task. */
export type PanelReader = (params: PanelParams<'read'>, signal: AbortSignal) => AsyncGenerator<Buffer>;

/** Reads with the policy's own grant, as a task of its own. */
export function panelReader(o: { readonly policies: Policies; readonly tasks: TaskRegistry }): PanelReader {
  return async function* ({ policyId, listing }, signal) {
    const { access } = o.policies.require(policyId).task;
    yield* outputOf(o.tasks, { access, reading: listing }, signal);
  };
}

async function* outputOf(
  tasks: TaskRegistry,
  task: Omit<ReadTask, 'kind'>,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const taskId = crypto.randomUUID();
  tasks.begin({ run: taskId }, { kind: 'read', ...task });
  let isWhole = false;
  try {
    while (!isWhole) {
      const { bytes, ended } = await tasks.read(taskId, signal);
      yield Buffer.from(bytes, 'base64');
      isWhole = ended;
    }
  } finally {
    if (!isWhole) tasks.cancel(taskId);
  }
}

/**
 * Sends them as fast as the page takes them. Throws what went wrong before the first of them; later failures are the last line, as
 * lines have gone out already.
 */
export async function sendLines(
  res: ServerResponse,
  pieces: AsyncGenerator<Buffer>,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const begin = (): void =>
    void (res.headersSent || res.writeHead(200, { ...securityHeaders, 'content-type': 'application/x-ndjson' }));
  try {
    for await (const piece of pieces) {
      begin();
      if (piece.length > 0 && !res.write(piece))
        await once(res, 'drain', { signal: AbortSignal.any([signal, AbortSignal.timeout(panelStallMs)]) });
    }
    begin();
    res.end();
  } catch (error) {
    if (!res.headersSent) throw error;
    // Nobody takes what is said.
    if (res.writableNeedDrain) res.destroy();
    else res.end(`${JSON.stringify({ kind: 'failed', problem: reportOf(error) })}\n`);
  }
}
