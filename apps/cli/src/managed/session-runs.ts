import { HoldfastError } from '@holdfast/core';
import type { RestClient, Run, Session } from '@holdfast/protocol';

/** The tasks of a session, newest first. */
export async function runsOf(client: RestClient, session: Session, signal: AbortSignal): Promise<Run[]> {
  return client.list('runs', { query: { sessionId: session.id }, signal });
}

/** The task of a session that has just been started for one computer. */
export async function onlyRunOf(client: RestClient, session: Session, signal: AbortSignal): Promise<Run> {
  const [run, another] = await runsOf(client, session, signal);
  if (run && !another) return run;
  throw new HoldfastError('internal.unexpected', { message: `Session ${session.id} has not exactly one task.` });
}
