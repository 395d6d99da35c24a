import { given, oneOf, textIn } from '../search-values.ts';

/** The filters of the server, in the order in which somebody looks for trouble. */
export const stateFilters = ['unprotected', 'offline', 'online', 'out-of-date', 'untrusted'] as const;
const roles = ['agent', 'mover'] as const;

/** What the table of computers shows, as it stands in the address. */
export function parseComputersSearch(search: Readonly<Record<string, unknown>>) {
  return given({
    text: textIn(search['text']),
    state: oneOf(search['state'], stateFilters),
    role: oneOf(search['role'], roles),
    group: textIn(search['group']),
  });
}
export type ComputersSearch = ReturnType<typeof parseComputersSearch>;
