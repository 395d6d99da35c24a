import { Graph, layout } from '@dagrejs/dagre';

export interface LayoutInput {
  readonly zones: readonly { readonly name: string; readonly nodes: readonly string[] }[];
  readonly links: readonly (readonly [string, string])[];
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Where everything lies, in pixels of the drawing; the corner is the upper left one. */
export interface MapLayout {
  readonly zones: readonly (Box & { readonly name: string })[];
  readonly nodes: readonly { readonly id: string; readonly x: number; readonly y: number }[];
}

export const nodeSize = { width: 208, height: 64 } as const;
const nodeGap = { x: 84, y: 26 } as const;
const zoneGap = { x: 120, y: 48 } as const;
const zonePadding = { x: 24, top: 46, bottom: 24 } as const;
/** Of nodes that talk to nobody in their own zone: they stand in rows. */
const gridGap = 22;

/** Width by height of what a map is looked at in, about. */
const frameRatio = 16 / 9;

/**
 * Two steps: each zone by itself, from who dials to who is dialled, then the zones as boxes. A zone is where a person looks
 * first, and nothing of another one ever lies in it. The graphs stay small, so that a thousand hosts take no longer than ten.
 */
export function layoutMap({ zones, links }: LayoutInput): MapLayout {
  const zoneOf = new Map(zones.flatMap(({ name, nodes }) => nodes.map((id) => [id, name] as const)));
  const inside = Map.groupBy(
    links.filter(([from, to]) => zoneOf.get(from) === zoneOf.get(to)),
    ([from]) => zoneOf.get(from),
  );
  const plans = zones.map(({ name, nodes }) => ({ name, ...layoutZone(nodes, inside.get(name) ?? []) }));
  const between = new Map<string, number>();
  for (const [from, to] of links) {
    const [one, other] = [zoneOf.get(from), zoneOf.get(to)];
    if (one === undefined || other === undefined || one === other) continue;
    const key = JSON.stringify([one, other]);
    between.set(key, (between.get(key) ?? 0) + 1);
  }
  const boxes = plans.map(({ name, width, height }) => ({ id: name, width, height }));
  const edges = [...between].map(([key, weight]) => {
    const [from, to] = JSON.parse(key) as [string, string];
    return { from, to, weight };
  });
  // Beside or below each other: as they are seen larger.
  const [placed = new Map<string, Place>()] = (['LR', 'TB'] as const)
    .map((direction) => arrange({ boxes, edges, gap: zoneGap, direction }))
    .toSorted((one, other) => extentOf(boxes, one) - extentOf(boxes, other));
  const zoneBoxes = plans.map(({ name, width, height }) => {
    const { x = 0, y = 0 } = placed.get(name) ?? {};
    return { name, x, y, width, height };
  });
  return {
    zones: zoneBoxes,
    nodes: plans.flatMap(({ name, nodes }) => {
      const { x: left = 0, y: top = 0 } = placed.get(name) ?? {};
      return nodes.map(({ id, x, y }) => ({ id, x: left + x, y: top + y }));
    }),
  };
}

function layoutZone(
  ids: readonly string[],
  links: readonly (readonly [string, string])[],
): { readonly width: number; readonly height: number; readonly nodes: MapLayout['nodes'] } {
  const linked = new Set(links.flat());
  const placed = arrange({
    boxes: ids.filter((id) => linked.has(id)).map((id) => ({ id, ...nodeSize })),
    edges: links.map(([from, to]) => ({ from, to, weight: 1 })),
    gap: nodeGap,
    direction: 'LR',
  });
  const nodes: { id: string; x: number; y: number }[] = [...placed].map(([id, { x, y }]) => ({ id, x, y }));
  let width = Math.max(0, ...nodes.map(({ x }) => x + nodeSize.width));
  let height = Math.max(0, ...nodes.map(({ y }) => y + nodeSize.height));
  const alone = ids.filter((id) => !linked.has(id));
  const columns = Math.max(1, Math.round(Math.sqrt(alone.length / 3)));
  const top = height === 0 ? 0 : height + gridGap;
  alone.forEach((id, index) => {
    const x = (index % columns) * (nodeSize.width + gridGap);
    const y = top + Math.floor(index / columns) * (nodeSize.height + gridGap);
    nodes.push({ id, x, y });
    width = Math.max(width, x + nodeSize.width);
    height = Math.max(height, y + nodeSize.height);
  });
  return {
    width: width + 2 * zonePadding.x,
    height: height + zonePadding.top + zonePadding.bottom,
    nodes: nodes.map(({ id, x, y }) => ({ id, x: x + zonePadding.x, y: y + zonePadding.top })),
  };
}

interface Place {
  readonly x: number;
  readonly y: number;
}
type Corners = ReadonlyMap<string, Place>;
type Boxes = readonly { readonly id: string; readonly width: number; readonly height: number }[];

/** How high a frame has to be that shows all of it. */
function extentOf(boxes: Boxes, corners: Corners): number {
  const ends = boxes.map(({ id, width, height }) => {
    const { x = 0, y = 0 } = corners.get(id) ?? {};
    return { right: x + width, bottom: y + height };
  });
  return Math.max(0, ...ends.map(({ right, bottom }) => Math.max(right / frameRatio, bottom)));
}

/** From left to right, or from top to bottom, by who dials whom; the upper left corners. */
function arrange(o: {
  readonly boxes: Boxes;
  readonly edges: readonly { readonly from: string; readonly to: string; readonly weight: number }[];
  readonly gap: { readonly x: number; readonly y: number };
  readonly direction: 'LR' | 'TB';
}): Corners {
  const graph = new Graph();
  const [ranksep, nodesep] = o.direction === 'LR' ? [o.gap.x, o.gap.y] : [o.gap.y, o.gap.x];
  graph.setGraph({ rankdir: o.direction, ranksep, nodesep });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id, width, height } of o.boxes) graph.setNode(id, { width, height });
  for (const { from, to, weight } of o.edges) graph.setEdge(from, to, { weight });
  if (o.boxes.length > 0) layout(graph);
  return new Map(
    o.boxes.map(({ id, width, height }) => {
      const { x, y } = graph.node(id) as { x: number; y: number };
      return [id, { x: x - width / 2, y: y - height / 2 }];
    }),
  );
}
