import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import {
  type ByteAnswer,
  ContentsSink,
  type PanelParams,
  reportOf,
  type Task,
  type TaskRegistry,
} from '@holdfast/protocol';
import { securityHeaders } from '@holdfast/wire';
import { panelStallMs } from '../limits.ts';
import type { Policies } from '../policies/policies.ts';

type ReadTask = Extract<Task, { kind: 'read' }>;

/** What is found in the backups of a policy, in pieces of lines of JSON, as it comes. Whoever leaves ends the task. */
export type PanelReader = (params: PanelParams<'read'>, signal: AbortSignal) => AsyncGenerator<Buffer>;

/** A file, or a folder as a ZIP, with the line before it that says which. */
export type PanelFetcher = (params: PanelParams<'download'>, signal: AbortSignal) => AsyncGenerator<Buffer>;

/** Reads with the policy's own grant, as a task of its own. */
export function panelReader(o: { readonly policies: Policies; readonly tasks: TaskRegistry }): {
  readonly read: PanelReader;
  readonly fetch: PanelFetcher;
} {
  const accessOf = (policyId: string): ReadTask['access'] => o.policies.require(policyId).task.access;
  return {
    read: ({ policyId, listing }, signal) =>
      outputOf(o.tasks, { access: accessOf(policyId), reading: listing }, signal),
    fetch: ({ policyId, ...what }, signal) =>
      outputOf(
        o.tasks,
        { access: accessOf(policyId), reading: { what: 'contents', archive: 'zip', from: 0, ...what } },
        signal,
      ),
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
  const answer = byteAnswer(res);
  const headers = { 'content-type': 'application/x-ndjson' };
  try {
    for await (const piece of pieces) {
      if (!answer.hasBegun) answer.begin({ status: 200, headers });
      await answer.write(piece, signal);
    }
    if (!answer.hasBegun) answer.begin({ status: 200, headers });
    res.end();
  } catch (error) {
    if (!res.headersSent) throw error;
    // Nobody takes what is said.
    if (res.writableNeedDrain) res.destroy();
    else res.end(`${JSON.stringify({ kind: 'failed', problem: reportOf(error) })}\n`);
  }
}

/** Sends it for the browser to save. Throws what went wrong before it has begun; later the browser sees that it is not whole. */
export async function sendContents(
  res: ServerResponse,
  pieces: AsyncGenerator<Buffer>,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const sink = new ContentsSink(byteAnswer(res), { isPart: false, archive: 'zip' });
  try {
    for await (const piece of pieces) await sink.take(piece, signal);
    res.end();
  } catch (error) {
    if (!res.headersSent) throw error;
    res.destroy();
  }
}

function byteAnswer(res: ServerResponse): ByteAnswer {
  return {
    get hasBegun() {
      return res.headersSent;
    },
    begin: ({ status, headers }) => void res.writeHead(status, { ...securityHeaders, ...headers }),
    write: async (bytes, signal) => {
      if (bytes.byteLength > 0 && !res.write(bytes))
        await once(res, 'drain', { signal: AbortSignal.any([signal, AbortSignal.timeout(panelStallMs)]) });
    },
  };
}
