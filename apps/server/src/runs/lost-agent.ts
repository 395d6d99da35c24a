import { HoldfastError } from '@holdfast/core';
import type { ComputerRow } from '../computers/computers.ts';
import type { Instances } from '../instances/instances.ts';
import { reattachMs, reattachWhileChangingMs } from '../limits.ts';

/** How long an agent that has its task is waited for: while servers come and go all agents call anew, and some are turned away a few times. */
export function patienceMs({ areChanging }: Pick<Instances, 'areChanging'>): number {
  return areChanging ? reattachWhileChangingMs : reattachMs;
}

export function notAttached(agent: ComputerRow, waitedMs: number, cause: HoldfastError): HoldfastError {
  return new HoldfastError('channel.closed', {
    message: `The connection to agent ${agent.hostname} was lost, and for ${Math.round(waitedMs / 60_000)} minutes it could not be attached to again: ${cause.message}`,
    guidance: `${cause.guidance} If the agent was only unreachable its work may have been completed: the next run continues from there.`,
    context: { agent: agent.id, ...cause.context },
    cause,
  });
}

/** Resolves when `signal` aborts; rejects when `done` does first. */
export function abortedBefore(done: AbortSignal, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return resolve();
    if (done.aborted) return reject(done.reason);
    const either = AbortSignal.any([signal, done]);
    either.addEventListener('abort', () => (signal.aborted ? resolve() : reject(done.reason)), { once: true });
  });
}
