import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HoldfastError, toHoldfastError } from '@holdfast/core';
import type { SnapshotView } from '@holdfast/repository/view';
import {
  type ObjectName,
  parseRange,
  parseRestPath,
  printableName,
  type RestPath,
  restHeaders,
  restMediaType,
  restQueries,
  restStatus,
} from '@holdfast/storage';
import type { ViewLocks } from './view-locks.ts';

interface Answering {
  readonly view: SnapshotView;
  readonly locks: ViewLocks;
  readonly signal: AbortSignal;
  /** Told of the bytes of objects that go out. */
  readonly onSent: (bytes: number) => void;
}

/**
 * Answers one request of the REST protocol out of a view, to a mover that passes on what a reader asks for. Only reading, and the
 * reader's own locks. What is not in the view is missing, and nothing tells whether the repository has it. Never throws.
 */
export async function answerView(o: Answering, req: IncomingMessage, res: ServerResponse): Promise<void> {
  try {
    const path = parseRestPath(req.url ?? '');
    if (!path || path.subject.kind === 'repository' || path.query.has(restQueries.retention)) throw noMethod();
    if (path.subject.kind === 'list') sendList(o, path, req, res);
    else await answerObject(o, path.subject.name, req, res);
  } catch (error) {
    // Half an answer can't be taken back: cutting it is the only way to say that it is not whole.
    if (res.headersSent) return void req.socket.destroy();
    const failure = toHoldfastError(error);
    const text = JSON.stringify(failure);
    // What was not read of a body would be taken for the next request.
    if (!req.complete) res.setHeader('connection', 'close');
    res
      .writeHead(restStatus(failure), {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
        [restHeaders.error]: failure.code,
      })
      .end(text);
  }
}

function noMethod(): HoldfastError {
  return new HoldfastError('grant.mode', { message: 'A snapshot that is shown through an executor can only be read.' });
}

function sendList({ view, locks }: Answering, { subject, query }: RestPath, req: IncomingMessage, res: ServerResponse) {
  if (subject.kind !== 'list' || req.method !== 'GET') throw noMethod();
  const after = query.get(restQueries.after) ?? '';
  const limit = Number(query.get(restQueries.limit) ?? Number.POSITIVE_INFINITY);
  const all = subject.type === 'lock' ? locks.list() : view.list(subject.type);
  const rest = all.filter(({ id }) => id > after);
  const page = rest.slice(0, limit);
  const text = JSON.stringify(page.map(({ id, sizeBytes }) => ({ name: id, size: sizeBytes })));
  res
    .writeHead(200, {
      'content-type': restMediaType,
      'content-length': Buffer.byteLength(text),
      [restHeaders.more]: rest.length > page.length ? '1' : '0',
    })
    .end(text);
}

async function answerObject(o: Answering, name: ObjectName, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { locks } = o;
  switch (req.method) {
    case 'HEAD':
    case 'GET':
      return await sendObject(o, name, req, res);
    case 'POST': {
      if (name.type !== 'lock') throw noMethod();
      const result = await locks.add(name.id, req.iterator({ destroyOnReturn: false }));
      res.writeHead(200, { 'content-length': 0, [restHeaders.result]: result }).end();
      return;
    }
    case 'DELETE':
      if (name.type !== 'lock') throw noMethod();
      if (!locks.delete(name.id)) throw missing(name);
      res.writeHead(200, { 'content-length': 0 }).end();
      return;
    default:
      throw noMethod();
  }
}

function missing(name: ObjectName): HoldfastError {
  return new HoldfastError('storage.missing', { message: `There is no ${printableName(name)} here.` });
}

async function sendObject(o: Answering, name: ObjectName, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { view, locks, signal, onSent } = o;
  const lock = name.type === 'lock' ? locks.get(name.id) : undefined;
  const sizeBytes = name.type === 'lock' ? lock?.byteLength : view.sizeOf(name);
  if (sizeBytes === undefined) throw missing(name);
  if (req.method === 'HEAD') {
    res.writeHead(200, { 'content-length': sizeBytes, 'accept-ranges': 'bytes' }).end();
    return;
  }
  const range = parseRange(req.headers.range, sizeBytes);
  if (range.kind === 'unsatisfiable') {
    res.setHeader('content-range', `bytes */${sizeBytes}`);
    throw new HoldfastError('storage.range', { message: `${printableName(name)} has ${sizeBytes} bytes.` });
  }
  const [offset, length] = range.kind === 'part' ? [range.offset, range.length] : [0, sizeBytes];
  // The first piece before the headers: what can't be read is an error and not half an answer, and how long it took is told.
  const begunMs = performance.now();
  const pieces = lock ? one(lock.subarray(offset, offset + length)) : view.pieces(name, { offset, length, signal });
  const first = await pieces.next();
  res.writeHead(range.kind === 'part' ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': length,
    'accept-ranges': 'bytes',
    'server-timing': `storage;dur=${(performance.now() - begunMs).toFixed(1)}`,
    ...(range.kind === 'part' ? { 'content-range': `bytes ${offset}-${offset + length - 1}/${sizeBytes}` } : {}),
  });
  await pipeline(Readable.from(withFirst(first, pieces)), res);
  onSent(length);
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* withFirst(
  first: IteratorResult<Uint8Array>,
  rest: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}
