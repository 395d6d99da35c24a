import type { NetworkMap } from '@holdfast/protocol';

export type MapNode = NetworkMap['nodes'][number];
export type MapFlow = NetworkMap['flows'][number];
/** What a flow is, whoever its ends are: of a map, or one that comes or goes. */
export type FlowFacts = Omit<MapFlow, 'from' | 'to'>;
export type CheckOutcome = NonNullable<MapFlow['check']>['outcome'];

/** Everything that is open between two nodes, in either direction: one line of the drawing. */
export interface Link {
  readonly id: string;
  readonly a: string;
  readonly b: string;
  readonly flows: readonly MapFlow[];
  /** Something dials from a to b. */
  readonly isForward: boolean;
  readonly isBackward: boolean;
  /** The worst that the last check found; absent where it tried nothing. */
  readonly outcome?: CheckOutcome;
}

/** More lines say nothing to anybody, and take the browser's time: the table has all. */
const maxLinks = 600;
const worstFirst: readonly CheckOutcome[] = ['failed', 'warning', 'unchecked', 'open'];

/** The lines between nodes, and how many are left out. What a node opens to others of its own kind has no line. */
export function linksOf(flows: readonly MapFlow[]): { readonly links: readonly Link[]; readonly leftOut: number } {
  const found = new Map<string, { a: string; b: string; flows: Set<MapFlow>; forward: boolean; backward: boolean }>();
  for (const flow of flows)
    for (const from of flow.from)
      for (const to of flow.to) {
        if (from === to) continue;
        const [a, b] = from < to ? [from, to] : [to, from];
        const id = linkId(a, b);
        const link = found.get(id) ?? { a, b, flows: new Set(), forward: false, backward: false };
        link.flows.add(flow);
        link.forward ||= from === a;
        link.backward ||= from === b;
        found.set(id, link);
      }
  const links = [...found].slice(0, maxLinks).map(([id, { a, b, flows: between, forward, backward }]): Link => {
    const outcome = worstFirst.find((each) => [...between].some(({ check }) => check?.outcome === each));
    return {
      ...{ id, a, b, flows: [...between], isForward: forward, isBackward: backward },
      ...(outcome === undefined ? {} : { outcome }),
    };
  });
  return { links, leftOut: found.size - links.length };
}

export function linkId(one: string, other: string): string {
  return one < other ? `${one}\n${other}` : `${other}\n${one}`;
}

/** The flows that a person asked for. The text is looked for in names, addresses, ports, channels and rows. */
export function filterFlows(
  map: NetworkMap,
  by: { readonly feature?: string; readonly zone?: string; readonly text?: string },
): readonly MapFlow[] {
  const text = by.text?.toLowerCase();
  const inZone = new Set(map.nodes.filter(({ zone }) => zone === by.zone).map(({ id }) => id));
  const named = new Set(text === undefined ? [] : map.nodes.filter((node) => nodeHas(node, text)).map(({ id }) => id));
  return map.flows.filter((flow) => {
    const ends = [...flow.from, ...flow.to];
    return (
      (by.feature === undefined || flow.features.some(({ id }) => id === by.feature)) &&
      (by.zone === undefined || ends.some((id) => inZone.has(id))) &&
      (text === undefined || ends.some((id) => named.has(id)) || flowHas(flow, text))
    );
  });
}

function nodeHas({ id, roles, hosts }: MapNode, text: string): boolean {
  return [id, ...roles, ...hosts.flatMap(({ name, addresses }) => [name, ...addresses])].some((one) =>
    one.toLowerCase().includes(text),
  );
}

function flowHas(flow: MapFlow, text: string): boolean {
  const texts = [portsText(flow), ...flow.rows, ...flow.channels.flatMap(({ id, purpose }) => [id, purpose])];
  return texts.some((one) => one.toLowerCase().includes(text));
}

/** `tcp/6162`, `udp/53`, `tcp/2500-3300` */
export function portsText({ transport, ports }: Pick<MapFlow, 'transport' | 'ports'>): string {
  return `${transport}/${ports.map(({ from, to }) => (from === to ? from : `${from}-${to}`)).join(',')}`;
}
