import type { AccessView } from '@holdfast/protocol';
import { shownTime } from '../output.ts';
import { table } from '../terminal.ts';

/** Sessions and API tokens, for people. */
export function accessTable(access: readonly AccessView[]): string {
  const rows = access.map(({ kind, name, role, groups, lastUsedAt, expiresAt, remoteAddress, present, id }) => [
    present ? `${kind} (this one)` : kind,
    name,
    [role ?? '', ...(groups ?? [])].join(' ').trim(),
    shownTime(lastUsedAt),
    shownTime(expiresAt),
    remoteAddress,
    id,
  ]);
  return table([['Kind', 'Name', 'Narrowed to', 'Last used', 'Ends', 'From', 'Id'], ...rows]);
}
