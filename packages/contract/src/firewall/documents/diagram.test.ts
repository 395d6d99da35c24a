import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Plan } from '../../plan/plan.ts';
import { arbitraryPlan } from '../../testing/arbitrary-plan.ts';
import { skipUnlessPython } from '../../testing/python.ts';
import { contentOf, renderNow } from '../../testing/rendering.ts';
import { samplePlan } from '../../testing/sample-plan.ts';
import { allElements, readXml, textOf, type XmlElement } from '../../testing/xml.ts';
import { diagramOf } from './diagram.ts';
import { changeRequestHtml } from './html.ts';
import { diagramMermaid } from './mermaid.ts';
import { diagramSvg } from './svg.ts';

suite('diagrams', () => {
  test('hosts with the same openings stand in one box of their zone, with one arrow for all that opens between two', () => {
    const { zones, arrows } = diagramOf(samplePlan);
    assert.deepEqual(
      zones.slice(0, 3).map(({ name, nodes }) => [name, nodes.map(({ lines }) => lines[0])]),
      [
        ['management', ['backup-1', 'dns-1']],
        ['storage', ['store-1, store-2']],
        ['production', ['web-1, modern-1', 'win-1']],
      ],
    );
    const labels = arrows.map(({ from, to, label }) => `${from.lines[0]} > ${to.lines[0]}: ${label}`);
    assert.ok(labels.includes('web-1, modern-1 > store-1, store-2: tcp 6162, 2500-3300'));
    assert.ok(labels.includes('backup-1 > win-1: tcp 6184-6194; udp 137-138'));
    assert.ok(labels.includes('administrators > backup-1: tcp 22, 8001, 8003, 8005 +18'));
    assert.equal(new Set(arrows.map(({ from, to }) => `${from.index} ${to.index}`)).size, arrows.length);
  });

  test('ten thousand hosts with the same openings are one box', () => {
    const [server, , , web] = samplePlan.hosts;
    const [flow] = samplePlan.flows;
    assert.ok(server && web && flow);
    const hosts = Array.from({ length: 10_000 }, (_, index) => ({ ...web, name: `web-${index}` }));
    const { zones, arrows } = diagramOf({
      ...samplePlan,
      hosts: [server, ...hosts],
      flows: [{ ...flow, from: hosts, to: [server] }],
    });
    assert.equal(arrows.length, 1);
    assert.deepEqual(zones[1]?.nodes[0]?.lines[0], 'web-0, web-1, web-2 and 9997 more');
  });
});

suite('diagrams of more than anybody can follow', () => {
  const [server, , , web] = samplePlan.hosts;
  const [flow] = samplePlan.flows;
  assert.ok(server && web && flow);
  const planOf = (count: number, name = 'web'): Plan => {
    const hosts = Array.from({ length: count }, (_, index) => ({ ...web, name: `${name}-${index}` }));
    // Each has a port of its own.
    const flows = hosts.map((host, index) => ({
      ...flow,
      id: host.name,
      from: [server],
      to: [host],
      ports: [{ from: index + 1, to: index + 1 }],
    }));
    return { ...samplePlan, hosts: [server, ...hosts], flows };
  };
  const inexpressible = { code: 'plan.inexpressible' };

  test('are an error, and left out of the change request', () => {
    assert.doesNotThrow(() => renderNow(diagramMermaid, planOf(400)));
    assert.throws(() => renderNow(diagramMermaid, planOf(501)), inexpressible);
    assert.throws(() => renderNow(diagramMermaid, planOf(400, 'w'.repeat(100))), inexpressible);
    assert.doesNotThrow(() => renderNow(diagramSvg, planOf(501)));
    assert.throws(() => renderNow(diagramSvg, planOf(2001)), inexpressible);
    const page = contentOf(renderNow(changeRequestHtml, planOf(2001)).files);
    assert.ok(!page.includes('<svg') && page.includes('It would have 2001 arrows'));
  });
});

suite('diagrams in Mermaid', () => {
  test('every line is in the grammar, names only nodes that are there, and shows its text', () => {
    readMermaid(samplePlan);
  });

  test('so it is for any plan with any names', () => {
    fc.assert(fc.property(arbitraryPlan, readMermaid), { numRuns: 100 });
  });
});

suite('diagrams in SVG', { skip: skipUnlessPython() }, () => {
  test('boxes and labels do not overlap, and every arrow leads from its source to its target', () => {
    const plans = [samplePlan, ...fc.sample(arbitraryPlan, { numRuns: 40, seed: 6 })];
    const drawings = readXml(plans.map((plan) => contentOf(renderNow(diagramSvg, plan).files)));
    for (const [index, plan] of plans.entries()) {
      const drawing = drawings[index];
      assert.ok(drawing);
      checkDrawing(plan, drawing);
    }
  });
});

const label = '"((?:[\\p{L}\\p{N} .,:/_()-]|#\\d+;|<br/>)*)"';

