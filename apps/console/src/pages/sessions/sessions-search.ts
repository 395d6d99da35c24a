import { given, oneOf, textIn } from '../search-values.ts';

export const sessionStates = ['queued', 'running', 'succeeded', 'warning', 'failed', 'cancelled'] as const;
export const sessionKinds = ['backup', 'restore', 'forget', 'prune', 'check', 'drill', 'analysis'] as const;

/** What the table of sessions shows, as it stands in the address. */
export function parseSessionsSearch(search: Readonly<Record<string, unknown>>) {
  return given({
    jobId: textIn(search['jobId']),
    state: oneOf(search['state'], sessionStates),
    kind: oneOf(search['kind'], sessionKinds),
    order: oneOf(search['order'], ['asc']),
  });
}
