import type { Flow, Plan, PlannedHost } from '../../plan/plan.ts';
import { formatRange } from '../../wording.ts';
import { describeGroup, type HostGroup, managedGroups, sourcesOf } from '../host-groups.ts';
import { checkFamilies, inexpressible, prefixesOf, wideningsOf } from '../network/flow-ends.ts';
import type { Renderer, RenderOptions } from '../renderer.ts';
import { ruleComment, safeText } from '../safe-text.ts';
import { digest, targetNames } from '../target-names.ts';
import { formatHcl, type HclBlock, Reference } from './hcl.ts';
import { removeAll, resource } from './terraform.ts';

/** Amazon's: names and descriptions. */
const nameCharacters = 255;
const descriptionCharacters = 255;
/** Amazon's default quotas: rules of a group in one direction, for each address family; groups of a network interface. */
const rulesPerGroup = 60;
const groupsPerInterface = 5;

type Direction = 'ingress' | 'egress';

interface Rule {
  readonly direction: Direction;
  readonly transport: string;
  readonly from: number;
  readonly to: number;
  /** `cidr_ipv4`, `cidr_ipv6` or `referenced_security_group_id`. */
  readonly peer: readonly [attribute: string, value: string | Reference];
  readonly description: string;
}

/** A security group, or several where the rules don't fit into one. Peers that get groups themselves are named by theirs. */
export const terraformAws: Renderer = {
  id: 'terraform-aws',
  title: 'Terraform: AWS security groups',
  scope: 'cloud',
  verifiedBy: "HashiCorp's own HCL parser, and an evaluation of the parsed rules packet by packet; no provider",
  render(plan: Plan, { zones, otherwise = 'drop', leases = false }: RenderOptions = {}) {
    if (otherwise === 'leave')
      throw inexpressible(
        'An AWS security group drops what no group of the host allows.',
        'Render it without the option that leaves everything else as it is.',
      );
    checkFamilies(plan);
    const groups = managedGroups(plan, zones);
    const labelOf = targetNames({ prefix: 'holdfast-', maximumLength: nameCharacters - 60, alsoAllowed: '_' });
    const groupOf = new Map(groups.flatMap((group) => group.hosts.map((host) => [host, labelOf(group.name)] as const)));
    const parts = groups.map((group) => ({
      group,
      parts: split(group, rulesOf(group, groupOf)),
      label: labelOf(group.name),
    }));
    const resources = parts.flatMap(({ group, parts, label }) =>
      parts.flatMap((rules, index) => securityGroup(group, { rules, label: partLabel(label, index) })),
    );
    const ids = Object.fromEntries(
      parts.flatMap(({ group, parts, label }) =>
        group.hosts.map((host) => [host.name, parts.map((_, index) => idOf(partLabel(label, index)))]),
      ),
    );
    const involved = plan.flows.filter(({ from, to }) => [...from, ...to].some((host) => groupOf.has(host)));
    const heading = [
      `Holdfast: security groups for the plan ${safeText(plan.name, nameCharacters)}.`,
      'Attach to the network interfaces of each host the groups that the output names, and no others: groups only ever allow.',
    ];
    return {
      files: [
        {
          path: 'holdfast-aws.tf',
          content: formatHcl(heading, [
            provider,
            {
              head: ['variable', 'vpc_id'],
              attributes: { type: new Reference('string'), description: 'The network of the hosts.' },
            },
            ...resources,
            {
              head: ['output', 'holdfast_security_group_ids'],
              attributes: { description: 'The security groups of each host.', value: ids },
            },
          ]),
        },
      ],
      removal: [{ path: 'removal/holdfast-aws.tf', content: removeAll(plan, resources, [provider]) }],
      widenings: involved.flatMap((flow) => wideningsOf(flow, { title: terraformAws.title, leases })),
    };
  },
};

const provider: HclBlock = {
  head: ['terraform'],
  blocks: [{ head: ['required_providers'], attributes: { aws: { source: 'hashicorp/aws', version: '>= 5.0' } } }],
};

