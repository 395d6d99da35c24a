import type { Clock } from '@holdfast/core';
import type { TenantScope } from './catalogue/catalogue.ts';

export interface AuditRecord {
  /** `administrator`, or the computer that acted. */
  readonly actor: string;
  readonly action: string;
  /** The id of what it was done to. */
  readonly subject: string;
  readonly remoteAddress: string;
}

export async function writeAudit(scope: TenantScope, record: AuditRecord, clock: Clock): Promise<void> {
  await scope.query
    .insertInto('audit')
    .values({ at: clock.now().toISOString(), ...record })
    .execute();
}

export async function readAudit(scope: TenantScope, limit: number): Promise<(AuditRecord & { readonly at: string })[]> {
  return scope.query
    .selectFrom('audit')
    .select(['at', 'actor', 'action', 'subject', 'remoteAddress'])
    .orderBy('sequence', 'desc')
    .limit(limit)
    .execute();
}
