import { createHash } from 'node:crypto';
import type { PortRange } from '../channel-spec.ts';
import { formatRange } from '../wording.ts';
import type { PlannedHost } from './plan.ts';

/** Sorted, disjoint, not adjacent. */
export function normalizePorts(ports: readonly PortRange[]): readonly PortRange[] {
  const joined: { from: number; to: number }[] = [];
  for (const { from, to } of ports.toSorted((a, b) => a.from - b.from)) {
    const last = joined.at(-1);
    if (last && from <= last.to + 1) last.to = Math.max(last.to, to);
    else joined.push({ from, to });
  }
  return joined;
}

/** `backup-1>store-1:tcp/6162`; of many hosts the first one, how many more, and a hash of all. */
export function flowId(o: {
  readonly from: readonly PlannedHost[];
  readonly to: readonly PlannedHost[];
  readonly transport: 'tcp' | 'udp';
  readonly ports: readonly PortRange[];
}): string {
  return `${endName(o.from)}>${endName(o.to)}:${o.transport}/${o.ports.map(formatRange).join()}`;
}

const endNames = new WeakMap<readonly PlannedHost[], string>();

function endName(hosts: readonly PlannedHost[]): string {
  const known = endNames.get(hosts);
  if (known !== undefined) return known;
  const names = hosts.map(({ name }) => name);
  const [first = ''] = names;
  const hash = (): string => createHash('sha256').update(names.join('\n')).digest('hex').slice(0, 8);
  const made = names.length <= 3 ? names.join('+') : `${first}+${names.length - 1}~${hash()}`;
  endNames.set(hosts, made);
  return made;
}
