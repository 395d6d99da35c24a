import type { PortRange } from '../channel-spec.ts';
import { type ChannelId, channel } from '../channels.ts';
import type { Flow, Plan, PlannedHost } from '../plan/plan.ts';

/** What somebody could write into a topology to get a rule of their own past whoever applies the rendering. */
export const hostileName = `evil"; } flush ruleset; # $(reboot) \`id\` %{b} 'x'\n-A INPUT -j ACCEPT\r\n\${jndi} \u202E-->`;

const managed = { managed: true, names: [] } as const;
const outside = { managed: false, names: [] } as const;

const server: PlannedHost = {
  ...managed,
  name: 'backup-1',
  zone: 'management',
  addresses: ['10.1.0.10', '2001:db8:1::10'],
  names: ['backup-1.example.com'],
  platform: 'linux',
  roles: ['backup-server'],
};
const store1: PlannedHost = {
  ...managed,
  name: 'store-1',
  zone: 'storage',
  addresses: ['10.2.0.11', '2001:db8:2::11'],
  platform: 'linux',
  roles: ['repository'],
};
/** IPv4 only. */
const store2: PlannedHost = {
  ...managed,
  name: 'store-2',
  zone: 'storage',
  addresses: ['10.2.0.12'],
  platform: 'linux',
  roles: ['repository'],
};
const web: PlannedHost = {
  ...managed,
  name: 'web-1',
  zone: 'production',
  addresses: ['10.3.0.21', '2001:db8:3::21'],
  platform: 'linux',
  roles: ['agent-linux'],
};
/** IPv6 only. */
const modern: PlannedHost = {
  ...managed,
  name: 'modern-1',
  zone: 'production',
  addresses: ['2001:db8:3::22'],
  platform: 'linux',
  roles: ['agent-linux'],
};
const windows: PlannedHost = {
  ...managed,
  name: 'win-1',
  zone: 'production',
  addresses: ['10.3.0.31', '2001:db8:3::31'],
  platform: 'windows',
  roles: ['agent-windows'],
};
/** One entry for many computers. */
const laptops: PlannedHost = {
  ...managed,
  name: 'laptops',
  zone: 'office',
  addresses: ['10.64.0.0/12', '2001:db8:64::/48'],
  platform: 'macos',
  roles: ['agent-macos'],
};
const evil: PlannedHost = {
  ...managed,
  name: hostileName,
  zone: hostileName,
  addresses: ['10.3.0.66'],
  names: [hostileName],
  platform: 'linux',
  roles: ['agent-linux'],
};
const dns: PlannedHost = {
  ...outside,
  name: 'dns-1',
  zone: 'management',
  addresses: ['10.1.0.53', '2001:db8:1::53'],
  roles: ['dns-server'],
};
/** Known by a name pattern alone: most firewalls can open it only wider. */
const objects: PlannedHost = {
  ...outside,
  name: 'object-storage',
  zone: 'internet',
  addresses: [],
  names: ['*.s3.eu-central-1.amazonaws.com'],
  roles: ['s3-compatible'],
};
/** Its addresses overlap. */
const administrators: PlannedHost = {
  ...outside,
  name: 'administrators',
  zone: 'administration',
  addresses: ['10.9.0.0/24', '10.9.0.5', '2001:db8:9::/64', '2001:db8:9::5'],
  roles: [],
};

interface SampleFlow {
  readonly from: readonly PlannedHost[];
  readonly to: readonly PlannedHost[];
  readonly transport?: 'tcp' | 'udp';
  readonly ports: readonly (number | PortRange)[];
  readonly channels: readonly ChannelId[];
  readonly leased?: boolean;
  readonly reasons?: readonly string[];
}

function flow(sample: SampleFlow): Flow {
  const { from, to, transport = 'tcp', leased = false } = sample;
  const ports = sample.ports.map((one) => (typeof one === 'number' ? { from: one, to: one } : one));
  const entries = sample.channels.map((id) => channel(id));
  const ends = [from, to].map((hosts) => hosts.map(({ name }) => name).join(','));
  const shownPorts = ports.map((range) => (range.from === range.to ? `${range.from}` : `${range.from}-${range.to}`));
  return {
    id: `${ends.join('>')}:${transport}/${shownPorts.join(',')}`,
    from,
    to,
    transport,
    ports,
    origin: entries.length === 0 ? 'administrator' : 'contract',
    channels: sample.channels,
    rows: [...new Set(entries.flatMap(({ rows }) => rows))],
    features: [...new Set(entries.flatMap(({ features }) => features))],
    reasons: sample.reasons ?? entries.map(({ purpose }) => purpose),
    fallbackFor: entries.flatMap(({ fallbackOf }) => fallbackOf ?? []),
    leased,
  };
}

const stores = [store1, store2];
const linuxAgents = [web, modern, evil];
const ours = [server, ...stores, web, modern, windows, laptops, evil];

/** Written by hand: IPv4, IPv6, prefixes, overlaps, ranges, UDP, leases, names without addresses, and hostile texts. */
export const samplePlan: Plan = {
  name: 'sample',
  hosts: [...ours, dns, objects, administrators],
  flows: [
    flow({ from: [server], to: [windows], ports: [{ from: 6184, to: 6194 }], channels: ['windows-agent-service'] }),
    flow({ from: [windows], to: [server], ports: [10_005], channels: ['windows-agent-control'] }),
    flow({ from: [...linuxAgents, laptops], to: [server], ports: [10_006], channels: ['posix-agent-control'] }),
    flow({ from: [server], to: stores, ports: [6162], channels: ['server-to-mover'] }),
    flow({ from: linuxAgents, to: stores, ports: [6162], channels: ['agent-to-mover-transport'] }),
    flow({
      from: linuxAgents,
      to: stores,
      ports: [{ from: 2500, to: 3300 }],
      channels: ['agent-to-mover-data'],
      leased: true,
    }),
    flow({
      from: [server],
      to: [windows],
      transport: 'udp',
      ports: [{ from: 137, to: 138 }],
      channels: ['server-to-windows-agent-netbios-udp'],
    }),
    flow({
      from: ours,
      to: [dns],
      transport: 'udp',
      ports: [53],
      channels: ['server-to-dns', 'host-to-dns'],
    }),
    flow({ from: ours, to: [dns], ports: [53], channels: ['server-to-dns-tcp', 'host-to-dns-tcp'] }),
    flow({ from: stores, to: [objects], ports: [443], channels: ['s3-api', 's3-compatible-api'] }),
    flow({ from: [administrators], to: ours, ports: [22], channels: [], reasons: [`ssh ${hostileName}`] }),
    flow({
      from: [administrators],
      to: [server],
      // More ports than one rule of iptables or ufw can take.
      ports: [...Array.from({ length: 20 }, (_, index) => 8001 + 2 * index), { from: 9000, to: 9010 }],
      channels: [],
      reasons: ['monitoring'],
    }),
  ],
  notes: [`a note ${hostileName}`],
};
