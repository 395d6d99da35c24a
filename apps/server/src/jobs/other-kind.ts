import { HoldfastError } from '@holdfast/core';
import type { JobSettings } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { JobKind } from '../catalogue/schema.ts';
import { maxQueryValues } from '../limits.ts';
import { chunks } from './chunks.ts';
import { computersOf } from './job-computers.ts';
import { settingsOf } from './job-rows.ts';

/**
 * A computer is in jobs or in policies, never in both: who backs it up, and when, would have two answers. Throws
 * `request.conflict` that names the computer or group and what it is in. In the transaction that writes the job or policy.
 */
export async function checkOtherKind(
  scope: TenantScope,
  { kind, settings }: { readonly kind: JobKind; readonly settings: Pick<JobSettings, 'computers' | 'groups'> },
): Promise<void> {
  const other = kind === 'job' ? 'policy' : 'job';
  const computers = await computersOf(scope, settings);
  const hosts = new Map(computers.map(({ id, hostname }) => [id, hostname]));
  const groups = [...new Set([...settings.groups, ...computers.map(({ groupName }) => groupName)])];
  const members = scope.query.selectFrom('jobMembers').selectAll().where('kind', '=', other).limit(1);
  for (const some of chunks([...hosts.keys()], maxQueryValues)) {
    const named = await members.where('agentId', 'in', some).executeTakeFirst();
    if (named) throw await inBoth(scope, { ...named, who: `Computer ${hosts.get(named.agentId) ?? named.agentId}` });
  }
  for (const some of chunks(groups, maxQueryValues)) {
    const whole = await members.where('agentId', '=', '').where('groupName', 'in', some).executeTakeFirst();
    if (whole) throw await inBoth(scope, { ...whole, who: `Group ${whole.groupName}` });
  }
}

/** The same for a group that computers were moved into. In the transaction that moved them. */
export async function checkMoved(scope: TenantScope, groupName: string): Promise<void> {
  const ofGroup = await scope.query
    .selectFrom('jobMembers')
    .select('kind')
    .where('agentId', '=', '')
    .where('groupName', '=', groupName)
    .limit(1)
    .executeTakeFirst();
  if (!ofGroup) return;
  const named = await scope.query
    .selectFrom('computers')
    .innerJoin('jobMembers', 'jobMembers.agentId', 'computers.id')
    .select(['computers.hostname', 'jobMembers.jobId', 'jobMembers.kind'])
    .where('computers.groupName', '=', groupName)
    .where('jobMembers.kind', '!=', ofGroup.kind)
    .limit(1)
    .executeTakeFirst();
  if (named) throw await inBoth(scope, { ...named, who: `Computer ${named.hostname}` });
}

async function inBoth(
  { query }: TenantScope,
  o: { readonly who: string; readonly kind: JobKind; readonly jobId: string },
): Promise<HoldfastError> {
  // Whoever is confined to some groups may not see it.
  const row = await query.selectFrom('jobs').select('settingsJson').where('id', '=', o.jobId).executeTakeFirst();
  const name = row ? settingsOf(row).name : o.jobId;
  return new HoldfastError('request.conflict', {
    message: `${o.who} is in ${o.kind} ${name}: a computer is in jobs or in policies, not in both.`,
    guidance: `Take it out of ${o.kind} ${name} first, or leave it out here.`,
  });
}
