import { HoldfastError } from '@holdfast/core';
import type { HttpResponse } from '@holdfast/wire';
import { maxListBytes } from '../limits.ts';
import { isObjectId } from '../object-name.ts';
import { type RestListEntry, restHeaders } from '../rest-protocol.ts';
import type { ObjectInfo } from '../target.ts';
import { drain, header } from './answer.ts';

export interface ListPage {
  /** Ascending; only what comes after the id that was asked for. */
  readonly entries: readonly ObjectInfo[];
  readonly more: boolean;
}

/** A page of a mover's list, or the whole list of any other server. */
export async function takeListPage(answer: HttpResponse, after: string): Promise<ListPage> {
  // A folder that nothing was stored in yet.
  if (answer.status === 404) {
    await drain(answer);
    return { entries: [], more: false };
  }
  const content = await answer.json(maxListBytes);
  if (!Array.isArray(content)) throw notAList();
  const entries: ObjectInfo[] = [];
  for (const entry of content as readonly unknown[]) {
    if (!isEntry(entry)) throw notAList();
    if (isObjectId(entry.name) && entry.name > after) entries.push({ id: entry.name, sizeBytes: entry.size });
  }
  entries.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const more = header(answer, restHeaders.more) === '1';
  // It would be asked for the same page for ever.
  if (more && entries.length === 0) throw notAList();
  return { entries, more };
}

function isEntry(value: unknown): value is RestListEntry {
  if (typeof value !== 'object' || value === null) return false;
  const { name, size } = value as { name?: unknown; size?: unknown };
  return typeof name === 'string' && typeof size === 'number' && Number.isSafeInteger(size) && size >= 0;
}

function notAList(): HoldfastError {
  return new HoldfastError('storage.unavailable', {
    message: 'The storage answered with something that is not a list of objects of version 2 of the protocol',
    guidance: 'Check that the address is that of a restic REST server (rest-server 0.10 or newer) or a data mover.',
    retry: 'permanent',
  });
}
