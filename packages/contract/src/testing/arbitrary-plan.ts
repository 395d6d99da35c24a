import fc from 'fast-check';
import { channels } from '../channels.ts';
import type { Flow, Plan, PlannedHost } from '../plan/plan.ts';
import { hostileName } from './sample-plan.ts';

/** Names that people would not give, and some that only people with something in mind would. */
const anyName = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.constantFrom(
    hostileName,
    '=cmd|calc!A1',
    '{{ lookup("pipe", "id") }}',
    '<img src=x onerror=alert(1)>',
    ']]> & <!--',
    '[x](https://evil.example)',
    '| a | b |',
    '-1',
    '- 1. x',
    'www.evil.example',
    'permit ip any any',
    'Web-1',
    'web-1',
  ),
);

/** Small plans whose names are hostile: up to six hosts in three zones, with up to five flows between them. */
export const arbitraryPlan: fc.Arbitrary<Plan> = fc
  .record({
    name: anyName,
    zones: fc.uniqueArray(fc.oneof({ weight: 3, arbitrary: anyName }, { weight: 1, arbitrary: fc.constant('') }), {
      minLength: 3,
      maxLength: 3,
    }),
    names: fc.uniqueArray(anyName, { minLength: 3, maxLength: 6, selector: (name) => name.normalize() }),
    notes: fc.array(anyName, { maxLength: 2 }),
    hosts: fc.array(
      fc.record({
        zone: fc.nat(2),
        managed: fc.boolean(),
        addresses: fc.constantFrom('ipv4', 'both', 'prefix', 'name'),
        dnsName: anyName,
      }),
      { minLength: 6, maxLength: 6 },
    ),
    flows: fc.array(
      fc.record({
        from: fc.array(fc.nat(5), { minLength: 1, maxLength: 4 }),
        to: fc.nat(5),
        transport: fc.constantFrom('tcp' as const, 'udp' as const),
        ports: fc.uniqueArray(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 3 }),
        width: fc.constantFrom(0, 5, 500),
        channel: fc.option(fc.constantFrom(...channels)),
        reason: anyName,
        leased: fc.boolean(),
      }),
      { maxLength: 5 },
    ),
  })
  .map(({ name, zones, names, notes, hosts, flows }) => {
    const planned = names.map((hostName, index): PlannedHost => {
      const { zone = 0, managed = true, addresses = 'ipv4', dnsName = '' } = hosts[index] ?? {};
      const byAddress = managed || addresses !== 'name';
      return {
        name: hostName,
        zone: zones[zone] ?? '',
        managed,
        addresses: byAddress ? addressesOf(index, addresses) : [],
        names: byAddress ? [] : [dnsName],
        roles: [],
      };
    });
    return { name, hosts: planned, notes, flows: flows.flatMap((one, index) => flowOf(one, { index, planned })) };
  });

function addressesOf(index: number, kind: string): readonly string[] {
  if (kind === 'prefix') return [`10.${index}.0.0/16`, `2001:db8:${index}::/48`];
  return kind === 'both' ? [`10.${index}.0.1`, `2001:db8:${index}::1`] : [`10.${index}.0.1`];
}

interface FlowParts {
  readonly from: readonly number[];
  readonly to: number;
  readonly transport: 'tcp' | 'udp';
  readonly ports: readonly number[];
  readonly width: number;
  readonly channel: (typeof channels)[number] | null;
  readonly reason: string;
  readonly leased: boolean;
}

function flowOf(
  parts: FlowParts,
  { index, planned }: { index: number; planned: readonly PlannedHost[] },
): readonly Flow[] {
  const target = planned[parts.to % planned.length];
  const sources = new Set(parts.from.flatMap((one) => planned[one % planned.length] ?? []));
  const from = planned.filter((host) => sources.has(host) && host !== target);
  if (!target || from.length === 0) return [];
  const { channel, transport, reason, leased, width } = parts;
  const starts = parts.ports.map((one) => one * 1000).toSorted((left, right) => left - right);
  return [
    {
      id: `${index}>${target.name}:${transport}`,
      from,
      to: [target],
      transport,
      ports: starts.map((start) => ({ from: start, to: start + width })),
      origin: channel ? 'contract' : 'administrator',
      channels: channel ? [channel.id] : [],
      rows: channel ? channel.rows : [],
      features: channel ? channel.features : [],
      reasons: [reason],
      fallbackFor: [],
      leased,
    },
  ];
}
