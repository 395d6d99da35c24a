import { type ChannelId, channel, type FeatureId, features } from '@holdfast/contract';
import type { Flow, OpeningChange, Plan, PlannedHost } from '@holdfast/contract/plan';
import type { AuditResult, CheckResult, FleetWorkView, NetworkChange, NetworkMap } from '@holdfast/protocol';
import type { ChannelReport } from '@holdfast/wire';
import type { Fleet } from '../port-checks/fleet.ts';
import { shownCauses, shownDrift, shownHosts } from './limits.ts';

/** What is known of the network beside the plan. */
export interface Known {
  readonly fleet: Fleet;
  readonly zones: NetworkMap['zones'];
  /** What the server has counted, and computers by id, as far as they have told. */
  readonly ownReport: () => ChannelReport;
  readonly reportOf: (computerId: string) => ChannelReport | undefined;
  readonly check: FleetWorkView | undefined;
  /** The newest first. */
  readonly endedChecks: readonly EndedCheck[];
  readonly audit: { readonly view: FleetWorkView; readonly results: readonly AuditResult[] } | undefined;
}

export interface EndedCheck {
  readonly id: string;
  readonly endedAt: string;
  readonly results: readonly CheckResult[];
}

type FlowView = NetworkMap['flows'][number];
type FlowFacts = Omit<FlowView, 'from' | 'to'>;

/** A plan for a drawing. Hosts that are alike are one node, so that ten thousand computers are as easily looked at as ten. */
export function networkMap(plan: Plan, known: Known): NetworkMap {
  const facts = factsOf(known);
  const { nodes, nodesOf } = nodesIn(plan, known.fleet);
  const flows = plan.flows.map((flow) => ({
    ...facts(flow),
    from: nodesOf(flow.from),
    to: nodesOf(flow.to),
  }));
  const used = new Set(plan.flows.flatMap((flow) => flow.features));
  return {
    name: plan.name,
    zones: [...known.zones],
    nodes,
    flows,
    features: [...used].map(featureView),
    notes: [...plan.notes],
    ...(known.check ? { check: known.check } : {}),
    ...(known.audit
      ? {
          audit: {
            ...known.audit.view,
            drift: known.audit.results
              .filter(({ findings }) => findings.length > 0)
              .slice(0, shownDrift)
              .map(({ host, findings }) => ({ host, findings })),
          },
        }
      : {}),
  };
}

export function changesOf(changes: readonly OpeningChange[], known: Known): NetworkChange[] {
  const facts = factsOf(known);
  return changes.map(({ from, to, flow }) => ({
    flow: facts(flow),
    from: from.slice(0, shownHosts).map((host) => host.name),
    to: to.slice(0, shownHosts).map((host) => host.name),
    fromHosts: from.length,
    toHosts: to.length,
  }));
}

function nodesIn(
  plan: Plan,
  fleet: Fleet,
): { readonly nodes: NetworkMap['nodes']; readonly nodesOf: (hosts: readonly PlannedHost[]) => string[] } {
  const ends = new Map<PlannedHost, string[]>();
  plan.flows.forEach(({ from, to }, index) => {
    for (const [side, hosts] of [
      ['f', from],
      ['t', to],
    ] as const)
      for (const host of hosts) {
        const known = ends.get(host);
        if (known) known.push(`${side}${index}`);
        else ends.set(host, [`${side}${index}`]);
      }
  });
  const groups = Map.groupBy(plan.hosts, (host) =>
    JSON.stringify([host.zone, host.managed, host.platform ?? '', host.roles, ends.get(host) ?? []]),
  );
  const nodeOf = new Map<PlannedHost, string>();
  const nodes = [...groups.values()].flatMap((hosts) => {
    const [first] = hosts;
    if (!first) return [];
    // Stable as long as its first host is: a drawing does not jump when a computer joins.
    const id = first.name;
    for (const host of hosts) nodeOf.set(host, id);
    return [
      {
        ...{ id, zone: first.zone, roles: [...first.roles], managed: first.managed, count: hosts.length },
        ...(first.platform === undefined ? {} : { platform: first.platform }),
        hosts: hosts.slice(0, shownHosts).map((host) => ({
          name: host.name,
          addresses: [...host.addresses],
          computerIds: computersAt(host, fleet),
        })),
      },
    ];
  });
  const nodesOf = (hosts: readonly PlannedHost[]): string[] => [
    ...new Set(hosts.flatMap((host) => nodeOf.get(host) ?? [])),
  ];
  return { nodes, nodesOf };
}

