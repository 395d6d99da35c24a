import { HoldfastError } from '@holdfast/core';
import type { JobSettings } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { JobKind } from '../catalogue/schema.ts';
import { type ComputerRow, loadUsableComputer } from '../computers/computers.ts';
import { loadRepository } from '../repositories.ts';
import { computersOf, groupOf } from './job-computers.ts';
import { loadJob } from './job-rows.ts';
import { refuseOtherComputers } from './target-repository.ts';

/** Of a job that somebody is still thinking of, where it backs up to may be open. */
export type PlannedSettings = Omit<JobSettings, 'name' | 'scope' | 'target'> & {
  readonly target?: JobSettings['target'] | undefined;
};

/**
 * Refuses a job of computers, groups, repositories or jobs that are not there, or that the person's scope does not hold. Before
 * the transaction that writes it.
 */
export async function checkReferences(
  scope: TenantScope,
  { kind, settings }: { readonly kind: JobKind; readonly settings: PlannedSettings },
): Promise<void> {
  const { target, schedule, computers, groups } = settings;
  if (computers.length + groups.length === 0) throw invalid(`A ${kind} needs computers or groups.`);
  for (const id of computers) {
    const computer = await loadUsableComputer(scope, id, 'agent');
    if (kind === 'job' && takesNoJobs(computer)) throw leftOut(computer);
  }
  if (target?.kind === 'own') await loadUsableComputer(scope, target.moverId, 'mover');
  const inJob = await computersOf(scope, settings);
  if (target?.kind === 'shared')
    refuseOtherComputers(
      await loadRepository(scope, target.repositoryId),
      inJob.map(({ id }) => id),
    );
  if (schedule.kind === 'after') await loadJob(scope, schedule.jobId);
  const group = groupOf(settings, inJob);
  if (scope.groups && !scope.groups.has(group))
    throw new HoldfastError('auth.forbidden', {
      message: 'Who is confined to some groups defines jobs and policies of one of them, not of several.',
    });
}

/** Refuses jobs that run after each other in a circle. Within the transaction that writes one of them. */
export async function checkNoCircle(scope: TenantScope, id: string, { schedule }: JobSettings): Promise<void> {
  const seen = new Set([id]);
  for (let next = schedule.kind === 'after' ? schedule.jobId : null; next !== null; ) {
    if (seen.has(next)) throw invalid('Jobs that run after each other must not make a circle.');
    seen.add(next);
    next = (await loadJob(scope, next)).afterJobId;
  }
}

/** Unix computers run their backups by themselves: they take policies. */
export function takesNoJobs({ platform }: Pick<ComputerRow, 'platform'>): boolean {
  return !['linux', 'win32', 'darwin'].includes(platform);
}

export function leftOut({ hostname, platform }: Pick<ComputerRow, 'hostname' | 'platform'>): HoldfastError {
  return invalid(`${hostname} (${platform}) takes no jobs of the server: make it a policy.`);
}

function invalid(message: string): HoldfastError {
  return new HoldfastError('request.invalid', { message });
}
