import type { Plan } from '../../plan/plan.ts';
import { inexpressible } from '../network/flow-ends.ts';
import type { Renderer } from '../renderer.ts';
import { safeText } from '../safe-text.ts';
import { checkArrows, type Diagram, diagramOf } from './diagram.ts';

const titleCharacters = 200;
/** What Mermaid draws unless it is told to take more: `maxEdges` and `maxTextSize`. */
const mostArrows = 500;
const mostCharacters = 50_000;

export const diagramMermaid: Renderer = {
  id: 'diagram-mermaid',
  title: 'Diagram, Mermaid',
  scope: 'document',
  verifiedBy: 'a grammar of the emitted lines, with names of nodes checked; not drawn by Mermaid itself',
  render(plan: Plan) {
    const diagram = diagramOf(plan);
    checkArrows(diagram, mostArrows);
    const content = formatMermaid(diagram);
    if (content.length > mostCharacters)
      throw inexpressible(
        `The diagram has ${content.length} characters, more than the ${mostCharacters} that Mermaid draws.`,
        'Ask for diagram-svg.',
      );
    return { files: [{ path: 'diagram.mmd', content }], removal: [], widenings: [] };
  },
};

function formatMermaid({ title, zones, arrows }: Diagram): string {
  return [
    `%% Holdfast: the plan ${safeText(title, titleCharacters)}`,
    'flowchart LR',
    ...zones.flatMap(({ name, nodes }, index) => [
      `  subgraph z${index}["${text(name)}"]`,
      ...nodes.map(
        (node) =>
          `    n${node.index}["${node.lines
            .filter((line) => line !== '')
            .map(text)
            .join('<br/>')}"]`,
      ),
      '  end',
    ]),
    ...arrows.map(({ from, to, label }) => `  n${from.index} -->|"${text(label)}"| n${to.index}`),
    '',
  ].join('\n');
}

/** Mermaid's entities are numbers between `#` and `;`. A number, a point and a blank would begin a list. */
function text(line: string): string {
  return line.replaceAll(/[^\p{L}\p{N} .,:/_()-]|\.(?= )|^-/gu, (character) => `#${character.codePointAt(0)};`);
}
