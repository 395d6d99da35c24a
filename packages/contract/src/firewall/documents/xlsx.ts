import type { Plan } from '../../plan/plan.ts';
import { inexpressible } from '../network/flow-ends.ts';
import type { Renderer, RenderOptions } from '../renderer.ts';
import { changeRequest } from './change-request.ts';
import { sheets } from './sheets.ts';

/** Of the columns of each sheet, in characters. */
const widths: Readonly<Record<string, readonly number[]>> = {
  Openings: [5, 13, 36, 36, 18, 60, 28, 16, 28, 60],
  Groups: [24, 40],
  Hosts: [30, 18, 40, 40, 30],
  Notes: [100],
};

/** Excel's limit of one cell. */
const cellCharacters = 32_767;

export const changeRequestXlsx: Renderer = {
  id: 'change-request-xlsx',
  title: 'Change request, Excel',
  scope: 'document',
  verifiedBy: 'openpyxl, which reads each cell as the plan has it, and none as a formula',
  async render(plan: Plan, options: RenderOptions = {}) {
    const { default: writeExcelFile } = await import('write-excel-file/node');
    const tables = sheets(changeRequest(plan, options)).filter(({ rows }) => rows.length > 1);
    const workbook = await writeExcelFile(
      tables.map(({ name, rows }) => ({
        sheet: name,
        columns: (widths[name] ?? []).map((width) => ({ width })),
        stickyRowsCount: 1,
        orientation: 'landscape' as const,
        data: rows.map((row, index) =>
          row.map((text) => ({
            value: cellText(text),
            type: String,
            wrap: true,
            alignVertical: 'top' as const,
            ...(index === 0 ? { fontWeight: 'bold' as const, backgroundColor: '#EEEEEE' } : {}),
          })),
        ),
      })),
    ).toBuffer();
    return { files: [{ path: 'change-request.xlsx', content: withoutTimes(workbook) }], removal: [], widenings: [] };
  },
};

/** The library looks texts up in an object, where `constructor` is found without having been put there. A blank is not seen. */
function cellText(text: string): string {
  if (text.length < cellCharacters) return text in {} ? `${text} ` : text;
  throw inexpressible(
    `A cell would hold ${text.length} characters, more than a workbook takes: ${JSON.stringify(text.slice(0, 60))}…`,
    'Ask for another form of the change request.',
  );
}

const directoryEntry = 0x02014b50;
const endOfDirectory = 0x06054b50;
/** The first day that ZIP knows: 1 January 1980. */
const firstDay = 0x0021;

/**
 * The archive with the time of each file taken out, which the library sets to now: the same plan gives the same bytes. The
 * layout is that of PKWARE's APPNOTE, sections 4.3.7, 4.3.12 and 4.3.16; there is no comment at the end.
 */
function withoutTimes(archive: Uint8Array): Uint8Array {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const end = archive.byteLength - 22;
  if (view.getUint32(end, true) !== endOfDirectory) throw new TypeError('the workbook is no archive without a comment');
  let entry = view.getUint32(end + 16, true);
  while (entry < end && view.getUint32(entry, true) === directoryEntry) {
    const local = view.getUint32(entry + 42, true);
    for (const time of [entry + 12, local + 10]) {
      view.setUint16(time, 0, true);
      view.setUint16(time + 2, firstDay, true);
    }
    entry +=
      46 + view.getUint16(entry + 28, true) + view.getUint16(entry + 30, true) + view.getUint16(entry + 32, true);
  }
  return archive;
}
