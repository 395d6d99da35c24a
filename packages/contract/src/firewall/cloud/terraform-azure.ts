import type { Flow, Plan, PlannedHost } from '../../plan/plan.ts';
import { formatRange } from '../../wording.ts';
import { describeGroup, type HostGroup, managedGroups, sourcesOf } from '../host-groups.ts';
import { checkFamilies, inexpressible, prefixesOf, wideningsOf } from '../network/flow-ends.ts';
import type { Renderer, RenderOptions } from '../renderer.ts';
import { ruleComment, safeText } from '../safe-text.ts';
import { digest, targetNames } from '../target-names.ts';
import { formatHcl, type HclBlock, type HclValue, Reference } from './hcl.ts';
import { removeAll, resource } from './terraform.ts';

/** Azure's limits. */
const nameCharacters = 80;
const descriptionCharacters = 140;
const rulesPerGroup = 1000;
/** Of all rules of a group together. */
const prefixesPerGroup = 4000;
const firstPriority = 100;
const lastPriority = 4096;

type Direction = 'Inbound' | 'Outbound';

interface Rule {
  readonly name: string;
  readonly direction: Direction;
  readonly attributes: { readonly [name: string]: HclValue };
  readonly prefixes: readonly string[];
}

/** A network security group for hosts with the same rules, each rule with all its addresses and ports. */
export const terraformAzure: Renderer = {
  id: 'terraform-azure',
  title: 'Terraform: Azure network security groups',
  scope: 'cloud',
  verifiedBy: "HashiCorp's own HCL parser, and an evaluation of the parsed rules packet by packet; no provider",
  render(plan: Plan, { zones, otherwise = 'drop', leases = false }: RenderOptions = {}) {
    checkFamilies(plan);
    const labelOf = targetNames({ prefix: 'holdfast-', maximumLength: nameCharacters, alsoAllowed: '_' });
    const groups = managedGroups(plan, zones).map((group) => ({ group, label: labelOf(group.name) }));
    const resources = groups.flatMap(({ group, label }) => securityGroup(group, { label, otherwise }));
    const ids = Object.fromEntries(
      groups.flatMap(({ group, label }) => group.hosts.map((host) => [host.name, idOf(label)])),
    );
    const involved = new Set(groups.flatMap(({ group }) => [...group.incoming, ...group.outgoing]));
    const heading = [
      `Holdfast: network security groups for the plan ${safeText(plan.name, nameCharacters)}.`,
      'Associate with the network interface of each host the group that the output names.',
    ];
    const text = { type: new Reference('string') };
    return {
      files: [
        {
          path: 'holdfast-azure.tf',
          content: formatHcl(heading, [
            provider,
            { head: ['variable', 'resource_group_name'], attributes: text },
            { head: ['variable', 'location'], attributes: text },
            ...resources,
            {
              head: ['output', 'holdfast_security_group_ids'],
              attributes: { description: 'The network security group of each host.', value: ids },
            },
          ]),
        },
      ],
      removal: [{ path: 'removal/holdfast-azure.tf', content: removeAll(plan, resources, [provider]) }],
      widenings: plan.flows
        .filter((flow) => involved.has(flow))
        .flatMap((flow) => wideningsOf(flow, { title: terraformAzure.title, leases })),
    };
  },
};

const provider: HclBlock = {
  head: ['terraform'],
  blocks: [
    { head: ['required_providers'], attributes: { azurerm: { source: 'hashicorp/azurerm', version: '>= 3.0' } } },
  ],
};

function idOf(label: string): Reference {
  return new Reference(`azurerm_network_security_group.${label}.id`);
}

interface GroupOptions {
  readonly label: string;
  readonly otherwise: 'drop' | 'leave';
}

function securityGroup(group: HostGroup, { label, otherwise }: GroupOptions): readonly HclBlock[] {
  const inbound = group.incoming.flatMap((flow) => rulesOf(flow, 'Inbound', sourcesOf(flow, group)));
  const outbound = group.outgoing.flatMap((flow) => rulesOf(flow, 'Outbound', flow.to));
  const drops = otherwise === 'drop' ? [drop('Inbound'), drop('Outbound')] : [];
  checkLimits(group, [...inbound, ...outbound, ...drops]);
  const place = { resource_group_name: new Reference('var.resource_group_name') };
  const rule = ({ name, direction, attributes }: Rule, priority: number): HclBlock =>
    resource('azurerm_network_security_rule', `${label}-${name}`, {
      name,
      ...place,
      network_security_group_name: new Reference(`azurerm_network_security_group.${label}.name`),
      priority,
      direction,
      ...attributes,
    });
  return [
    resource('azurerm_network_security_group', label, {
      name: label,
      ...place,
      location: new Reference('var.location'),
    }),
    ...[inbound, outbound].flatMap((rules) => rules.map((one, index) => rule(one, firstPriority + index))),
    ...drops.map((one) => rule(one, lastPriority)),
  ];
}

/** The group stands at the host, so its own end is any address. Azure does not mix families in one rule. */
function rulesOf(flow: Flow, direction: Direction, peers: readonly PlannedHost[]): readonly Rule[] {
  const [own, other] = direction === 'Inbound' ? ['destination', 'source'] : ['source', 'destination'];
  return prefixesOf(peers).map(({ family, prefixes }) => ({
    name: `hf-${direction.toLowerCase()}-${flow.transport}-${digest(flow.id)}-${family}`,
    direction,
    prefixes,
    attributes: {
      access: 'Allow',
      protocol: flow.transport === 'tcp' ? 'Tcp' : 'Udp',
      source_port_range: '*',
      destination_port_ranges: flow.ports.map(formatRange),
      [`${own}_address_prefix`]: '*',
      [`${other}_address_prefixes`]: prefixes,
      description: ruleComment(flow, descriptionCharacters),
    },
  }));
}

function drop(direction: Direction): Rule {
  return {
    name: `hf-${direction.toLowerCase()}-drop`,
    direction,
    prefixes: [],
    attributes: {
      access: 'Deny',
      protocol: '*',
      source_port_range: '*',
      destination_port_range: '*',
      source_address_prefix: '*',
      destination_address_prefix: '*',
      description: 'What the plan does not open',
    },
  };
}

function checkLimits(group: HostGroup, rules: readonly Rule[]): void {
  const prefixes = new Set(rules.flatMap((rule) => rule.prefixes));
  const guidance = 'Let one entry of the topology with a prefix stand for many computers.';
  if (rules.length > rulesPerGroup)
    throw inexpressible(
      `${describeGroup(group)} would need ${rules.length} rules; an Azure network security group takes ${rulesPerGroup}.`,
      guidance,
    );
  if (prefixes.size > prefixesPerGroup)
    throw inexpressible(
      `The rules of ${describeGroup(group)} would name ${prefixes.size} addresses; an Azure network security group takes ${prefixesPerGroup}.`,
      guidance,
    );
}
