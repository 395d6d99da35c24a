import type { Clock } from '@holdfast/core';
import type { TenantScope } from './catalogue/catalogue.ts';
import { type PageRequest, readPage } from './catalogue/page.ts';

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

/** A page of the records, newest first. */
export async function readAudit(
  scope: TenantScope,
  o: PageRequest,
): Promise<{ records: (AuditRecord & { readonly at: string })[]; next?: string }> {
  const query = scope.query.selectFrom('audit').selectAll();
  const { items, ...rest } = await readPage(query, {
    ...o,
    order: { sequence: 'number' },
    newestFirst: true,
    view: ({ at, actor, action, subject, remoteAddress }) => ({ at, actor, action, subject, remoteAddress }),
  });
  return { records: items, ...rest };
}
