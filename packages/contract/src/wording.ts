/** How the contract's data is put into words, the same on a terminal and in documents. */

import type { PortRange } from './channel-spec.ts';
import type { Channel } from './channels.ts';
import { type Role, roleNames } from './roles.ts';

export function formatRange({ from, to }: PortRange): string {
  return from === to ? String(from) : `${from}-${to}`;
}

/** `tcp 2500-3300`, `local socket`, `tcp as configured` (by the address of a device), `tcp as tried` (the probe), `off`. */
export function formatPorts(entry: Channel, off: boolean): string {
  if (off) return 'off';
  if (entry.transport === 'local') return 'local socket';
  if (entry.ports.length > 0) return `${entry.transport} ${entry.ports.map(formatRange).join(', ')}`;
  return `${entry.transport} ${entry.configurationKey ? 'as configured' : 'as tried'}`;
}

/** What happens when the port is taken, or an empty string where nothing can be done. */
export function formatBusy(entry: Channel): string {
  if (entry.busy.kind === 'onePortPerConnection') return 'one port per connection';
  if (entry.busy.kind === 'fail') return '';
  return entry.busy.sticky ? 'the first free port, which is then kept' : 'the first free port';
}

const families = ['agent', 'repository', 'gateway', 'distribution-server'] as const;

/** Role names, with the variants of one family drawn together: `agent-windows, agent-linux` is `agent-{windows,linux}`. */
export function formatRoles(given: readonly Role[]): string {
  const words: string[] = [];
  const done = new Set<Role>();
  for (const role of given) {
    if (done.has(role)) continue;
    const family = families.find((name) => role.startsWith(`${name}-`));
    const members = family ? given.filter((other) => other.startsWith(`${family}-`)) : [role];
    for (const member of members) done.add(member);
    if (family === undefined || members.length === 1) words.push(role);
    else if (members.length === roleNames.filter((name) => name.startsWith(`${family}-`)).length)
      words.push(`${family}-*`);
    else words.push(`${family}-{${members.map((member) => member.slice(family.length + 1)).join(',')}}`);
  }
  return words.join(', ');
}