function rulesOf(group: HostGroup, groupOf: ReadonlyMap<PlannedHost, string>): readonly Rule[] {
  const channels = new Map<string, { rule: Omit<Rule, 'description'>; comments: Set<string> }>();
  const add = (flow: Flow, direction: Direction, peers: readonly PlannedHost[]): void => {
    for (const peer of peersOf(peers, groupOf))
      for (const { from, to } of flow.ports) {
        const rule = { direction, transport: flow.transport, from, to, peer };
        const key = JSON.stringify([direction, flow.transport, from, to, nameOfPeer(peer)]);
        // Amazon refuses a rule that the group has already, as flows with overlapping ends would bring it.
        const known = channels.get(key);
        if (known) known.comments.add(ruleComment(flow, descriptionCharacters));
        else channels.set(key, { rule, comments: new Set([ruleComment(flow, descriptionCharacters)]) });
      }
  };
  for (const flow of group.incoming) add(flow, 'ingress', sourcesOf(flow, group));
  for (const flow of group.outgoing) add(flow, 'egress', flow.to);
  return [
    ...pathMtu,
    ...[...channels.values()].map(({ rule, comments }) => ({
      ...rule,
      description: safeText([...comments].join(', '), descriptionCharacters),
    })),
  ];
}

/** Groups keep no track of the messages that tell how large packets may be; without them large packets vanish. */
const pathMtu: readonly Rule[] = [
  {
    direction: 'ingress',
    transport: 'icmp',
    from: 3,
    to: 4,
    peer: ['cidr_ipv4', '0.0.0.0/0'],
    description: 'path MTU discovery',
  },
  {
    direction: 'ingress',
    transport: 'icmpv6',
    from: 2,
    to: 0,
    peer: ['cidr_ipv6', '::/0'],
    description: 'path MTU discovery',
  },
];

function peersOf(hosts: readonly PlannedHost[], groupOf: ReadonlyMap<PlannedHost, string>): readonly Rule['peer'][] {
  const labels = new Set(hosts.flatMap((host) => groupOf.get(host) ?? []));
  const others = hosts.filter((host) => !groupOf.has(host));
  return [
    ...[...labels].map((label) => ['referenced_security_group_id', idOf(label)] as const),
    ...prefixesOf(others).flatMap(({ family, prefixes }) =>
      prefixes.map((prefix) => [`cidr_${family}`, prefix] as const),
    ),
  ];
}

function nameOfPeer([, value]: Rule['peer']): string {
  return value instanceof Reference ? value.expression : value;
}

/** Each part holds as many rules of each direction and family as a group takes; a rule for a group counts for both. */
function split(group: HostGroup, rules: readonly Rule[]): readonly (readonly Rule[])[] {
  const counts = new Map<string, number>();
  const parts: Rule[][] = [[]];
  for (const rule of rules) {
    const kinds = rule.peer[0] === 'referenced_security_group_id' ? ['cidr_ipv4', 'cidr_ipv6'] : [rule.peer[0]];
    const taken = kinds.map((kind) => `${rule.direction} ${kind}`);
    const number = Math.max(...taken.map((key) => counts.get(key) ?? 0)) + 1;
    for (const key of taken) counts.set(key, number);
    const part = Math.floor((number - 1) / rulesPerGroup);
    (parts[part] ??= []).push(rule);
  }
  if (parts.length > groupsPerInterface)
    throw inexpressible(
      `${describeGroup(group)} would need ${parts.length} security groups of ${rulesPerGroup} rules each way; a network interface takes ${groupsPerInterface}.`,
      'Let one entry of the topology with a prefix stand for many computers.',
    );
  return parts;
}

function partLabel(label: string, index: number): string {
  return index === 0 ? label : `${label}_${index + 1}`;
}

function idOf(label: string): Reference {
  return new Reference(`aws_security_group.${label}.id`);
}

function securityGroup(
  group: HostGroup,
  { rules, label }: { rules: readonly Rule[]; label: string },
): readonly HclBlock[] {
  return [
    resource('aws_security_group', label, {
      name: label,
      description: safeText(`Holdfast: ${describeGroup(group)}`, descriptionCharacters),
      vpc_id: new Reference('var.vpc_id'),
    }),
    ...rules.map(({ direction, transport, from, to, peer, description }) => {
      const ports = formatRange({ from, to });
      const name = `${label}-${direction}-${transport}-${ports}-${digest(nameOfPeer([...peer]))}`;
      return resource(`aws_vpc_security_group_${direction}_rule`, name, {
        security_group_id: idOf(label),
        ip_protocol: transport,
        from_port: from,
        to_port: to,
        [peer[0]]: peer[1],
        description,
      });
    }),
  ];
}
