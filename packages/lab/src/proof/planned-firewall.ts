import { findRenderer } from '@holdfast/contract/firewall';
import type { Flow, Plan } from '@holdfast/contract/plan';
import { HoldfastError } from '@holdfast/core';
import type { LabHost } from '../host.ts';
import type { LabNetwork } from '../network.ts';
import type { UnusedRule } from './proof.ts';

/** The rules that the plan gives each host, with some flows left out. */
export class PlannedFirewall {
  readonly #plan: Plan;
  readonly #network: LabNetwork;
  /** Those with rules; neighbours have none. */
  readonly #hosts: readonly LabHost[];

  constructor(plan: Plan, network: LabNetwork) {
    this.#plan = plan;
    this.#network = network;
    this.#hosts = plan.hosts.filter(({ managed }) => managed).map(({ name }) => network.host(name));
  }

  async apply(closed: readonly Flow[]): Promise<void> {
    const plan = { ...this.#plan, flows: this.#plan.flows.filter((flow) => !closed.includes(flow)) };
    const renderer = findRenderer('nftables');
    if (!renderer) throw new HoldfastError('lab.impossible', { message: 'The renderer for nftables is missing.' });
    for (const host of this.#hosts) {
      const { files } = await renderer.render(plan, { host: host.name });
      for (const { content } of files) host.namespace.nft(content.toString());
    }
  }

  /** Ends the connections that were open along the flows: a firewall lets what is established go on. */
  async cut(flows: readonly Flow[]): Promise<void> {
    for (const flow of flows) {
      const ports = flow.ports.flatMap(({ from, to }) => [
        `( sport >= :${from} and sport <= :${to} )`,
        `( dport >= :${from} and dport <= :${to} )`,
      ]);
      for (const { name, addresses } of [...flow.from, ...flow.to]) {
        const others = (flow.from.some((one) => one.name === name) ? flow.to : flow.from).flatMap((one) => [
          ...one.addresses,
          ...(one.seenAs?.addresses ?? []),
        ]);
        const host = this.#network.hosts.find((one) => one.name === name);
        if (!host || addresses.length === 0) continue;
        const filter = `( ${ports.join(' or ')} ) and ( ${others.map((address) => `dst ${address}`).join(' or ')} )`;
        await host.run('ss', ['-K', '-n', flow.transport === 'tcp' ? '-t' : '-u', ...filter.split(' ')]);
      }
    }
  }

  /** Rules through which no packet came since they were applied. */
  unusedRules(): readonly UnusedRule[] {
    return this.#hosts.flatMap((host) => {
      const listed = JSON.parse(host.namespace.readNft('-j', 'list', 'table', 'inet', 'holdfast')) as {
        nftables: readonly {
          rule?: { chain: string; comment?: string; expr: readonly { counter?: { packets: number } }[] };
        }[];
      };
      return listed.nftables.flatMap(({ rule }) => {
        const comment = rule?.comment ?? '';
        const unused = rule?.expr.some(({ counter }) => counter?.packets === 0) ?? false;
        return unused && rule && !alwaysThere.has(comment)
          ? [{ host: host.name, chain: rule.chain, rule: comment }]
          : [];
      });
    });
  }
}

/** Rules that are not of the plan, by their comments. */
const alwaysThere: ReadonlySet<string> = new Set(['established', 'invalid', 'loopback', 'icmp', 'icmpv6', 'leased']);
