import type { Plan } from '../../plan/plan.ts';
import type { Renderer, RenderOptions } from '../renderer.ts';
import { changeRequest } from './change-request.ts';
import { sheets } from './sheets.ts';

export const changeRequestCsv: Renderer = {
  id: 'change-request-csv',
  title: 'Change request, CSV',
  scope: 'document',
  verifiedBy: "Python's csv module, which reads each cell as the plan has it",
  render(plan: Plan, options: RenderOptions = {}) {
    return {
      files: sheets(changeRequest(plan, options)).map(({ name, rows }) => ({
        path: `change-request/${name.toLowerCase()}.csv`,
        content: rows.map((row) => `${row.map(cell).join(',')}\r\n`).join(''),
      })),
      removal: [],
      widenings: [],
    };
  },
};

/** Spreadsheets take a text that begins like a formula for one, quoted or not; after an apostrophe they don't. */
function cell(text: string): string {
  const plain = /^[=+\-@\t\r＝＋－＠]/.test(text) ? `'${text}` : text;
  return `"${plain.replaceAll('"', '""')}"`;
}
