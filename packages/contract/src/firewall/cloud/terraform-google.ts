import type { Flow, Plan, PlannedHost } from '../../plan/plan.ts';
import { formatRange } from '../../wording.ts';
import { type HostGroup, managedGroups, sourcesOf } from '../host-groups.ts';
import { checkFamilies, prefixesOf, wideningsOf } from '../network/flow-ends.ts';
import type { Renderer, RenderOptions } from '../renderer.ts';
import { ruleComment, safeText } from '../safe-text.ts';
import { digest, targetNames } from '../target-names.ts';
import { formatHcl, type HclBlock, type HclValue, Reference } from './hcl.ts';
import { removeAll, resource } from './terraform.ts';

/** Google's: names of rules and network tags, which are lower case. */
const nameCharacters = 63;
const descriptionCharacters = 2000;
/** Google's limits of one rule; what has more becomes several rules. */
const tagsPerRule = 70;
const rangesPerRule = 256;
const allowPriority = 1000;
/** Before Google's own two rules only, which let everything out. */
const dropPriority = 65_534;

type Direction = 'INGRESS' | 'EGRESS';

/**
 * Hosts with the same rules share a network tag; a rule for each flow and direction names the tags at one end and the
 * addresses at the other. Messages about a permitted connection, as for the size of packets, Google lets through by itself.
 */
export const terraformGoogle: Renderer = {
  id: 'terraform-google',
  title: 'Terraform: Google Cloud firewall rules',
  scope: 'cloud',
  verifiedBy: "HashiCorp's own HCL parser, and an evaluation of the parsed rules packet by packet; no provider",
  render(plan: Plan, { zones, otherwise = 'drop', leases = false }: RenderOptions = {}) {
    checkFamilies(plan);
    const tagOf = targetNames({ prefix: 'holdfast-', maximumLength: nameCharacters, lowerCase: true });
    const groups = managedGroups(plan, zones);
    const tags = groups.map(({ name }) => tagOf(name));
    const incoming = tagsByFlow(groups, tagOf, (group) =>
      group.incoming.map((flow) => [flow, sourcesOf(flow, group)] as const),
    );
    const outgoing = tagsByFlow(groups, tagOf, (group) => group.outgoing.map((flow) => [flow, flow.to] as const));
    const involved = plan.flows.filter((flow) => incoming.has(flow) || outgoing.has(flow));
    const rules = involved.flatMap((flow) => [
      ...[...(incoming.get(flow) ?? [])].flatMap(([peers, tags]) =>
        rulesOf(flow, { direction: 'INGRESS', tags, peers }),
      ),
      ...[...(outgoing.get(flow) ?? [])].flatMap(([peers, tags]) =>
        rulesOf(flow, { direction: 'EGRESS', tags, peers }),
      ),
    ]);
    const resources = [...rules, ...(otherwise === 'drop' ? drops(tags) : [])];
    const hostTags = Object.fromEntries(
      groups.flatMap(({ name, hosts }) => hosts.map((host) => [host.name, tagOf(name)])),
    );
    const heading = [
      `Holdfast: firewall rules for the plan ${safeText(plan.name, nameCharacters)}.`,
      'Give each instance the network tag that the output names.',
    ];
    return {
      files: [
        {
          path: 'holdfast-google.tf',
          content: formatHcl(heading, [
            provider,
            {
              head: ['variable', 'network'],
              attributes: { type: new Reference('string'), description: 'The network of the hosts.' },
            },
            ...resources,
            {
              head: ['output', 'holdfast_network_tags'],
              attributes: { description: 'The network tag of each host.', value: hostTags },
            },
          ]),
        },
      ],
      removal: [{ path: 'removal/holdfast-google.tf', content: removeAll(plan, resources, [provider]) }],
      widenings: involved.flatMap((flow) => wideningsOf(flow, { title: terraformGoogle.title, leases })),
    };
  },
};

const provider: HclBlock = {
  head: ['terraform'],
  blocks: [{ head: ['required_providers'], attributes: { google: { source: 'hashicorp/google', version: '>= 5.0' } } }],
};

/** Of each flow the peers, and the tags of the groups that have them: what a group sees of a source depends on its zone. */
type TagsByPeers = Map<readonly PlannedHost[], string[]>;

function tagsByFlow(
  groups: readonly HostGroup[],
  tagOf: (name: string) => string,
  peersOf: (group: HostGroup) => readonly (readonly [Flow, readonly PlannedHost[]])[],
): ReadonlyMap<Flow, TagsByPeers> {
  const flows = new Map<Flow, TagsByPeers>();
  for (const group of groups)
    for (const [flow, peers] of peersOf(group)) {
      const tags: TagsByPeers = flows.get(flow) ?? new Map();
      flows.set(flow, tags.set(peers, [...(tags.get(peers) ?? []), tagOf(group.name)]));
    }
  return flows;
}

interface Ends {
  readonly direction: Direction;
  readonly tags: readonly string[];
  readonly peers: readonly PlannedHost[];
}

/** Google does not mix families in one rule. */
function rulesOf(flow: Flow, { direction, tags, peers }: Ends): readonly HclBlock[] {
  return prefixesOf(peers).flatMap(({ family, prefixes }) =>
    chunks(tags, tagsPerRule).flatMap((someTags) =>
      chunks(prefixes, rangesPerRule).map((ranges) =>
        rule(`${direction}-${flow.transport}-${digest([flow.id, family, ...someTags, ...ranges].join(' '))}`, {
          direction,
          priority: allowPriority,
          tags: someTags,
          ranges,
          description: ruleComment(flow, descriptionCharacters),
          allow: { protocol: flow.transport, ports: flow.ports.map(formatRange) },
        }),
      ),
    ),
  );
}

function drops(tags: readonly string[]): readonly HclBlock[] {
  return (['INGRESS', 'EGRESS'] as const).flatMap((direction) =>
    ['0.0.0.0/0', '::/0'].flatMap((everything) =>
      chunks(tags, tagsPerRule).map((someTags) =>
        rule(`${direction}-drop-${digest([everything, ...someTags].join(' '))}`, {
          direction,
          priority: dropPriority,
          tags: someTags,
          ranges: [everything],
          description: 'What the plan does not open',
        }),
      ),
    ),
  );
}

interface Rule {
  readonly direction: Direction;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly ranges: readonly string[];
  readonly description: string;
  /** Left out: everything is denied. */
  readonly allow?: { readonly [name: string]: HclValue };
}

function rule(suffix: string, { direction, priority, tags, ranges, description, allow }: Rule): HclBlock {
  const name = `holdfast-${suffix.toLowerCase()}`;
  const attributes = {
    name,
    network: new Reference('var.network'),
    description,
    direction,
    priority,
    target_tags: tags,
    [direction === 'INGRESS' ? 'source_ranges' : 'destination_ranges']: ranges,
  };
  const action = allow ? { head: ['allow'], attributes: allow } : { head: ['deny'], attributes: { protocol: 'all' } };
  return resource('google_compute_firewall', name, attributes, [action]);
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
