import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Plan, PlannedHost } from '@holdfast/contract/plan';
import { type ErrorReport, HoldfastError, Semaphore } from '@holdfast/core';
import type { AuditOptions, HostAudit } from './audit-host.ts';

/** What the thread is given. In one piece: hosts of the plan are the same objects there, too. */
export interface AuditTask {
  readonly plan: Plan;
  readonly host: PlannedHost;
  readonly options: Omit<AuditOptions, 'signal'>;
}

export type AuditMessage =
  | { readonly kind: 'done'; readonly audit: HostAudit }
  | { readonly kind: 'failed'; readonly report: ErrorReport };

/** One at a time, whoever asks: each takes a processor for some seconds, and may hold a ruleset of 100,000 rules. */
const turn = new Semaphore(1);

/**
 * `auditHost` in a thread of its own, for programs that have other work meanwhile: trying packets in the rules of a host of
 * containers takes seconds, in which nothing else would go on. Throws what that throws, and what the signal says.
 */
export async function auditInThread(
  plan: Plan,
  host: PlannedHost,
  { signal, ...options }: AuditOptions,
): Promise<HostAudit> {
  using _turn = await turn.acquire(signal);
  const workerData: AuditTask = { plan, host, options };
  const worker = new Worker(new URL('./audit-worker.ts', import.meta.url), { workerData, name: 'audit' });
  const ended = new AbortController();
  worker.once('exit', () => ended.abort());
  try {
    const over = AbortSignal.any([ended.signal, ...(signal ? [signal] : [])]);
    const [message] = (await once(worker, 'message', { signal: over })) as [AuditMessage];
    if (message.kind === 'failed') throw HoldfastError.fromReport(message.report);
    return message.audit;
  } catch (error) {
    signal?.throwIfAborted();
    if (!ended.signal.aborted) throw error;
    throw new HoldfastError('internal.unexpected', { message: 'The thread of the audit ended early.', cause: error });
  } finally {
    await worker.terminate();
  }
}
