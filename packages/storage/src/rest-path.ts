import { isObjectId } from './object-name.ts';
import { typeOfFolder } from './rest-protocol.ts';
import type { ObjectName, ObjectType } from './target.ts';

/** What a request of the REST protocol is about, for whoever answers it. */
export type RestSubject =
  | { readonly kind: 'repository' }
  | { readonly kind: 'list'; readonly type: Exclude<ObjectType, 'config'> }
  | { readonly kind: 'object'; readonly name: ObjectName };

export interface RestPath {
  /** Whose repository, and which. */
  readonly key: { readonly tenant: string; readonly repository: string };
  readonly subject: RestSubject;
  readonly query: URLSearchParams;
}

/** Slugs of the protocol package; nothing that a file system could read as anything but one folder's name. */
const pattern =
  /^\/([a-z0-9][a-z0-9-]{0,62})\/([a-z0-9][a-z0-9-]{0,62})\/(?:(config)|([a-z]{1,16})\/([0-9a-f]{64})?)?$/;
/** The prefix of the mover's own API can't be a tenant. */
const reserved = 'holdfast';

/**
 * Reads the path of a request as it came: nothing is decoded, normalised or joined, so what is not exactly of the protocol's
 * form is no path at all.
 */
export function parseRestPath(url: string): RestPath | undefined {
  const queryAt = url.indexOf('?');
  const match = pattern.exec(queryAt < 0 ? url : url.slice(0, queryAt));
  const [, tenant, repository, config, folder, id] = match ?? [];
  if (tenant === undefined || repository === undefined || tenant === reserved || repository === reserved)
    return undefined;
  const subject = subjectOf(config, folder, id);
  if (!subject) return undefined;
  const query = new URLSearchParams(queryAt < 0 ? '' : url.slice(queryAt + 1));
  return { key: { tenant, repository }, subject, query };
}

function subjectOf(
  config: string | undefined,
  folder: string | undefined,
  id: string | undefined,
): RestSubject | undefined {
  if (config !== undefined) return { kind: 'object', name: { type: 'config', id: '' } };
  if (folder === undefined) return { kind: 'repository' };
  const type = typeOfFolder(folder);
  if (type === undefined) return undefined;
  if (id === undefined) return { kind: 'list', type };
  return isObjectId(id) ? { kind: 'object', name: { type, id } } : undefined;
}

/** What `Range` asks of an object of that size: all of it, a part, or something that isn't there. */
export type ByteRange =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly offset: number; readonly length: number }
  | { readonly kind: 'unsatisfiable' };

/** RFC 9110, 14.2: one range; several, or what is no range, are answered with the whole. */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '');
  const [first, last] = [match?.[1] ?? '', match?.[2] ?? ''];
  if (first === '' && last === '') return { kind: 'whole' };
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes);
    return length === 0 ? { kind: 'unsatisfiable' } : { kind: 'part', offset: sizeBytes - length, length };
  }
  const offset = Number(first);
  if (last !== '' && Number(last) < offset) return { kind: 'whole' };
  if (offset >= sizeBytes) return { kind: 'unsatisfiable' };
  const end = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  return { kind: 'part', offset, length: end - offset };
}
