import type { PortRange } from '../channel-spec.ts';

/** A multiport match of the kernel takes 15 ports; a range counts twice. */
const slots = 15;

/** The ports as arguments of multiport matches: `22,443,2500:3300`. As few as possible. */
export function multiports(ports: readonly PortRange[]): readonly string[] {
  const groups: string[][] = [];
  let free = 0;
  for (const { from, to } of ports) {
    const needed = from === to ? 1 : 2;
    if (free < needed) {
      groups.push([]);
      free = slots;
    }
    groups.at(-1)?.push(from === to ? `${from}` : `${from}:${to}`);
    free -= needed;
  }
  return groups.map((group) => group.join(','));
}
