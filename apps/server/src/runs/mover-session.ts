import { toHoldfastError } from '@holdfast/core';
import { sessionStatus } from '@holdfast/protocol';
import type { ReachedAgent } from '../computers/agent-carriers.ts';
import type { ComputerRow } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import type { ActiveRun } from './active-run.ts';
import type { RunPlan } from './run-plan.ts';

/**
 * Opens the session of a run at its mover, or says again that it is open. Once that is sent, only the end of this server, or another that has the
 * run, gives it up: it might reach the mover after the request that closes the session, and open it again.
 */
export async function tellSession(
  run: ActiveRun,
  o: {
    readonly plan: RunPlan;
    readonly agent: Pick<ReachedAgent, 'identity'>;
    readonly leaving: AbortSignal;
    /** Gives it up before it is sent. */
    readonly unsent: AbortSignal;
  },
  movers: Pick<Movers, 'links'>,
): Promise<void> {
  const { jobSessionId, requestId } = run.row;
  const { mover, repository, session, isMain } = o.plan;
  const { log } = await movers.links.request(mover, {
    method: 'POST',
    path: `/sessions${logAfter(run)}`,
    repeatable: true,
    answer: sessionStatus,
    body: {
      run: run.row.id,
      ...(jobSessionId === null ? {} : { session: jobSessionId }),
      ...(requestId === null ? {} : { request: requestId }),
      tenant: run.scope.tenant,
      repository: repository.name,
      ...session,
      fingerprint: o.agent.identity.fingerprint,
    },
    signal: o.leaving,
    unsentSignal: o.unsent,
  });
  // Lines of two sessions would hide each other.
  if (isMain) for (const line of log) run.log.take('mover', line);
}

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
function logAfter(run: ActiveRun): string {
  return `?logAfter=${encodeURIComponent(run.log.lastOfMover)}`;
}
