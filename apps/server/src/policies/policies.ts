import { type Clock, HoldfastError } from '@holdfast/core';
import {
  type JobSettings,
  nextOccurrence,
  type Policy,
  type PolicyComputer,
  type PolicySettings,
  type Routes,
} from '@holdfast/protocol';
import type { z } from 'zod';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { type PageRequest, readPage } from '../catalogue/page.ts';
import type { ComputerRow } from '../computers/computers.ts';
import { computersOf } from '../jobs/job-computers.ts';
import { type JobRow, loadJob, settingsOf } from '../jobs/job-rows.ts';
import { changeJob, createJob, deleteJob, jobViews, pageOfRows, type RequireUnchanged } from '../jobs/jobs.ts';
import { revokeLostGrants } from './standing-grants.ts';

/** Policies stand among the jobs: what is decided about them is the same. Here is what is not. */

interface Definition {
  readonly settings: PolicySettings;
  readonly managedBy: string | null | undefined;
}

/** Throws as `createJob`. */
export function createPolicy(scope: TenantScope, { settings, ...o }: Definition, clock: Clock): Promise<JobRow> {
  return createJob(scope, { ...o, kind: 'policy', settings: asJob(settings) }, clock);
}

/** Whom a change of a policy concerns: agents that had it or have it now, and movers that have to be told of revoked grants. */
export interface Concerned {
  readonly agents: Set<string>;
  readonly movers: Set<string>;
}

/** Throws as `changeJob`. */
export async function changePolicy(
  scope: TenantScope,
  { settings, ...o }: Definition & { readonly id: string; readonly requireUnchanged: RequireUnchanged },
  clock: Clock,
): Promise<{ row: JobRow } & Concerned> {
  const before = await agentsOf(scope, await loadJob(scope, o.id, 'policy'));
  const { movers, onChanged } = revoking(o.id, clock);
  const row = await changeJob(scope, { ...o, kind: 'policy', settings: asJob(settings), onChanged }, clock);
  return { row, agents: before.union(await agentsOf(scope, row)), movers };
}

/** Throws `request.missing`. */
export async function deletePolicy(
  scope: TenantScope,
  o: { readonly id: string; readonly requireUnchanged: RequireUnchanged },
  clock: Clock,
): Promise<Concerned> {
  const agents = await agentsOf(scope, await loadJob(scope, o.id, 'policy'));
  const { movers, onChanged } = revoking(o.id, clock);
  await deleteJob(scope, { ...o, kind: 'policy', onChanged });
  return { agents, movers };
}

/** The transaction may be done more than once: the movers are those of all tries, and telling one in vain does no harm. */
function revoking(policyId: string, clock: Clock) {
  const movers = new Set<string>();
  const onChanged = async (inner: TenantScope): Promise<void> => {
    for (const id of await revokeLostGrants(inner, { policyId }, clock)) movers.add(id);
  };
  return { movers, onChanged };
}

export async function agentsOf(scope: TenantScope, row: JobRow): Promise<Set<string>> {
  return new Set((await computersOf(scope, settingsOf(row))).map(({ id }) => id));
}

/** What agents run by themselves, by one of them: those that name it, and those of its group. Without disabled ones. */
export async function policiesOf({ query }: TenantScope, agent: ComputerRow): Promise<JobRow[]> {
  return query
    .selectFrom('jobs')
    .selectAll()
    .where('kind', '=', 'policy')
    .where('enabled', '=', 1)
    .where((row) =>
      row(
        'id',
        'in',
        query
          .selectFrom('jobMembers')
          .select('jobId')
          .where('kind', '=', 'policy')
          .where((member) =>
            member.or([
              member('agentId', '=', agent.id),
              member.and([member('agentId', '=', ''), member('groupName', '=', agent.groupName)]),
            ]),
          ),
      ),
    )
    .orderBy('createdAt')
    .orderBy('id')
    .execute();
}

export async function policyView(scope: TenantScope, row: JobRow, now: Date): Promise<Policy> {
  const [view] = await policyViews(scope, [row], now);
  if (!view) throw new HoldfastError('internal.unexpected');
  return view;
}

async function policyViews(scope: TenantScope, rows: readonly JobRow[], now: Date): Promise<Policy[]> {
  return (await jobViews(scope, rows)).map(({ direction: _direction, ...view }) => {
    const next = view.enabled ? nextOccurrence(view, now) : undefined;
    return { ...view, ...(next ? { nextRunAt: next.toISOString() } : {}) };
  });
}

/** A page of the list. */
export async function pageOfPolicies(
  scope: TenantScope,
  o: z.output<Routes['policies']['query']>,
  now: Date,
): Promise<{ policies: Policy[]; next?: string; total?: number }> {
  const { items, ...rest } = await pageOfRows(scope, 'policy', o);
  return { policies: await policyViews(scope, items, now), ...rest };
}

/** A page of the computers of a policy, with what each has of it. */
export async function pageOfPolicyComputers(
  scope: TenantScope,
  id: string,
  o: PageRequest,
): Promise<{ computers: PolicyComputer[]; next?: string }> {
  const { query } = scope;
  await loadJob(scope, id, 'policy');
  const agents = query
    .selectFrom('computers')
    .selectAll()
    .where('role', '=', 'agent')
    .where('revokedAt', 'is', null)
    .where((row) =>
      row.exists(
        row
          .selectFrom('jobMembers')
          .select('jobMembers.jobId')
          .where('jobMembers.jobId', '=', id)
          .where((member) =>
            member.or([
              member('jobMembers.agentId', '=', member.ref('computers.id')),
              member.and([
                member('jobMembers.agentId', '=', ''),
                member('jobMembers.groupName', '=', member.ref('computers.groupName')),
              ]),
            ]),
          ),
      ),
    );
  const { items, ...rest } = await readPage(agents, { ...o, order: { id: 'text' }, view: (row) => row });
  return { computers: await Promise.all(items.map((row) => policyComputer(scope, id, row))), ...rest };
}

async function policyComputer({ query }: TenantScope, policyId: string, agent: ComputerRow): Promise<PolicyComputer> {
  const handout = await query
    .selectFrom('policyHandouts')
    .select(['handedOutAt', 'grantExpiresAt'])
    .where('agentId', '=', agent.id)
    .where('policyId', '=', policyId)
    .orderBy('handedOutAt', 'desc')
    .limit(1)
    .executeTakeFirst();
  const last = await query
    .selectFrom('runs')
    .select(['id', 'state', 'startedAt', 'endedAt'])
    .where('agentId', '=', agent.id)
    .where('jobId', '=', policyId)
    .where('superseded', '=', 0)
    .orderBy('queuedAt', 'desc')
    .limit(1)
    .executeTakeFirst();
  return {
    agentId: agent.id,
    hostname: agent.hostname,
    ...handout,
    ...(last
      ? {
          lastRun: {
            id: last.id,
            state: last.state,
            ...(last.startedAt === null ? {} : { startedAt: last.startedAt }),
            ...(last.endedAt === null ? {} : { endedAt: last.endedAt }),
          },
        }
      : {}),
  };
}

export function asJob(settings: PolicySettings): JobSettings {
  return { ...settings, direction: 'agent-dials' };
}
