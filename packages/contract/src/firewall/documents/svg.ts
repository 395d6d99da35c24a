import type { Plan } from '../../plan/plan.ts';
import type { Renderer } from '../renderer.ts';
import { type Arrow, checkArrows, type Diagram, diagramOf, maximumArrows, type Node } from './diagram.ts';
import { escapeXml } from './escape-xml.ts';

/** All in the units of the drawing, which are pixels at its natural size. */
const margin = 16;
const boxWidth = 270;
const headHeight = 40;
const rowHeight = 18;
const gap = 10;
const zoneTitleHeight = 24;
const labelWidth = 300;
const laneWidth = 8;
/** What fits into a box and beside it at these sizes. */
const boxCharacters = 40;
const titleCharacters = 36;
const labelCharacters = 48;

/** Dark enough on white; an arrow has the colour of where it begins. */
const colours = ['#1b4f8a', '#8a3b12', '#2f6b2f', '#7a1f5c', '#5b5b00', '#00646b', '#8a1c1c', '#4b3a8f'];

export const diagramSvg: Renderer = {
  id: 'diagram-svg',
  title: 'Diagram, SVG',
  scope: 'document',
  verifiedBy: 'an XML parser, and a check that boxes and labels do not overlap and every arrow ends at its hosts',
  render(plan: Plan) {
    const diagram = diagramOf(plan);
    checkArrows(diagram, maximumArrows);
    const content = `<?xml version="1.0" encoding="UTF-8"?>\n${drawing(diagram)}\n`;
    return { files: [{ path: 'diagram.svg', content }], removal: [], widenings: [] };
  },
};

interface Box {
  readonly node: Node;
  readonly top: number;
  readonly height: number;
}

interface Route {
  readonly arrow: Arrow;
  readonly fromY: number;
  readonly toY: number;
  readonly lane: number;
}

/**
 * Hosts stand below each other in the boxes of their zones. Each arrow leaves from a row of its own, goes right to a lane,
 * along it, and back to a row of its own at its target: nothing ever runs through a box or a label.
 */
export function drawing(diagram: Diagram): string {
  const { zones, boxes, height } = placeBoxes(diagram);
  const routes = route(diagram.arrows, boxes);
  const lanes = Math.max(0, ...routes.map(({ lane }) => lane + 1));
  const width = laneX(lanes) + margin;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="sans-serif" font-size="11">`,
    `<title>${escapeXml(diagram.title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...zones.map(
      (zone) =>
        `<g class="zone"><rect x="${margin}" y="${zone.top}" width="${boxWidth + 2 * gap}" height="${zone.height}" rx="6" fill="#eef1f5" stroke="#8793a3"/>` +
        `<text x="${margin + gap}" y="${zone.top + 17}" font-size="13" font-weight="bold">${shorten(zone.name, titleCharacters)}</text></g>`,
    ),
    ...[...boxes.values()].map(
      ({ node, top, height: boxHeight }) =>
        `<g class="host"><rect x="${margin + gap}" y="${top}" width="${boxWidth}" height="${boxHeight}" rx="4" fill="#fff" stroke="${colourOf(node)}"/>` +
        `<text x="${margin + gap + 8}" y="${top + 17}" font-size="12" font-weight="bold">${shorten(node.lines[0], boxCharacters)}</text>` +
        `<text x="${margin + gap + 8}" y="${top + 32}" fill="#444">${shorten(node.lines[1], boxCharacters)}</text></g>`,
    ),
    ...routes.map(drawRoute),
    '</svg>',
  ].join('\n');
}

interface Placed {
  readonly zones: readonly { readonly name: string; readonly top: number; readonly height: number }[];
  readonly boxes: ReadonlyMap<Node, Box>;
  readonly height: number;
}

function placeBoxes({ zones, arrows }: Diagram): Placed {
  const boxes = new Map<Node, Box>();
  let y = margin;
  const placed = zones.map(({ name, nodes }) => {
    const top = y;
    y += zoneTitleHeight;
    for (const node of nodes) {
      const rows = arrows.filter(({ from }) => from === node).length + arrows.filter(({ to }) => to === node).length;
      const height = headHeight + rows * rowHeight;
      boxes.set(node, { node, top: y, height });
      y += height + gap;
    }
    const height = y - top;
    y += gap;
    return { name, top, height };
  });
  return { zones: placed, boxes, height: y + margin - gap };
}

/** Rows in the order of the other ends, so that few lines cross; the shortest arrows get the inner lanes. */
function route(arrows: readonly Arrow[], boxes: ReadonlyMap<Node, Box>): readonly Route[] {
  const rows = new Map<Arrow, { fromY: number; toY: number }>();
  for (const { node, top } of boxes.values()) {
    const ends = arrows
      .flatMap((arrow) => [
        ...(arrow.from === node ? [{ arrow, end: 'fromY' as const, other: arrow.to.index }] : []),
        ...(arrow.to === node ? [{ arrow, end: 'toY' as const, other: arrow.from.index }] : []),
      ])
      .sort((left, right) => left.other - right.other);
    for (const [index, { arrow, end }] of ends.entries()) {
      const known = rows.get(arrow) ?? { fromY: 0, toY: 0 };
      rows.set(arrow, { ...known, [end]: top + headHeight + index * rowHeight + rowHeight - 5 });
    }
  }
  const lanes: [number, number][][] = [];
  return [...rows]
    .map(([arrow, { fromY, toY }]) => ({ arrow, fromY, toY }))
    .sort(
      (left, right) => Math.abs(left.toY - left.fromY) - Math.abs(right.toY - right.fromY) || left.fromY - right.fromY,
    )
    .map(({ arrow, fromY, toY }) => {
      const [low, high] = [Math.min(fromY, toY), Math.max(fromY, toY)];
      const isFree = (taken: readonly [number, number][]): boolean =>
        taken.every(([from, to]) => high < from || low > to);
      const found = lanes.findIndex(isFree);
      const lane = found === -1 ? lanes.length : found;
      (lanes[lane] ??= []).push([low, high]);
      return { arrow, fromY, toY, lane };
    });
}

function laneX(lane: number): number {
  return margin + gap + boxWidth + gap + labelWidth + lane * laneWidth;
}

function drawRoute({ arrow, fromY, toY, lane }: Route): string {
  const { from, to, label } = arrow;
  const colour = colourOf(from);
  const edge = margin + gap + boxWidth;
  const turn = laneX(lane);
  const textX = edge + gap + 6;
  return (
    `<g class="arrow" data-from="${from.index}" data-to="${to.index}"><path d="M${edge} ${fromY}H${turn}V${toY}H${edge + 7}" fill="none" stroke="${colour}"/>` +
    `<path d="M${edge} ${toY}l8 -4v8z" fill="${colour}"/>` +
    `<text x="${textX}" y="${fromY - 3}">${shorten(`to ${to.lines[0]}: ${label}`, labelCharacters)}</text>` +
    `<text x="${textX}" y="${toY - 3}" fill="#555">${shorten(`from ${from.lines[0]}`, labelCharacters)}</text></g>`
  );
}

function colourOf({ index }: Node): string {
  return colours[index % colours.length] ?? '#000';
}

/** The whole text stays readable where a pointer rests on it. */
function shorten(text: string, characters: number): string {
  const all = Array.from(text);
  if (all.length <= characters) return escapeXml(text);
  return `<title>${escapeXml(text)}</title>${escapeXml(all.slice(0, characters - 1).join(''))}…`;
}
