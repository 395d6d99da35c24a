import '@xyflow/react/dist/base.css';
import type { NetworkMap } from '@holdfast/protocol';
import { Loader } from '@mantine/core';
import {
  Background,
  BackgroundVariant,
  ConnectionMode,
  Controls,
  type Edge,
  MarkerType,
  type Node,
  ReactFlow,
} from '@xyflow/react';
import { type ReactNode, useMemo, useRef } from 'react';
import { type Translate, useText } from '../../i18n/language.tsx';
import { HostNode, type HostNodeData, ZoneNode, type ZoneNodeData } from './drawing-nodes.tsx';
import { FitAgain, FocusInSight, fitOptions, LabelSize } from './drawing-view.tsx';
import { LinkEdge, type LinkEdgeData } from './link-edge.tsx';
import { type MapLayout, nodeSize } from './map-layout.ts';
import { type Link, linkId, linksOf, type MapFlow, type MapNode, portsText } from './map-links.ts';
import classes from './network-drawing.module.css';
import { kindRank } from './node-kind.ts';
import { useLayout } from './use-layout.ts';

/** What is chosen in the drawing: a node, or what is open between two. */
export interface Chosen {
  readonly node?: string | undefined;
  readonly peer?: string | undefined;
}

const nodeTypes = { host: HostNode, zone: ZoneNode };
const edgeTypes = { link: LinkEdge };
/** With more lines than that, they would lie on each other: only the one that is chosen says what it is, and the panel has the others. */
const maxLabels = 12;
/** With more hosts, those out of sight are not in the page. */
const maxRendered = 40;
type DrawnNode = Node<HostNodeData, 'host'> | Node<ZoneNodeData, 'zone'>;
type DrawnEdge = Edge<LinkEdgeData, 'link'>;

/**
 * Zones, hosts and what is open between them. Every host and every line is a button; the table has the same for whoever would
 * rather read. Nothing can be dragged: where things lie says something.
 */
export function NetworkDrawing(o: {
  readonly map: NetworkMap;
  /** Those of the map that are to be seen. */
  readonly flows: readonly MapFlow[];
  /** Also hosts to which nothing leads. */
  readonly withLonely: boolean;
  readonly chosen: Chosen;
  readonly onChoose: (chosen: Chosen) => void;
  /** Ids of flows that another topology would add. */
  readonly added?: ReadonlySet<string>;
}): ReactNode {
  const t = useText();
  const { map, flows, withLonely, chosen, onChoose, added } = o;
  const { links, leftOut } = useMemo(() => linksOf(flows), [flows]);
  const shown = useMemo(() => {
    const ends = new Set(flows.flatMap(({ from, to }) => [...from, ...to]));
    return map.nodes.filter(({ id }) => withLonely || ends.has(id));
  }, [map, flows, withLonely]);
  const layout = useLayout(useMemo(() => inputOf(shown, links), [shown, links]));
  const drawn = useMemo(
    () => (layout ? draw({ layout, shown, links, chosen, onChoose, added, t }) : undefined),
    [layout, shown, links, chosen, onChoose, added, t],
  );
  /** Somebody looks at a part of it, which stays in sight then. */
  const isMoved = useRef(false);
  const setMoved = (): void => {
    isMoved.current = true;
  };
  return (
    <div className={classes['frame']}>
      {drawn ? (
        <ReactFlow<DrawnNode, DrawnEdge>
          aria-label={t('network.map')}
          {...drawn}
          nodeTypes={nodeTypes}
          edgeTypes={edgeTypes}
          connectionMode={ConnectionMode.Loose}
          nodesDraggable={false}
          nodesConnectable={false}
          nodesFocusable={false}
          edgesFocusable={false}
          elementsSelectable={false}
          disableKeyboardA11y
          onlyRenderVisibleElements={shown.length > maxRendered}
          fitView
          fitViewOptions={fitOptions.first}
          minZoom={0.05}
          maxZoom={2}
          // The wheel scrolls the page; with Ctrl, or two fingers, it zooms.
          zoomOnScroll={false}
          preventScrolling={false}
          onEdgeClick={(_, { source, target }) => onChoose({ node: source, peer: target })}
          onPaneClick={() => onChoose({})}
          // Without an event it was moved by us.
          onMoveStart={(event) => event && setMoved()}
          ariaLabelConfig={{
            'controls.ariaLabel': t('network.map.controls'),
            'controls.zoomIn.ariaLabel': t('network.map.zoom-in'),
            'controls.zoomOut.ariaLabel': t('network.map.zoom-out'),
            'controls.fitView.ariaLabel': t('network.map.fit'),
          }}
        >
          <Background variant={BackgroundVariant.Dots} gap={22} size={1.2} />
          <Controls
            showInteractive={false}
            position="bottom-left"
            fitViewOptions={fitOptions.whole}
            onZoomIn={setMoved}
            onZoomOut={setMoved}
            onFitView={() => {
              isMoved.current = false;
            }}
          />
          <FitAgain layout={layout} isMoved={isMoved} />
          <FocusInSight />
          <LabelSize />
        </ReactFlow>
      ) : (
        <div className={classes['waiting']}>
          <Loader aria-label={t('app.loading')} />
        </div>
      )}
      {leftOut > 0 && <p className={classes['note']}>{t('network.map.left-out', { count: leftOut })}</p>}
    </div>
  );
}