function computersAt(host: PlannedHost, { computers }: Fleet): string[] {
  return (computers.get(host) ?? []).flatMap(({ programs }) =>
    [...programs.values()].flatMap((program) => (program.process === 'server' ? [] : [program.computer.id])),
  );
}

/** What there is to say of a flow, whoever draws it. */
function factsOf(known: Known): (flow: Flow) => FlowFacts {
  const found = lastFound(known.endedChecks);
  const lastUse = lastUses(known);
  return (flow) => {
    const channels = flow.channels.map((id) => {
      const { purpose, application, security } = channel(id);
      const lastUsedAt = lastUse(flow, id);
      return {
        ...{ id, purpose, application, security, isFallback: flow.fallbackFor.includes(id) },
        ...(lastUsedAt === undefined ? {} : { lastUsedAt }),
      };
    });
    const last = channels.flatMap(({ lastUsedAt }) => lastUsedAt ?? []).reduce(later, '');
    const check = checkOf(found.get(flow.id) ?? []);
    return {
      id: flow.id,
      fromHosts: flow.from.length,
      toHosts: flow.to.length,
      transport: flow.transport,
      ports: flow.ports.map(({ from, to }) => ({ from, to })),
      ...{ origin: flow.origin, leased: flow.leased, channels, rows: [...flow.rows] },
      features: flow.features.map(featureView),
      reasons: [...flow.reasons],
      ...(last === '' ? {} : { lastUsedAt: last }),
      ...(check ? { check } : {}),
    };
  };
}

const worst = ['failed', 'warning', 'unchecked', 'open'] as const;

interface Found {
  readonly check: EndedCheck;
  readonly results: readonly CheckResult[];
}

/**
 * By flow: of each pair of computers what the newest check that tried it has found, the newest first. A check of one opening says
 * nothing of the others, whose results stand.
 */
function lastFound(checks: readonly EndedCheck[]): ReadonlyMap<string, readonly Found[]> {
  const found = new Map<string, Found[]>();
  const tried = new Set<string>();
  for (const check of checks) {
    const pairs = Map.groupBy(check.results, ({ flow, from, to }) => JSON.stringify([flow, from, to]));
    for (const [pair, results] of pairs) {
      const flow = results[0]?.flow;
      if (flow === undefined || tried.has(pair)) continue;
      tried.add(pair);
      const known = found.get(flow);
      if (known) known.push({ check, results });
      else found.set(flow, [{ check, results }]);
    }
  }
  return found;
}

function checkOf(found: readonly Found[]): FlowView['check'] {
  const results = found.flatMap((one) => one.results);
  const outcome = worst.find((each) => results.some((result) => result.outcome === each));
  // Who follows the link wants to see that outcome there, not what a newer check of another pair found.
  const check = found.find((one) => one.results.some((result) => result.outcome === outcome))?.check;
  if (outcome === undefined || !check) return undefined;
  const told = results.flatMap(({ diagnoses, reason }) => [
    ...diagnoses.map(({ cause }) => cause),
    ...(reason ? [reason] : []),
  ]);
  return {
    ...{ checkId: check.id, at: check.endedAt, outcome },
    causes: [...new Set(told)].slice(0, shownCauses),
  };
}

/** When any computer at the dialling end of a flow used a channel last, or one at the other end was reached along it. */
function lastUses({ fleet, ownReport, reportOf }: Known): (flow: Flow, id: ChannelId) => string | undefined {
  /** By host, direction and channel. */
  const uses = new Map<PlannedHost, Map<string, string>>();
  for (const [host, computers] of fleet.computers) {
    const times = new Map<string, string>();
    for (const { programs } of computers)
      for (const program of programs.values()) {
        const report = program.process === 'server' ? ownReport() : reportOf(program.computer.id);
        for (const { channel: used, direction, lastUsedAt } of report?.traffic ?? []) {
          const key = `${direction} ${used}`;
          times.set(key, later(times.get(key) ?? '', lastUsedAt));
        }
      }
    if (times.size > 0) uses.set(host, times);
  }
  return (flow, id) => {
    let last = '';
    for (const [hosts, direction] of [
      [flow.from, 'out'],
      [flow.to, 'in'],
    ] as const)
      for (const host of hosts) last = later(last, uses.get(host)?.get(`${direction} ${id}`) ?? '');
    return last === '' ? undefined : last;
  };
}

function later(a: string, b: string): string {
  return a > b ? a : b;
}

function featureView(id: FeatureId): { id: string; stops: string } {
  return { id, stops: features[id] };
}
