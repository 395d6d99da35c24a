import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { HoldfastError, toHoldfastError } from '@holdfast/core';
import {
  type ObjectName,
  type ObjectType,
  objectSizeLimits,
  parseRange,
  parseRestPath,
  printableName,
  type RestListEntry,
  type RestPath,
  restHeaders,
  restMediaType,
  restQueries,
  restStatus,
} from '@holdfast/storage';
import { requestBody } from '@holdfast/wire';
import { z } from 'zod';
import { type Caller, type Carrier, identifyCaller } from './caller.ts';
import type { Actor, GuardedRepository } from './guarded-repository.ts';
import { readJson, sendError, sendJson, sendPieces } from './http-answer.ts';
import { listPageEntries, maxApiBytes } from './limits.ts';
import type { Repositories } from './repositories.ts';
import type { Session, Sessions } from './session.ts';
import type { Pace, TrafficLimits } from './traffic/traffic-limits.ts';
import type { Trust } from './trust.ts';
import { passedOn, type Views } from './views.ts';

/**
 * The restic REST backend protocol, versions 1 and 2, with a mover's additions (`rest-protocol.ts` of the storage package).
 *
 * - An exclusive lock is announced by a header, because the mover can't read locks; it holds until it is deleted or stale. A
 *   refreshed lock is a new one and is announced again.
 * - `Holdfast-Uploaded-By` and `Holdfast-Uploaded-At` on answers to HEAD of an object: who is to be named when it can't be read.
 */

const retentionChange = z.strictObject({ mode: z.enum(['set', 'extend']), until: z.iso.datetime({ offset: true }) });
const listPaging = z.strictObject({
  after: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  limit: z.coerce.number().int().min(1).max(10_000).optional(),
});

export interface RestContext {
  readonly trust: Trust;
  readonly traffic: TrafficLimits;
  readonly sessions: Sessions;
  readonly repositories: Repositories;
  readonly views: Views;
  readonly onFailure: (error: HoldfastError, req: IncomingMessage) => void;
}

interface Request {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly path: RestPath;
  readonly caller: Caller;
  readonly actor: Actor;
  readonly signal: AbortSignal;
  /** Where traffic rules hold. */
  readonly pace: Pace | undefined;
}

/** Answers one request. Never throws. */
export async function answerRest(
  context: RestContext,
  carrier: Carrier,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  let caller: Caller | undefined;
  try {
    const path = parseRestPath(req.url ?? '');
    caller = await identifyCaller(req, carrier, { ...context, repository: path?.key });
    if (!path) throw new HoldfastError('request.missing', { message: 'That is not a path of the REST protocol.' });
    using _running = caller.session?.beginRequest();
    const gone = new AbortController();
    res.once('close', () => {
      if (!res.writableFinished) gone.abort(new HoldfastError('channel.closed', { message: 'The client left.' }));
    });
    const signal = caller.session ? AbortSignal.any([gone.signal, caller.session.over]) : gone.signal;
    const actor = { subject: caller.grant.subject, mode: caller.grant.mode };
    const { localAddress, remoteAddress } = carrier.connection;
    const task = caller.session?.id ?? caller.grant.id;
    const pace = context.traffic.paceOf({ localAddress, remoteAddress, task });
    await answer(context, { req, res, path, caller, actor, signal, pace });
  } catch (error) {
    const failure = toHoldfastError(error);
    if (restStatus(failure) >= 500) caller?.session?.note('warning', failure.message);
    context.onFailure(failure, req);
    await sendError(req, res, failure, restStatus(failure));
  }
}

async function answer(context: RestContext, request: Request): Promise<void> {
  const { path, req, caller } = request;
  const method = req.method ?? '';
  if (caller.session?.viewOnly) return await passOn(context.views, caller.session, request);
  if (path.subject.kind === 'repository') {
    if (method !== 'POST' || path.query.get(restQueries.create) !== 'true') throw unknownMethod(method);
    if (request.actor.mode === 'read')
      throw new HoldfastError('grant.mode', { message: 'A grant to read makes no repository.' });
    await context.repositories.place(path.key);
    request.res.writeHead(200, { 'content-length': 0 }).end();
    return;
  }
  const lease = await context.repositories.open(path.key);
  await using _open = lease;
  const { repository } = lease;
  if (path.subject.kind === 'list') {
    if (method !== 'GET') throw unknownMethod(method);
    await sendList(repository, path.subject.type, request);
    return;
  }
  const { name } = path.subject;
  if (path.query.has(restQueries.retention)) return await retention(repository, name, request);
  switch (method) {
    case 'HEAD':
      return await sendHead(repository, name, request);
    case 'GET':
      return await sendObject(repository, name, request);
    case 'POST':
      return await receiveObject(repository, name, request);
    case 'DELETE':
      return await deleteObject(repository, name, request);
    default:
      throw unknownMethod(method);
  }
}