function readMermaid(plan: Plan): void {
  const { zones, arrows } = diagramOf(plan);
  const [comment, heading, ...lines] = contentOf(renderNow(diagramMermaid, plan).files).split('\n');
  assert.match(comment ?? '', /^%% [A-Za-z0-9 ._:,/+=@-]+$/);
  assert.equal(heading, 'flowchart LR');
  assert.equal(lines.pop(), '');
  const nodes: string[] = [];
  const [zoneNames, nodeLines, arrowLines]: string[][] = [[], [], []];
  let inZone = false;
  for (const line of lines) {
    const zone = new RegExp(`^ {2}subgraph z\\d+\\[${label}\\]$`, 'u').exec(line);
    const node = new RegExp(`^ {4}(n\\d+)\\[${label}\\]$`, 'u').exec(line);
    const arrow = new RegExp(`^ {2}(n\\d+) -->\\|${label}\\| (n\\d+)$`, 'u').exec(line);
    if (zone && !inZone) {
      inZone = true;
      zoneNames?.push(shown(zone[1]));
    } else if (node && inZone) {
      nodes.push(node[1] ?? '');
      nodeLines?.push(shown(node[2]));
    } else if (line === '  end' && inZone) inZone = false;
    else if (arrow && !inZone) {
      assert.ok(nodes.includes(arrow[1] ?? '') && nodes.includes(arrow[3] ?? ''), line);
      arrowLines?.push(`${arrow[1]} ${shown(arrow[2])} ${arrow[3]}`);
    } else assert.fail(`not in the grammar: ${JSON.stringify(line)}`);
  }
  assert.equal(new Set(nodes).size, nodes.length);
  assert.deepEqual(
    zoneNames,
    zones.map(({ name }) => name),
  );
  assert.deepEqual(
    nodeLines,
    zones.flatMap((zone) => zone.nodes.map((node) => node.lines.filter((line) => line !== '').join('\n'))),
  );
  assert.deepEqual(
    arrowLines,
    arrows.map(({ from, to, label: text }) => `n${from.index} ${text} n${to.index}`),
  );
}

function shown(text = ''): string {
  return text.replaceAll('<br/>', '\n').replaceAll(/#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)));
}

interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

function checkDrawing(plan: Plan, drawing: XmlElement): void {
  const { zones, arrows } = diagramOf(plan);
  const elements = allElements(drawing);
  for (const { tag, attributes } of elements) {
    assert.match(tag, /^\{http:\/\/www\.w3\.org\/2000\/svg\}(svg|title|rect|g|text|path)$/);
    for (const name of Object.keys(attributes))
      assert.match(name, /^(width|height|viewBox|role|font-\w+|x|y|rx|d|fill|stroke|class|data-(from|to))$/);
  }
  const groups = (name: string): readonly XmlElement[] =>
    elements.filter(({ attributes }) => attributes['class'] === name);
  const zoneBoxes = groups('zone').map(rectangleOf);
  const hostBoxes = groups('host').map(rectangleOf);
  assert.deepEqual([zoneBoxes.length, hostBoxes.length], [zones.length, zones.flatMap(({ nodes }) => nodes).length]);
  for (const boxes of [zoneBoxes, hostBoxes])
    for (const [index, box] of boxes.entries())
      assert.ok(
        boxes.slice(index + 1).every((other) => box.bottom < other.top),
        'boxes stand below each other',
      );
  for (const box of hostBoxes)
    assert.ok(zoneBoxes.some((zone) => box.top > zone.top && box.bottom < zone.bottom && box.right < zone.right));
  // In the drawing's order, which is that of the nodes' zones, and by index.
  const boxOf = new Map(
    zones.flatMap(({ nodes }) => nodes).map(({ index }, order) => [String(index), hostBoxes[order]]),
  );
  const rows: number[] = [];
  const drawn = groups('arrow').map(({ attributes, children }) => {
    const [line, head, ...labels] = children;
    const [, edge = '', fromY = '', , toY = ''] =
      /^M(\d+) (\d+)H(\d+)V(\d+)H\d+$/.exec(line?.attributes['d'] ?? '') ?? [];
    const [from, to] = [attributes['data-from'] ?? '', attributes['data-to'] ?? ''];
    for (const [id, y] of [
      [from, fromY],
      [to, toY],
    ] as const) {
      const box = boxOf.get(id);
      assert.ok(
        box && Number(edge) === box.right && Number(y) > box.top && Number(y) < box.bottom,
        'it ends at its host',
      );
    }
    assert.ok(head?.attributes['d']?.startsWith(`M${edge} ${toY}l`), 'its head is at the target');
    rows.push(Number(fromY), Number(toY));
    return { ends: `${from} ${to}`, label: textOf(labels[0] ?? line ?? drawing) };
  });
  rows.sort((left, right) => left - right);
  assert.ok(
    rows.every((y, index) => index === 0 || y - (rows[index - 1] ?? 0) >= 18),
    'each end has a row of its own',
  );
  assert.deepEqual(
    drawn.map(({ ends }) => ends).toSorted(),
    arrows.map(({ from, to }) => `${from.index} ${to.index}`).toSorted(),
  );
  for (const { from, to, label: text } of arrows) {
    const found = drawn.find(({ ends }) => ends === `${from.index} ${to.index}`);
    assert.ok(found?.label.includes(`to ${to.lines[0]}: ${text}`), 'the whole label, or a title with it');
  }
}

function rectangleOf({ children }: XmlElement): Rectangle {
  const { x, y, width, height } = children[0]?.attributes ?? {};
  const [left, top] = [Number(x), Number(y)];
  return { left, top, right: left + Number(width), bottom: top + Number(height) };
}
