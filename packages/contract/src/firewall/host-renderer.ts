import { HoldfastError } from '@holdfast/core';
import type { PortRange } from '../channel-spec.ts';
import { type HostRule, hostRules } from '../plan/host-rules.ts';
import type { Flow, Plan, PlannedHost } from '../plan/plan.ts';
import { type PeerAddresses, peerAddresses } from './addresses.ts';
import { standingWidenings } from './network/flow-ends.ts';
import type { RenderedFile, Renderer, RenderOptions, Widening } from './renderer.ts';
import { fileStem, safeText } from './safe-text.ts';

/** Longest host or plan name in the first lines of a file. */
const shownNameCharacters = 200;

/** One rule of a host's own firewall. The other end is the host itself. */
export interface Opening {
  readonly flow: Flow;
  readonly direction: 'in' | 'out';
  readonly transport: 'tcp' | 'udp';
  readonly ports: readonly PortRange[];
  readonly peers: PeerAddresses;
}

export interface HostFirewall {
  /** For the first lines of the file: of safe characters. */
  readonly heading: string;
  /** Incoming before outgoing, each in the plan's order. */
  readonly openings: readonly Opening[];
  /** Drop what no rule allows. */
  readonly drop: boolean;
  /** What sessions need is left to leases. */
  readonly leases: boolean;
  /** What leases may open: not among the openings. */
  readonly leased: readonly Opening[];
}

/** What the renderers of host firewalls differ in. */
interface HostTarget {
  readonly id: string;
  readonly title: string;
  readonly verifiedBy: string;
  readonly extension: string;
  /** The directions in which it knows openings that end by themselves. */
  readonly leasable?: readonly Opening['direction'][];
  apply(firewall: HostFirewall): string;
  remove(firewall: Pick<HostFirewall, 'heading' | 'drop'>): string;
}

/** A renderer that writes one file for each managed host, which knows addresses only. */
export function hostRenderer(target: HostTarget): Renderer {
  const { id, title, verifiedBy, extension } = target;
  return {
    id,
    title,
    verifiedBy,
    scope: 'host',
    render(plan: Plan, options: RenderOptions = {}) {
      const { otherwise = 'drop', leases = false } = options;
      const leasable = (leases ? target.leasable : undefined) ?? [];
      const isLeased = ({ flow, direction }: Opening): boolean => isLeasable(flow) && leasable.includes(direction);
      const files: RenderedFile[] = [];
      const removal: RenderedFile[] = [];
      const widenings = new Map<string, Widening>();
      for (const { host, incoming, outgoing } of hostRules(plan)) {
        if (options.host !== undefined && options.host !== host.name) continue;
        const own = peerAddresses([host]);
        const openings = [
          ...incoming.map((rule) => opening(rule, own, 'in')),
          ...outgoing.map((rule) => opening(rule, own, 'out')),
        ].filter(({ peers }) => peers.any || peers.ipv4.length > 0 || peers.ipv6.length > 0);
        for (const one of openings) {
          if (one.peers.any) addAnyAddress(widenings, one, title);
          const where = leasable.includes('in') ? `${title} for what a host dials` : title;
          for (const widening of standingWidenings(one.flow, { title: where, leases: leases && !isLeased(one) }))
            widenings.set(`lease ${widening.flow}`, widening);
        }
        const heading = headingOf(plan, host);
        const path = `${fileStem(host.name)}.${extension}`;
        const firewall: HostFirewall = {
          heading,
          openings: openings.filter((one) => !isLeased(one)),
          drop: otherwise === 'drop',
          leases: leasable.length > 0,
          leased: openings.filter(isLeased),
        };
        files.push({ path, content: target.apply(firewall) });
        removal.push({ path: `removal/${path}`, content: target.remove(firewall) });
      }
      if (options.host !== undefined && files.length === 0) throw unknownHost(options.host);
      return { files, removal, widenings: [...widenings.values()] };
    },
  };
}

/** Sessions run over TCP; a lease names an address and a TCP port. */
function isLeasable(flow: Flow): boolean {
  return flow.leased && flow.transport === 'tcp';
}

function opening(rule: HostRule, own: PeerAddresses, direction: 'in' | 'out'): Opening {
  const { flow, transport, ports } = rule;
  return { flow, direction, transport, ports, peers: reachable(peerAddresses(rule.peers), own) };
}

/** A host without IPv6 needs no rules for it, nor one without IPv4 for that. */
function reachable(peers: PeerAddresses, own: PeerAddresses): PeerAddresses {
  if (own.any) return peers;
  const ipv4 = own.ipv4.length > 0 ? peers.ipv4 : [];
  const ipv6 = own.ipv6.length > 0 ? peers.ipv6 : [];
  return ipv4 === peers.ipv4 && ipv6 === peers.ipv6 ? peers : { any: peers.any, ipv4, ipv6 };
}

function headingOf(plan: Plan, host: PlannedHost): string {
  const [planName, hostName] = [plan.name, host.name].map((name) => safeText(name, shownNameCharacters));
  return `Holdfast: rules of the host ${hostName}, plan ${planName}.`;
}

/** The ends of a flow are the same for all its hosts, and so is what becomes wider. */
function addAnyAddress(widenings: Map<string, Widening>, { flow, direction }: Opening, title: string): void {
  const key = `${direction} ${flow.id}`;
  if (widenings.has(key)) return;
  const nameless = (direction === 'in' ? flow.from : flow.to).filter(({ addresses }) => addresses.length === 0);
  const names = nameless.map((host) => [host.name, ...host.names].join(' ')).join(', ');
  const what = direction === 'in' ? 'Any address may connect' : 'Connections to any address are allowed';
  const message = `${what}: the plan has no addresses of ${JSON.stringify(names)}, and names are no part of ${title}.`;
  widenings.set(key, { flow: flow.id, message });
}

function unknownHost(name: string): HoldfastError {
  return new HoldfastError('usage.option', {
    message: `The plan has no managed host ${JSON.stringify(name)}.`,
    guidance: 'Use the name of a host of the topology that runs parts of Holdfast.',
    context: { host: name },
  });
}
