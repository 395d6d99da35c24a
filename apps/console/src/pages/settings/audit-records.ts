import type { AuditRecord } from '@holdfast/protocol';
import { call } from '../../api/call.ts';
import { saveFile } from '../../api/save-file.ts';
import type { AuditSearch } from './audit-search.ts';
import { auditTextOf, firstHash } from './audit-text.ts';

const pageRecords = 1000;

/** All records that a filter leaves, oldest first, a page at a time. */
async function* pagesOf(search: AuditSearch): AsyncGenerator<readonly AuditRecord[]> {
  for (let after: string | undefined; ; ) {
    const query = {
      ...search,
      order: 'oldest' as const,
      limit: pageRecords,
      ...(after === undefined ? {} : { after }),
    };
    const { records, next } = await call('audit', { query });
    yield records;
    if (next === undefined) return;
    after = next;
  }
}

/** As `holdfast audit verify` does it: each record's hash is over the one before it. Nothing is trusted but the records. */
export async function verifyAudit(): Promise<
  { readonly checked: number; readonly head: string } | { readonly brokenAt: number }
> {
  let head = firstHash;
  let checked = 0;
  for await (const records of pagesOf({}))
    for (const record of records) {
      const isNext = record.number === checked + 1 && record.previousHash === head;
      if (!isNext || (await sha256(`${head}\n${auditTextOf(record)}`)) !== record.hash)
        return { brokenAt: checked + 1 };
      head = record.hash;
      checked += 1;
    }
  return { checked, head };
}

async function sha256(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Saves what the filter leaves as JSON lines; all of it is what `holdfast audit verify` reads. */
export async function saveAudit(search: AuditSearch): Promise<void> {
  const parts: string[] = [];
  for await (const records of pagesOf(search)) parts.push(...records.map((record) => `${JSON.stringify(record)}\n`));
  saveFile('audit.jsonl', new Blob(parts));
}