/** Asks the executor that shows something to the session's computer, and gives its answer. */
async function passOn(views: Views, session: Session, request: Request): Promise<void> {
  const { req, res, path, signal } = request;
  const method = req.method ?? '';
  const isLock = path.subject.kind === 'object' && path.subject.name.type === 'lock';
  if (method !== 'GET' && method !== 'HEAD' && !isLock)
    throw new HoldfastError('grant.mode', {
      message: 'A snapshot that is shown through an executor can only be read.',
    });
  const answer = await views.of(session).ask({
    ...{ method, path, signal, range: req.headers.range },
    body:
      method === 'POST'
        ? await requestBody(req, { maxBytes: objectSizeLimits.lock, tooLarge: 'storage.size' })
        : undefined,
  });
  try {
    res.writeHead(answer.status, passedOn(answer.headers));
    const pace = isLock ? undefined : request.pace;
    const pieces = answer.body as AsyncIterable<Uint8Array>;
    await sendPieces(req, res, pace?.(pieces, { direction: 'out', signal }) ?? pieces, signal);
    session.count({ sentBytes: method === 'GET' ? Number(answer.headers['content-length'] ?? 0) : 0 });
  } finally {
    // Half of an answer that nobody takes would keep the stream for ever.
    answer.body.destroy();
  }
}

function unknownMethod(method: string): HoldfastError {
  return new HoldfastError('request.missing', {
    message: `The REST protocol has no ${method.slice(0, 20)} for that path.`,
  });
}

function missing(name: ObjectName): HoldfastError {
  return new HoldfastError('storage.missing', { message: `There is no ${printableName(name)} here.` });
}

async function sendHead(repository: GuardedRepository, name: ObjectName, { res, signal }: Request): Promise<void> {
  if (name.type === 'config' && repository.disk.capabilities.consistentLists)
    res.setHeader(restHeaders.lists, 'consistent');
  const found = await repository.disk.stat(name, { signal });
  if (!found) throw missing(name);
  const upload = repository.uploadOf(name);
  if (upload) {
    res.setHeader('holdfast-uploaded-by', upload.subject);
    res.setHeader('holdfast-uploaded-at', upload.at.toISOString());
  }
  res.writeHead(200, { 'content-length': found.sizeBytes, 'accept-ranges': 'bytes' }).end();
}

async function sendObject(repository: GuardedRepository, name: ObjectName, request: Request): Promise<void> {
  const { req, res, signal } = request;
  const header = req.headers.range;
  const begunMs = performance.now();
  await using object = await repository.disk.openReader(name, { signal });
  const { sizeBytes } = object;
  const range = parseRange(header, sizeBytes);
  if (range.kind === 'unsatisfiable') {
    res.setHeader('content-range', `bytes */${sizeBytes}`);
    throw new HoldfastError('storage.range', {
      message: `${printableName(name)} has ${sizeBytes} bytes; ${header} is beyond.`,
    });
  }
  const [offset, length] = range.kind === 'part' ? [range.offset, range.length] : [0, sizeBytes];
  res.writeHead(range.kind === 'part' ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': length,
    'accept-ranges': 'bytes',
    'server-timing': storageTiming(performance.now() - begunMs),
    ...(range.kind === 'part' ? { 'content-range': `bytes ${offset}-${offset + length - 1}/${sizeBytes}` } : {}),
  });
  const pieces = object.pieces({ offset, length, signal });
  const pace = name.type === 'lock' ? undefined : request.pace;
  await sendPieces(req, res, pace?.(pieces, { direction: 'out', signal }) ?? pieces, signal);
  request.caller.session?.count({ sentBytes: length });
}

async function receiveObject(repository: GuardedRepository, name: ObjectName, request: Request): Promise<void> {
  const { req, res, caller, actor, signal } = request;
  const lock = req.headers[restHeaders.lock];
  if (lock !== undefined && (lock !== 'exclusive' || name.type !== 'lock'))
    throw new HoldfastError('request.invalid', { message: 'Only a lock can be announced, and only as exclusive.' });
  const before = req.socket.bytesRead;
  const storageMs = storageWait(req);
  const result = await repository.create({
    actor,
    name,
    body: bodyOf(name, request),
    sizeBytes: announcedSize(req),
    retainUntil: parseDate(req.headers[restHeaders.retainUntil]),
    exclusive: lock === 'exclusive',
    signal,
  });
  caller.session?.count({
    receivedBytes: announcedSize(req) ?? req.socket.bytesRead - before,
    objectsCreated: result === 'created' ? 1 : 0,
  });
  const timing = storageTiming(storageMs());
  res.writeHead(200, { 'content-length': 0, [restHeaders.result]: result, 'server-timing': timing }).end();
}

function storageTiming(ms: number): string {
  return `storage;dur=${ms.toFixed(1)}`;
}

