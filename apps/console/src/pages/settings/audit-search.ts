import { given, oneOf, textIn, timeIn } from '../search-values.ts';

export const auditOutcomes = ['done', 'refused', 'failed', 'approval-asked', 'unknown'] as const;

/** What the table of the audit shows, as it stands in the address. */
export function parseAuditSearch(search: Readonly<Record<string, unknown>>) {
  return given({
    actor: textIn(search['actor'])?.slice(0, 200),
    action: textIn(search['action'])?.slice(0, 200),
    subject: textIn(search['subject'])?.slice(0, 200),
    outcome: oneOf(search['outcome'], auditOutcomes),
    since: timeIn(search['since']),
    until: timeIn(search['until']),
  });
}
export type AuditSearch = ReturnType<typeof parseAuditSearch>;
