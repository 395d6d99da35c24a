import type { Flow, Plan, PlannedHost } from '../../plan/plan.ts';
import { describeGroup, type HostGroup, managedGroups, sourcesOf } from '../host-groups.ts';
import { checkFamilies, inexpressible, prefixesOf, wideningsOf } from '../network/flow-ends.ts';
import type { Renderer, RenderOptions } from '../renderer.ts';
import { ruleComment, safeText } from '../safe-text.ts';
import { targetNames } from '../target-names.ts';
import { formatYaml, type YamlValue } from '../yaml-text.ts';

/** Kubernetes' limit for the value of a label. */
const labelCharacters = 63;
const commentCharacters = 200;
const label = 'holdfast/group';

/**
 * A policy for pods with the same rules. Pods are named by label, since their addresses change; what is outside the zones
 * of the cluster is named by address.
 */
export const kubernetes: Renderer = {
  id: 'kubernetes',
  title: 'Kubernetes network policies',
  scope: 'cloud',
  verifiedBy:
    'the JSON Schema that Kubernetes publishes, a YAML parser, and an evaluation of the policies packet by packet; no cluster',
  render(plan: Plan, { zones, otherwise = 'drop', leases = false }: RenderOptions = {}) {
    if (otherwise === 'leave')
      throw inexpressible(
        'A Kubernetes network policy drops what it does not allow, for every pod that it selects.',
        'Render it without the option that leaves everything else as it is.',
      );
    checkFamilies(plan);
    const nameOf = targetNames({ prefix: 'holdfast-', maximumLength: labelCharacters, lowerCase: true });
    const groups = managedGroups(plan, zones);
    const groupOf = new Map(groups.flatMap(({ name, hosts }) => hosts.map((host) => [host, nameOf(name)] as const)));
    const involved = new Set(groups.flatMap(({ incoming, outgoing }) => [...incoming, ...outgoing]));
    const planName = safeText(plan.name, commentCharacters);
    const heading = [
      `Holdfast: network policies for the plan ${planName}. All pods are in one namespace.`,
      `Each pod needs the label ${label} with the name of the policy that describes its host.`,
    ];
    const names = groups.map(({ name }) => nameOf(name));
    return {
      files: [
        {
          path: 'kubernetes.yaml',
          content: groups
            .map((group, index) =>
              formatYaml(
                [...(index === 0 ? heading : []), ...hostLines(group)],
                policy(group, nameOf(group.name), groupOf),
              ),
            )
            .join(''),
        },
      ],
      removal: [
        {
          path: 'removal/kubernetes.yaml',
          content: names
            .map((name, index) =>
              formatYaml(
                index === 0 ? [`Holdfast: for kubectl delete -f; the policies of the plan ${planName}.`] : [],
                {
                  ...kind,
                  metadata: { name },
                },
              ),
            )
            .join(''),
        },
      ],
      widenings: plan.flows
        .filter((flow) => involved.has(flow))
        .flatMap((flow) => wideningsOf(flow, { title: kubernetes.title, leases })),
    };
  },
};

/** Which pods get the label: a pod for each host. */
function hostLines({ hosts }: HostGroup): readonly string[] {
  const names = hosts.map(({ name }) => safeText(name, commentCharacters));
  return ['Hosts:', ...names.map((name) => `  ${name}`)];
}

const kind = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' } as const;

type Groups = ReadonlyMap<PlannedHost, string>;

function policy(group: HostGroup, name: string, groupOf: Groups): { readonly [key: string]: YamlValue } {
  return {
    ...kind,
    metadata: { name, annotations: { 'holdfast/hosts': safeText(describeGroup(group), commentCharacters) } },
    spec: {
      podSelector: { matchLabels: { [label]: name } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: group.incoming.map((flow) => rule(flow, { from: peers(sourcesOf(flow, group), groupOf) })),
      egress: group.outgoing.map((flow) => rule(flow, { to: peers(flow.to, groupOf) })),
    },
  };
}

function rule(flow: Flow, end: { readonly [key: string]: YamlValue }): YamlValue {
  const protocol = flow.transport.toUpperCase();
  const ports = flow.ports.map(({ from, to }) =>
    from === to ? { protocol, port: from } : { protocol, port: from, endPort: to },
  );
  return { '#': ruleComment(flow, commentCharacters), ...end, ports };
}

function peers(hosts: readonly PlannedHost[], groupOf: Groups): readonly YamlValue[] {
  const names = new Set(hosts.flatMap((host) => groupOf.get(host) ?? []));
  const others = prefixesOf(hosts.filter((host) => !groupOf.has(host)));
  // Of many networks a block of addresses means what is outside of the cluster: everybody is all pods, too.
  const isEverybody = others.some(({ prefixes }) => prefixes.some((prefix) => prefix.endsWith('/0')));
  return [
    ...(isEverybody ? [{ podSelector: {} }] : []),
    ...[...names].map((name) => ({ podSelector: { matchLabels: { [label]: name } } })),
    ...others.flatMap(({ prefixes }) => prefixes.map((cidr) => ({ ipBlock: { cidr } }))),
  ];
}
