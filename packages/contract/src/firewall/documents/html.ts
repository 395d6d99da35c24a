import type { Plan } from '../../plan/plan.ts';
import type { Renderer, RenderOptions } from '../renderer.ts';
import { type ChangeRequest, changeRequest, columns, type End } from './change-request.ts';
import { diagramOf, maximumArrows } from './diagram.ts';
import { escapeXml } from './escape-xml.ts';
import { drawing } from './svg.ts';

export const changeRequestHtml: Renderer = {
  id: 'change-request-html',
  title: 'Change request, HTML to print',
  scope: 'document',
  verifiedBy: 'an XML parser: the page is well-formed, and no text of the plan becomes an element or attribute',
  render(plan: Plan, options: RenderOptions = {}) {
    const diagram = diagramOf(plan);
    const { length } = diagram.arrows;
    const shown =
      length > maximumArrows
        ? `<p>It would have ${length} arrows, more than anybody can follow.</p>`
        : `<figure>${drawing(diagram)}</figure>`;
    const content = formatHtml(changeRequest(plan, options), shown);
    return { files: [{ path: 'change-request.html', content }], removal: [], widenings: [] };
  },
};

/** Nothing is loaded, and nothing can run. */
const policy = "default-src 'none'; style-src 'unsafe-inline'";

const style = `
@page { size: A4 landscape; margin: 12mm; }
body { font: 10pt/1.4 system-ui, sans-serif; color: #111; background: #fff; margin: 2em auto; max-width: 120em; padding: 0 1em; }
h1 { font-size: 16pt; } h2 { font-size: 12pt; margin-top: 2em; }
table { border-collapse: collapse; width: 100%; }
th, td { border: 1px solid #999; padding: .3em .5em; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { background: #eee; white-space: nowrap; }
.openings td:nth-child(2) { white-space: nowrap; } .openings td:nth-child(3), .openings td:nth-child(4) { min-width: 11em; }
.openings td:nth-child(5) { min-width: 6em; } .openings td:nth-child(6), .openings td:nth-child(10) { min-width: 12em; }
.openings td:nth-child(7) { min-width: 8em; } .openings td:nth-child(8), .openings td:nth-child(9) { min-width: 6em; }
thead { display: table-header-group; } tr { break-inside: avoid; }
code { font: 9pt ui-monospace, monospace; }
.approval td { height: 2.5em; }
figure { margin: 0; overflow-x: auto; }
@media print {
  body { margin: 0; max-width: none; padding: 0; font-size: 8pt; } code { font-size: 7.5pt; }
  h2 { break-after: avoid; } figure { break-inside: avoid; } figure svg { max-width: 100%; max-height: 170mm; height: auto; }
}
`;

function formatHtml(request: ChangeRequest, diagram: string): string {
  const { title, summary, openings, groups, hosts, notes, approval } = request;
  const parts = [
    `<h1>${escapeXml(title)}</h1>`,
    `<p>${escapeXml(summary)}</p>`,
    ...(notes.length === 0
      ? []
      : ['<h2>Notes</h2>', `<ul>${notes.map((note) => `<li>${escapeXml(note)}</li>`).join('')}</ul>`]),
    '<h2>Openings</h2>',
    table(
      columns.openings,
      openings.map((opening, index) => [
        String(index + 1),
        code(opening.reference),
        lines(opening.from),
        lines(opening.to),
        code(opening.service),
        opening.justification.map(escapeXml).join('<br/>'),
        ...[opening.origin, opening.owner, opening.expiry, opening.rollback].map(escapeXml),
      ]),
      'openings',
    ),
    '<h2>Diagram</h2>',
    diagram,
    ...(groups.length === 0
      ? []
      : [
          '<h2>Groups</h2>',
          table(
            columns.groups,
            groups.map((group) => [escapeXml(group.name), group.hosts.map(code).join(', ')]),
          ),
        ]),
    '<h2>Hosts</h2>',
    table(
      columns.hosts,
      hosts.map(({ name, zone, addresses, names, roles }) => [
        code(name),
        escapeXml(zone),
        lines(addresses),
        lines(names),
        escapeXml(roles.join(', ')),
      ]),
    ),
    '<h2>Approval</h2>',
    table(
      ['', 'Name', 'Date', 'Signature'],
      approval.map((step) => [escapeXml(step), '', '', '']),
      'approval',
    ),
  ];
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="${escapeXml(policy)}"/>
<meta name="viewport" content="width=device-width"/>
<title>${escapeXml(title)}</title>
<style>${style}</style>
</head>
<body>
${parts.join('\n')}
</body>
</html>
`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[], className = 'list'): string {
  const cells = (of: readonly string[], tag: 'td' | 'th'): string =>
    `<tr>${of.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;
  const body = rows.map((row) => cells(row, 'td')).join('\n');
  return `<table class="${className}"><thead>${cells(head.map(escapeXml), 'th')}</thead>\n<tbody>\n${body}\n</tbody></table>`;
}

function lines(end: End): string {
  return end.map(code).join('<br/>');
}

function code(text: string): string {
  return `<code>${escapeXml(text)}</code>`;
}
