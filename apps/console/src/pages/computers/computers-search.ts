import { given, oneOf, textIn, timeIn } from '../search-values.ts';

/** The filters of the server, in the order in which somebody looks for trouble. */
export const stateFilters = [
  'unprotected',
  'protected',
  'offline',
  'online',
  'out-of-date',
  'untrusted',
  'trusted',
] as const;
export const platforms = ['linux', 'win32', 'darwin', 'aix', 'sunos', 'freebsd', 'openbsd'] as const;
export const results = ['succeeded', 'warning', 'failed', 'cancelled'] as const;
const roles = ['agent', 'mover'] as const;
const presence = ['never', 'any'] as const;

/** What the table of computers shows, as it stands in the address: the same names as the server's. */
export function parseComputersSearch(search: Readonly<Record<string, unknown>>) {
  return given({
    text: textIn(search['text']),
    state: oneOf(search['state'], stateFilters),
    role: oneOf(search['role'], roles),
    group: textIn(search['group']),
    platform: oneOf(search['platform'], platforms),
    lastResult: oneOf(search['lastResult'], results),
    backup: oneOf(search['backup'], presence),
    lastBackupBefore: timeIn(search['lastBackupBefore']),
    lastBackupAfter: timeIn(search['lastBackupAfter']),
    drill: oneOf(search['drill'], presence),
    lastDrillBefore: timeIn(search['lastDrillBefore']),
    lastDrillAfter: timeIn(search['lastDrillAfter']),
    sort: oneOf(search['sort'], ['name', 'lastBackup']),
    order: oneOf(search['order'], ['desc']),
  });
}
export type ComputersSearch = ReturnType<typeof parseComputersSearch>;
