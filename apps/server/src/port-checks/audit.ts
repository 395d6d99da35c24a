import { type HostRules, hostRules, type Plan } from '@holdfast/contract/plan';
import { type Clock, HoldfastError, Semaphore } from '@holdfast/core';
import { type AuditRequest, type AuditResult, auditRequestOf, reportOf, type UseAnswer } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { auditLimitMs, maxAuditsAtOnce } from '../limits.ts';
import { withTimeLimit } from '../time-limit.ts';
import { countedUse } from './counted-use.ts';
import type { Fleet, FleetComputer, Program } from './fleet.ts';
import type { FleetWork } from './fleet-work.ts';
import { plainText } from './plain-text.ts';
import type { PortPeers } from './port-peers.ts';

export interface AuditJob {
  readonly work: FleetWork<AuditResult>;
  readonly scope: TenantScope;
  readonly peers: Pick<PortPeers, 'reach'>;
  readonly clock: Clock;
  readonly otherwise: 'drop' | 'leave';
  readonly unused: boolean;
  /** Also openings that nothing has used for so long. */
  readonly unusedForMs: number | undefined;
  /** What a program has counted. Undefined: nobody knows. */
  readonly countsOf: (program: Program, signal: AbortSignal) => Promise<UseAnswer['report']>;
  readonly signal: AbortSignal;
}

/** Asks a program on every computer for its audit. Returns the number of computers, and what does it. */
export function prepareAudit(
  plan: Plan,
  fleet: Fleet,
  hosts: ReadonlySet<string> | undefined,
): { readonly total: number; readonly run: (job: AuditJob) => Promise<void> } {
  const wanted = hostRules(plan).filter(({ host }) => !hosts || hosts.has(host.name));
  const all = wanted.flatMap((rules) => {
    const computers: readonly (FleetComputer | undefined)[] = fleet.computers.get(rules.host) ?? [];
    return (computers.length > 0 ? computers : [undefined]).map((computer) => ({ rules, computer }));
  });
  const run = async (job: AuditJob): Promise<void> => {
    const places = new Semaphore(maxAuditsAtOnce);
    await Promise.all(
      all.map(async ({ rules, computer }) => {
        using _place = await places.acquire(job.signal);
        const name = computer?.name ?? rules.host.name;
        // The agent is the one that runs as root.
        const program =
          computer && (['agent', 'mover', 'server'] as const).map((one) => computer.programs.get(one)).find(Boolean);
        const result = program
          ? await auditOne({ computer, program, rules }, job)
          : unaudited(
              name,
              new HoldfastError('request.missing', { message: `Nothing on ${name} has joined the server.` }),
            );
        job.work.add(
          result.outcome === 'unaudited' ? 'unchecked' : result.outcome === 'findings' ? 'failure' : 'good',
          result,
        );
        job.work.done += 1;
      }),
    );
  };
  return { total: all.length, run };
}

async function auditOne(
  o: { readonly computer: FleetComputer; readonly program: Program; readonly rules: HostRules },
  job: AuditJob,
): Promise<AuditResult> {
  const { program, rules } = o;
  const { name } = o.computer;
  const by = program.process;
  try {
    const answer = await withTimeLimit({
      clock: job.clock,
      limitMs: auditLimitMs,
      signal: job.signal,
      expired: () => new HoldfastError('run.timeout', { message: `The ${by} on ${name} did not answer in time.` }),
      work: async (signal) => {
        const { otherwise, unused } = job;
        const use = await useOf(o.computer, job, signal);
        await using peer = await job.peers.reach(job.scope, program, signal);
        return await peer.audit(auditRequestOf(rules, { otherwise, unused, use }), signal);
      },
    });
    return { host: name, by, outcome: answer.findingCount === 0 ? 'as-planned' : 'findings', ...answer };
  } catch (error) {
    job.signal.throwIfAborted();
    return { ...unaudited(name, error), by };
  }
}

/** What all programs of a computer have counted, where that is asked for. */
async function useOf(
  { programs }: FleetComputer,
  { unusedForMs, countsOf }: AuditJob,
  signal: AbortSignal,
): Promise<AuditRequest['use']> {
  if (unusedForMs === undefined) return undefined;
  const reports = await Promise.all([...programs.values()].map((program) => countsOf(program, signal)));
  return { forMs: unusedForMs, reports: reports.flatMap((report) => (report ? [countedUse(report)] : [])) };
}

export function unaudited(host: string, error: unknown): AuditResult {
  const { message, guidance, ...report } = reportOf(error);
  const told = { ...report, message: plainText(message), guidance: plainText(guidance) };
  return { host, outcome: 'unaudited', findings: [], findingCount: 0, notes: [], error: told };
}
