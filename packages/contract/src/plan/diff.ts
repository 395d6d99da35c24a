import { formatRange } from '../wording.ts';
import type { Flow, Plan, PlannedHost } from './plan.ts';

/** An opening, or a part of one, that only one of two plans has. */
export interface OpeningChange {
  readonly from: readonly PlannedHost[];
  readonly to: readonly PlannedHost[];
  /** The flow of that plan that it belongs to. */
  readonly flow: Flow;
}

export interface PlanDiff {
  readonly added: readonly OpeningChange[];
  readonly removed: readonly OpeningChange[];
}

/** Compares what two plans open, host by host: a flow that only got one more host shows as that host's openings. */
export function diffPlans(before: Plan, after: Plan): PlanDiff {
  return { added: missingIn(before, after), removed: missingIn(after, before) };
}

/** What the second plan opens and the first does not. */
function missingIn(first: Plan, second: Plan): readonly OpeningChange[] {
  const known = new OpenSources(first);
  return second.flows.flatMap((flow) => {
    // Destinations for which the same sources are new are one change.
    const bySources = new Map<string, { from: readonly PlannedHost[]; to: PlannedHost[] }>();
    for (const to of flow.to) {
      const sources = known.of(flow, to);
      const from = flow.from.filter((host) => host !== to && !sources.some((list) => list.has(identity(host))));
      if (from.length === 0) continue;
      const key = from.length === flow.from.length ? '*' : from.map(({ name }) => name).join();
      const group = bySources.get(key);
      if (group) group.to.push(to);
      else bySources.set(key, { from, to: [to] });
    }
    return [...bySources.values()].map(({ from, to }) => ({ from, to, flow }));
  });
}

/** Who may connect where, by destination, protocol and ports. */
class OpenSources {
  readonly #byDestination = new Map<string, ReadonlySet<string>[]>();

  constructor(plan: Plan) {
    const sets = new Map<readonly PlannedHost[], ReadonlySet<string>>();
    for (const flow of plan.flows) {
      const sources = sets.get(flow.from) ?? new Set(flow.from.map(identity));
      sets.set(flow.from, sources);
      for (const to of flow.to) {
        const key = destination(flow, to);
        const lists = this.#byDestination.get(key);
        if (lists) lists.push(sources);
        else this.#byDestination.set(key, [sources]);
      }
    }
  }

  of(flow: Flow, to: PlannedHost): readonly ReadonlySet<string>[] {
    return this.#byDestination.get(destination(flow, to)) ?? [];
  }
}

function destination({ transport, ports }: Flow, to: PlannedHost): string {
  return `${identity(to)} ${transport}/${ports.map(formatRange).join()}`;
}

/** A host that moves to another address needs other rules. */
function identity({ name, addresses, names, seenAs }: PlannedHost): string {
  return `${name} ${addresses.join()} ${addresses.length > 0 ? '' : names.join()} ${seenAs?.addresses.join() ?? ''}`;
}
