import { createHash } from 'node:crypto';
import type { Vault } from '../vault.ts';

/** What belongs to the view through which a run restores. */
export interface ViewOfRun {
  readonly taskId: string;
  /** The executor's session at the mover. */
  readonly sessionId: string;
  /** What the view is sealed with. */
  readonly key: string;
}

/**
 * All of it follows from the run's id and the server's key, so that a server that has started again, or another instance, attaches to
 * the same view, and an executor that was lost makes it once more. Each attempt is a task of its own: one that has ended stays ended.
 */
export function viewOfRun(runId: string, o: { readonly vault: Vault; readonly attempt: number }): ViewOfRun {
  const half = (number: number): Buffer => Buffer.from(o.vault.mac('snapshot-view', `${runId}/${number}`), 'hex');
  return {
    taskId: derivedId(`holdfast-view-task:${runId}:${o.attempt}`),
    sessionId: derivedId(`holdfast-view-session:${runId}`),
    key: Buffer.concat([half(1), half(2)]).toString('base64url'),
  };
}

/** A UUID of version 8 (RFC 9562, 5.8). */
function derivedId(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
