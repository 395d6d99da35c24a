import { toHoldfastError } from '@holdfast/core';
import { sessionStatus } from '@holdfast/protocol';
import type { ComputerRow } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import type { ActiveRun } from './active-run.ts';

/** Closes the session of a run, or of what goes on beside it, at its mover. Never fails. */
export async function closeSession(
  run: ActiveRun,
  { mover, sessionId, isMain }: { readonly mover: ComputerRow; readonly sessionId: string; readonly isMain: boolean },
  movers: Pick<Movers, 'links'>,
): Promise<void> {
  try {
    const path = `/sessions/${sessionId}${logAfter(run)}`;
    const { log, ...status } = await movers.links.request(mover, { method: 'DELETE', path, answer: sessionStatus });
    if (isMain) for (const line of log) run.log.take('mover', line);
    run.log.logger.info({ moverSession: status }, 'session closed');
  } catch (error) {
    // It may never have been opened. One that stays open admits one agent to its own repository, until it is idle.
    run.log.logger.debug({ error: toHoldfastError(error) }, 'session not closed');
  }
}

/** Of the mover's log of the session, what is not known yet. */
export function logAfter(run: ActiveRun): string {
  return `?logAfter=${encodeURIComponent(run.log.lastOfMover)}`;
}
