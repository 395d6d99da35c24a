import type { Plan } from '../../plan/plan.ts';
import type { Renderer, RenderOptions } from '../renderer.ts';
import { type ChangeRequest, changeRequest, columns, type End } from './change-request.ts';

export const changeRequestMarkdown: Renderer = {
  id: 'change-request-markdown',
  title: 'Change request, Markdown',
  scope: 'document',
  verifiedBy: 'a Markdown parser (marked), which reads each cell as the plan has it',
  render(plan: Plan, options: RenderOptions = {}) {
    const content = formatMarkdown(changeRequest(plan, options));
    return { files: [{ path: 'change-request.md', content }], removal: [], widenings: [] };
  },
};

function formatMarkdown({ title, summary, openings, groups, hosts, notes, approval }: ChangeRequest): string {
  const sections = [
    `# ${escape(title)}`,
    summary,
    ...(notes.length === 0 ? [] : [`## Notes\n\n${notes.map((note) => `- ${escape(note)}`).join('\n')}`]),
    `## Openings\n\n${table(
      columns.openings,
      openings.map((opening, index) => [
        String(index + 1),
        code(opening.reference),
        lines(opening.from),
        lines(opening.to),
        code(opening.service),
        opening.justification.map(escape).join('<br>'),
        escape(opening.origin),
        escape(opening.owner),
        escape(opening.expiry),
        escape(opening.rollback),
      ]),
    )}`,
    ...(groups.length === 0
      ? []
      : [
          `## Groups\n\n${table(
            columns.groups,
            groups.map((group) => [escape(group.name), group.hosts.map(code).join(', ')]),
          )}`,
        ]),
    `## Hosts\n\n${table(
      columns.hosts,
      hosts.map((host) => [
        code(host.name),
        escape(host.zone),
        host.addresses.map(code).join(', '),
        host.names.map(code).join(', '),
        escape(host.roles.join(', ')),
      ]),
    )}`,
    `## Approval\n\n${table(
      ['', 'Name', 'Date'],
      approval.map((step) => [step, '', '']),
    )}`,
  ];
  return `${sections.join('\n\n')}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function lines(end: End): string {
  return end.map(code).join('<br>');
}

/** What means something anywhere, what makes links of addresses, and what begins lists and headings. */
function escape(text: string): string {
  return text
    .replaceAll(/[\\`*_[\]<>#|~&!$@{}^]/g, '\\$&')
    .replaceAll(/:(?=\/\/)/g, '\\:')
    .replaceAll(/(?<=www)\./gi, '\\.')
    .replace(/^[-+=:]/, '\\$&')
    .replace(/^(\d+)([.)])/, '$1\\$2');
}

/** What could end it, or the cell of a table, is no code. */
function code(text: string): string {
  return /^[\w ().,:/*+-]+$/.test(text) ? `\`${text}\`` : escape(text);
}
