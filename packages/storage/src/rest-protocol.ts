/**
 * The restic REST backend protocol, version 2, and what a data mover adds to it. The REST target speaks it, the mover
 * answers it; both take every name from here.
 *
 * Public part (restic doc/REST_backend.rst), below any base path that ends with '/':
 *
 *   POST   {base}?create=true      makes the folders of a repository; 200 also if they exist
 *   HEAD   {base}config            200 with Content-Length, 404
 *   GET    {base}config            200, 404
 *   POST   {base}config            200
 *   GET    {base}{type}/           JSON `[{"name", "size"}]` with `Accept: application/vnd.x.restic.rest.v2`
 *   HEAD   {base}{type}/{id}       200 with Content-Length, 404
 *   GET    {base}{type}/{id}       200; 206 with `Range: bytes=a-b`; 404; 416
 *   POST   {base}{type}/{id}       200; 507 when the storage is full
 *   DELETE {base}{type}/{id}       200, 404
 *
 * Additions of a mover. It announces them with the header `Holdfast-Mover: 1` on every answer, errors too; an unmodified
 * restic never sees a difference:
 *
 * - Errors have the content type `application/json` and the body of `HoldfastError.toJSON()`, and their code in the header
 *   `Holdfast-Error` (an answer to HEAD has no body). Statuses are those that restic understands (401, 403, 404, 416, 507
 *   end its attempts, others it repeats). A refused POST is read to its end before it is answered: a client that is
 *   still sending when the connection closes never sees the answer.
 * - POST of an object answers 200 with `Holdfast-Result: created` or `identical`. `Holdfast-Retain-Until: <RFC 3339>` on
 *   the request protects the object from the first moment on. `Holdfast-Lock: exclusive` on POST of a lock (with a grant to
 *   maintain only) keeps others from writing data, index and snapshots until that lock is deleted. `Server-Timing:
 *   storage;dur={milliseconds}` (W3C Server Timing) is how long the upload waited for the storage, and not for the network; on
 *   answers to GET of an object, how long it took to find it.
 * - GET {base}{type}/?after={id}&limit={n}: at most n entries (1 to 10,000; the mover may give fewer, never none while
 *   more follow) in ascending order after the id; `Holdfast-More: 1` if others follow, `0` if not. Without `limit` the
 *   whole list, as restic asks for it.
 * - HEAD {base}config answers, also with 404, with `Holdfast-Lists: consistent` where a list has every object that was there
 *   when it began: the repository is on a file system of the mover's computer.
 * - GET {base}{type}/{id}?retention: 200 with `{"until": "<RFC 3339>" | null}`; 404.
 * - PUT {base}{type}/{id}?retention with `{"mode": "set" | "extend", "until": "<RFC 3339>"}`: 200 with `{"until"}` as it
 *   is then in force; 403 with `storage.immutable` if `set` would shorten it. `config` stands in place of `{type}/{id}`
 *   in both.
 * - The time is the `Date` header of any answer (RFC 9110, 6.6.1; whole seconds).
 */

import type { ObjectName, ObjectType } from './target.ts';

export const restMediaType = 'application/vnd.x.restic.rest.v2';

/** The folder of each type, in paths of the protocol and on disk alike. */
export const typeFolders: Readonly<Record<Exclude<ObjectType, 'config'>, string>> = {
  key: 'keys',
  lock: 'locks',
  snapshot: 'snapshots',
  index: 'index',
  data: 'data',
};

const folderTypes = new Map<string, Exclude<ObjectType, 'config'>>(
  Object.entries(typeFolders).map(([type, folder]) => [folder, type as Exclude<ObjectType, 'config'>]),
);

/** The type that a folder holds; undefined for any other name. */
export function typeOfFolder(folder: string): Exclude<ObjectType, 'config'> | undefined {
  return folderTypes.get(folder);
}

/** Lower case, as Node gives the headers of an answer. */
export const restHeaders = {
  /** On every answer of a mover. Value `1`. */
  mover: 'holdfast-mover',
  /** On errors: the code. */
  error: 'holdfast-error',
  /** On answers to POST: `created` or `identical`. */
  result: 'holdfast-result',
  /** On POST: RFC 3339. */
  retainUntil: 'holdfast-retain-until',
  /** On POST of a lock: `exclusive`. */
  lock: 'holdfast-lock',
  /** On pages of a list: `1` or `0`. */
  more: 'holdfast-more',
  /** On answers to HEAD of `config`: `consistent`, or not there. */
  lists: 'holdfast-lists',
} as const;

export const restQueries = { create: 'create', after: 'after', limit: 'limit', retention: 'retention' } as const;

/** One entry of a list of version 2. */
export interface RestListEntry {
  readonly name: string;
  readonly size: number;
}

/** Answer to GET and PUT of `?retention`. */
export interface RestRetention {
  readonly until: string | null;
}

/** Body of PUT `?retention`. */
export interface RestRetentionChange {
  readonly mode: 'set' | 'extend';
  readonly until: string;
}

/** The path of an object below the base: `config`, `data/…`. */
export function objectPath(name: ObjectName): string {
  return name.type === 'config' ? 'config' : `${typeFolders[name.type]}/${name.id}`;
}