function inputOf(nodes: readonly MapNode[], links: readonly Link[]) {
  const ranks = new Map(nodes.map((node) => [node.id, kindRank(node)]));
  return {
    zones: [...Map.groupBy(nodes, ({ zone }) => zone)].map(([name, inside]) => ({
      name,
      nodes: inside.map(({ id }) => id),
    })),
    links: links.map(({ a, b, isForward }): [string, string] => {
      const lead = (ranks.get(a) ?? 0) - (ranks.get(b) ?? 0);
      return lead < 0 || (lead === 0 && isForward) ? [a, b] : [b, a];
    }),
  };
}

function draw(o: {
  readonly layout: MapLayout;
  readonly shown: readonly MapNode[];
  readonly links: readonly Link[];
  readonly chosen: Chosen;
  readonly onChoose: (chosen: Chosen) => void;
  readonly added: ReadonlySet<string> | undefined;
  readonly t: Translate;
}): { readonly nodes: DrawnNode[]; readonly edges: DrawnEdge[] } {
  const { chosen, t } = o;
  const places = new Map(o.layout.nodes.map((place) => [place.id, place]));
  const near = new Set(
    o.links.filter(({ a, b }) => a === chosen.node || b === chosen.node).flatMap(({ a, b }) => [a, b]),
  );
  const isFaint = (id: string): boolean =>
    chosen.node !== undefined &&
    (chosen.peer === undefined ? !near.has(id) && id !== chosen.node : id !== chosen.node && id !== chosen.peer);
  const zones = o.layout.zones.map(
    ({ name, x, y, width, height }): DrawnNode => ({
      ...{ id: `zone\n${name}`, type: 'zone', position: { x, y }, width, height, zIndex: -1 },
      ...{ data: { title: name === '' ? t('network.zone.none') : name }, selectable: false, focusable: false },
    }),
  );
  const hosts = o.shown.flatMap((node): DrawnNode[] => {
    const place = places.get(node.id);
    if (!place) return [];
    const data = { node, isChosen: chosen.node === node.id, isFaint: isFaint(node.id), onChoose: o.onChoose };
    return [{ id: node.id, type: 'host', position: { x: place.x, y: place.y }, ...nodeSize, data, zIndex: 5 }];
  });
  const edges = o.links.flatMap((link): DrawnEdge[] => {
    const [from, to] = [places.get(link.a), places.get(link.b)];
    if (!from || !to) return [];
    const isChosen =
      chosen.peer === undefined
        ? link.a === chosen.node || link.b === chosen.node
        : link.id === linkId(chosen.node ?? '', chosen.peer);
    const isOne = isChosen && chosen.peer !== undefined;
    const isNew = o.added !== undefined && link.flows.some(({ id }) => o.added?.has(id));
    const tone = isNew ? 'new' : (link.outcome ?? 'none');
    const marker = { type: MarkerType.ArrowClosed, width: 15, height: 15, color: `var(--link-${tone})` };
    return [
      {
        id: link.id,
        ...{ source: link.a, target: link.b, type: 'link', zIndex: isChosen ? 2 : 1 },
        ...sidesOf(from, to),
        ...(link.isForward ? { markerEnd: marker } : {}),
        ...(link.isBackward ? { markerStart: marker } : {}),
        domAttributes: { 'aria-hidden': true },
        data: {
          ...{ link, tone, isChosen, isFaint: chosen.node !== undefined && !isChosen, onChoose: o.onChoose },
          label: o.links.length <= maxLabels || isOne ? labelOf(link, t) : undefined,
        },
      },
    ];
  });
  return { nodes: [...zones, ...hosts], edges };
}

function labelOf({ flows }: Link, t: Translate): string {
  const [first] = flows;
  return first && flows.length === 1 ? portsText(first) : t('network.openings', { count: flows.length });
}

type Place = MapLayout['nodes'][number];

/** Lines leave towards the other end: at the side, or where the two stand below each other, at the right of both. */
function sidesOf(from: Place, to: Place): { readonly sourceHandle: string; readonly targetHandle: string } {
  if (from.x + nodeSize.width <= to.x) return { sourceHandle: 'right', targetHandle: 'left' };
  if (to.x + nodeSize.width <= from.x) return { sourceHandle: 'left', targetHandle: 'right' };
  return { sourceHandle: 'right', targetHandle: 'right' };
}
