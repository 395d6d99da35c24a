import { randomBytes } from 'node:crypto';
import type { Plan } from '@holdfast/contract/plan';
import { HoldfastError } from '@holdfast/core';
import { LabHost } from './host.ts';
import { maxHosts } from './limits.ts';
import { Namespace } from './namespace.ts';

/** A computer to build. */
export interface HostPlace {
  readonly name: string;
  /** IPv4 and IPv6 addresses; each is used once in the lab. */
  readonly addresses: readonly string[];
  /** The address of the router that hides it (NAT): others see that one, and nothing from outside its zone gets in. */
  readonly behind?: string;
  readonly zone: string;
}

/** The computers of a plan that get rules of their own; neighbours are not built. */
export function placesOf(plan: Plan): readonly HostPlace[] {
  return plan.hosts
    .filter(({ managed }) => managed)
    .map(({ name, zone, addresses, seenAs }) => ({
      ...{ name, zone, addresses },
      ...(seenAs?.addresses[0] === undefined ? {} : { behind: seenAs.addresses[0] }),
    }));
}

/** The router of the lab as its hosts see it: link-local addresses, the same on each link. */
const routerAddress = '169.254.1.1';
const routerAddress6 = 'fe80::1';

/**
 * Computers as network namespaces, each with a link of its own to one router, which forwards everything and filters nothing
 * but what a NAT would: what a host allows is up to the host. Any addresses will do, since nothing of it is connected to the
 * machine that it runs on.
 */
export class LabNetwork implements AsyncDisposable {
  readonly hosts: readonly LabHost[];
  /** What passes between hosts passes here, once: `tcpdump -i any`. */
  readonly router: Namespace;

  private constructor(router: Namespace, hosts: readonly LabHost[]) {
    this.router = router;
    this.hosts = hosts;
  }

  /** @throws `lab.impossible` without the rights, the programs, or with too many hosts. Nothing is left behind then. */
  static build(
    places: readonly HostPlace[],
    options: { readonly folder: string; readonly program: readonly string[] },
  ): LabNetwork {
    if (places.length > maxHosts)
      throw new HoldfastError('lab.impossible', {
        message: `${places.length} hosts are too many for a lab: it takes ${maxHosts}.`,
      });
    // Names of interfaces and namespaces are short, and another lab may be up.
    const prefix = `hf${randomBytes(3).toString('hex')}`;
    using stack = new DisposableStack();
    const router = stack.use(new Namespace(`${prefix}r`));
    router.ip('link', 'set', 'lo', 'up');
    router.sysctl({ 'net/ipv4/ip_forward': '1', 'net/ipv6/conf/all/forwarding': '1' });
    for (const address of new Set(places.flatMap(({ behind }) => behind ?? [])))
      router.ip('address', 'add', address, 'dev', 'lo');
    const hosts = places.map((place, index) => {
      const namespace = stack.use(new Namespace(`${prefix}h${index + 1}`, place.name));
      connect(router, namespace, { port: `port${index + 1}`, addresses: place.addresses });
      return new LabHost({ ...place, namespace, folder: options.folder, program: options.program });
    });
    router.nft(translation(places));
    // From here on the lab takes them down.
    stack.move();
    return new LabNetwork(router, hosts);
  }

  /** @throws `lab.impossible` for a name that no host has. */
  host(name: string): LabHost {
    const found = this.hosts.find((host) => host.name === name);
    if (!found) throw new HoldfastError('lab.impossible', { message: `The lab has no host ${name}.` });
    return found;
  }

  /** Ends every process, the last one started first, and takes everything down. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.hosts.toReversed()) await host[Symbol.asyncDispose]();
    this.router[Symbol.dispose]();
  }
}

function connect(
  router: Namespace,
  host: Namespace,
  o: { readonly port: string; readonly addresses: readonly string[] },
): void {
  host.ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', o.port, 'netns', router.name);
  // Addresses are usable at once, without the seconds of duplicate address detection.
  host.sysctl({ 'net/ipv6/conf/all/accept_dad': '0', 'net/ipv6/conf/eth0/accept_dad': '0' });
  // A blocked connection is given up after 31 s instead of 127: our programs do so before, but the system's resolver does not.
  host.sysctl({ 'net/ipv4/tcp_syn_retries': '4' });
  router.sysctl({ [`net/ipv6/conf/${o.port}/accept_dad`]: '0' });
  for (const device of ['lo', 'eth0']) host.ip('link', 'set', device, 'up');
  router.ip('link', 'set', o.port, 'up');
  router.ip('address', 'add', `${routerAddress}/32`, 'dev', o.port);
  router.ip('address', 'add', `${routerAddress6}/64`, 'dev', o.port, 'nodad');
  for (const address of o.addresses) {
    const six = address.includes(':');
    host.ip('address', 'add', `${address}/${six ? 128 : 32}`, 'dev', 'eth0', ...(six ? ['nodad'] : []));
    router.ip('route', 'add', address, 'dev', o.port);
  }
  host.ip('route', 'add', routerAddress, 'dev', 'eth0', 'scope', 'link');
  host.ip('route', 'add', 'default', 'via', routerAddress, 'onlink', 'dev', 'eth0');
  host.ip('-6', 'route', 'add', 'default', 'via', routerAddress6, 'dev', 'eth0');
}

/** What hides hosts behind the router: their connections come from its address, and none reaches them from another zone. */
function translation(places: readonly HostPlace[]): string {
  const hidden = places.filter(({ behind }) => behind !== undefined);
  const rules = (make: (place: HostPlace, neighbours: string) => readonly string[]): string =>
    hidden
      .flatMap((place) => {
        const neighbours = places.filter(({ zone }) => zone === place.zone).flatMap(({ addresses }) => addresses);
        return make(place, `{ ${neighbours.filter((address) => !address.includes(':')).join(', ')} }`);
      })
      .map((rule) => `    ${rule}\n`)
      .join('');
  return `table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat;
${rules(({ addresses, behind }, neighbours) => addresses.filter((address) => !address.includes(':')).map((address) => `ip saddr ${address} ip daddr != ${neighbours} snat to ${behind}`))}  }
  chain forward {
    type filter hook forward priority filter;
    ct state established,related accept
${rules(({ addresses }, neighbours) => addresses.filter((address) => !address.includes(':')).map((address) => `ip daddr ${address} ip saddr != ${neighbours} drop`))}  }
}
`;
}