/** How long a body waited for whoever stores it: while it was paused because nobody could take more, and since it has ended. */
function storageWait(body: IncomingMessage): () => number {
  let waitedMs = 0;
  let sinceMs: number | undefined;
  const wait = (): void => {
    sinceMs ??= performance.now();
  };
  const goOn = (): void => {
    if (sinceMs === undefined || body.readableEnded) return;
    waitedMs += performance.now() - sinceMs;
    sinceMs = undefined;
  };
  body.on('pause', wait).on('resume', goOn).once('end', wait);
  return () => waitedMs + (sinceMs === undefined ? 0 : performance.now() - sinceMs);
}

/** A lock that came late could look forsaken: it has no pace. */
function bodyOf(name: ObjectName, { req, pace, signal }: Request): Readable {
  if (!pace || name.type === 'lock') return req;
  return Readable.from(pace(req.iterator({ destroyOnReturn: false }), { direction: 'in', signal }));
}

/** Node's parser admits only digits here, and no message that has a length and is chunked as well. */
function announcedSize(req: IncomingMessage): number | undefined {
  const header = req.headers['content-length'];
  if (header !== undefined) return Number(header);
  return req.headers['transfer-encoding'] === undefined ? 0 : undefined;
}

function parseDate(header: string | string[] | undefined): Date | undefined {
  if (header === undefined) return undefined;
  const parsed = z.iso.datetime({ offset: true }).safeParse(header);
  if (parsed.success) return new Date(parsed.data);
  throw new HoldfastError('request.invalid', { message: `${restHeaders.retainUntil} is not an RFC 3339 time.` });
}

async function deleteObject(repository: GuardedRepository, name: ObjectName, request: Request): Promise<void> {
  if (!(await repository.delete(request.actor, name, request.signal))) throw missing(name);
  request.res.writeHead(200, { 'content-length': 0 }).end();
}

async function retention(repository: GuardedRepository, name: ObjectName, request: Request): Promise<void> {
  const { req, res, actor, signal } = request;
  if (req.method === 'GET') {
    const until = await repository.retention(name, signal);
    sendJson(res, 200, { until: until?.toISOString() ?? null });
    return;
  }
  if (req.method !== 'PUT') throw unknownMethod(req.method ?? '');
  const change = await readJson(req, retentionChange, maxApiBytes);
  const until = await repository.changeRetention(
    actor,
    name,
    { mode: change.mode, until: new Date(change.until) },
    signal,
  );
  sendJson(res, 200, { until: until.toISOString() });
}

async function sendList(
  repository: GuardedRepository,
  type: Exclude<ObjectType, 'config'>,
  request: Request,
): Promise<void> {
  const { req, res, path, signal } = request;
  const withSizes = req.headers.accept?.includes(restMediaType) ?? false;
  const paging = listPaging.safeParse({
    after: path.query.get(restQueries.after) ?? undefined,
    limit: path.query.get(restQueries.limit) ?? undefined,
  });
  if (!paging.success)
    throw new HoldfastError('request.invalid', { message: 'after is an id, and limit a number from 1 to 10,000.' });
  const { after, limit } = paging.data;
  const headers = { 'content-type': withSizes ? restMediaType : 'application/vnd.x.restic.rest.v1' };
  const form = (entry: RestListEntry): unknown => (withSizes ? entry : entry.name);
  if (limit === undefined) {
    // The first page before the headers, so that a folder that can't be read is an error and not half a list.
    const pages = repository.disk.list(type, { after, pageSize: listPageEntries, signal })[Symbol.asyncIterator]();
    const first = await pages.next();
    res.writeHead(200, headers);
    await sendPieces(req, res, listText(first, pages, form), signal);
    return;
  }
  const entries: RestListEntry[] = [];
  let more = false;
  // One more than is asked for tells whether others follow.
  for await (const page of repository.disk.list(type, { after, pageSize: Math.min(limit + 1, 10_000), signal })) {
    for (const { id, sizeBytes } of page) {
      if (entries.length < limit) entries.push({ name: id, size: sizeBytes });
      else more = true;
    }
    if (more) break;
  }
  const text = JSON.stringify(entries.map(form));
  res
    .writeHead(200, { ...headers, [restHeaders.more]: more ? '1' : '0', 'content-length': Buffer.byteLength(text) })
    .end(text);
}

type Page = readonly { readonly id: string; readonly sizeBytes: number }[];

/** A JSON array, written page by page: a repository may have millions of packs. */
async function* listText(
  first: IteratorResult<Page>,
  pages: AsyncIterator<Page>,
  form: (entry: RestListEntry) => unknown,
): AsyncGenerator<string> {
  let separator = '[';
  for (let page = first; !page.done; page = await pages.next()) {
    const texts = page.value.map(({ id, sizeBytes }) => JSON.stringify(form({ name: id, size: sizeBytes })));
    if (texts.length === 0) continue;
    yield separator + texts.join(',');
    separator = ',';
  }
  yield separator === '[' ? '[]' : ']';
}
