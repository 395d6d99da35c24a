import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type ErrorReport, errorTable, HoldfastError, isHoldfastError } from '@holdfast/core';
import type { Connection } from './connection.ts';
import { ConnectionPool } from './connection-pool.ts';
import {
  bodyPieceBytes,
  bodySilenceMs,
  clientKeepAliveMs,
  maxAnswerBytes,
  maxClientConnections,
  maxHeaderBytes,
  maxWriteBytes,
} from './limits.ts';
import { request as nodeRequest } from './node-http.ts';

export interface HttpClientOptions {
  /** Opens one more connection: a dial along a channel. For one that exists already see {@link singleConnection}. */
  readonly connect: (signal: AbortSignal) => Promise<Connection>;
  /** Connections at most, 1 to 64. Default 1. */
  readonly connections?: number;
  /** The Host header. Default `holdfast`. */
  readonly host?: string;
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export type HttpBody = string | Uint8Array | readonly Uint8Array[];

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /**
   * Sent in pieces of at most 256 KiB, the next one when the connection has taken the last. What is left when the answer has
   * ended is not sent, and the connection is cut: the server refused it.
   */
  readonly body?: HttpBody | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Gives the request up while it waits for a connection: once it is sent, its answer is waited for. */
  readonly unsentSignal?: AbortSignal | undefined;
  /** How long the other end may be silent, before its answer and between pieces of it. 0: no limit. Default 120,000. */
  readonly timeoutMs?: number | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Has to be read or destroyed: the connection is busy until then. */
  readonly body: Readable;
  /**
   * The whole body; `internal.limit` when it is larger than the bound. Default 16 MiB. An announced body that fits into `into`
   * is put there, and the result is that part of it.
   */
  bytes(maxBytes?: number, into?: Uint8Array): Promise<Buffer>;
  text(maxBytes?: number): Promise<string>;
  json(maxBytes?: number): Promise<unknown>;
}

/**
 * HTTP/1.1 over connections of ours. Errors of the transport are HoldfastErrors, and so is a path or header that HTTP can't carry
 * (`request.invalid`); answers of any status are answers.
 */
export interface HttpClient extends AsyncDisposable {
  request(request: HttpRequest): Promise<HttpResponse>;
  /**
   * Opens a connection of its own and turns it into a plain byte stream. An answer other than 101 is thrown: the error that it
   * reports, else `request.invalid`.
   */
  upgrade(
    path: string,
    protocol: string,
    o?: {
      readonly headers?: Readonly<Record<string, string>> | undefined;
      readonly signal?: AbortSignal | undefined;
      readonly timeoutMs?: number | undefined;
    },
  ): Promise<Duplex>;
  /** Waits for requests under way, then closes the connections. Disposing cuts them. */
  close(): Promise<void>;
}

/** For a data channel: gives the one connection, once. When it breaks, the caller needs a new lease, not a new dial. */
export function singleConnection(connection: Connection): (signal: AbortSignal) => Promise<Connection> {
  let used = false;
  return async () => {
    if (used) {
      throw new HoldfastError('channel.closed', {
        message: `Channel ${connection.channel}: the connection to ${connection.remoteAddress}:${connection.remotePort} is closed.`,
        context: { channel: connection.channel },
      });
    }
    used = true;
    return connection;
  };
}

export function httpClient(options: HttpClientOptions): HttpClient {
  const { connections = 1, host = 'holdfast', headers: always = {} } = options;
  if (!Number.isInteger(connections) || connections < 1 || connections > maxClientConnections) {
    throw new RangeError(`an HTTP client has 1 to ${maxClientConnections} connections, not ${connections}`);
  }
  const pool = new ConnectionPool({ connect: options.connect, size: connections });

  function failure(error: unknown, request: { method: string; path: string }): unknown {
    if (isHoldfastError(error)) return error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const timedOut = error instanceof SilenceError;
    const what = timedOut
      ? 'was not answered in time'
      : error instanceof NoAnswerError
        ? 'was closed without an answer'
        : `was cut${code === '' ? '' : ` (${code})`}`;
    return new HoldfastError(timedOut ? 'run.timeout' : 'channel.closed', {
      message: `${request.method} ${request.path} to ${pool.where} ${what}.`,
      context: { method: request.method, path: request.path, ...(code === '' ? {} : { cause: code }) },
      cause: error,
    });
  }

  async function request(r: HttpRequest): Promise<HttpResponse> {
    const pieces = toPieces(r.body);
    let isSent = false;
    const failed = (error: unknown): unknown => {
      r.signal?.throwIfAborted();
      if (!isSent) r.unsentSignal?.throwIfAborted();
      return failure(error, r);
    };
    try {
      const { stream, giveBack } = await pool.take(eitherOf(r.signal, r.unsentSignal));
      isSent = true;
      let req: ClientRequest;
      try {
        req = begin({
          createConnection: () => stream,
          method: r.method,
          path: r.path,
          headers: {
            host,
            // Node closes a connection that it was given by itself, unless it is told not to.
            connection: 'keep-alive',
            ...always,
            ...r.headers,
            ...(pieces === undefined ? {} : { 'content-length': pieces.reduce((sum, piece) => sum + piece.length, 0) }),
          },
        });
      } catch (error) {
        giveBack(clientKeepAliveMs);
        throw error;
      }
      let keepMs = clientKeepAliveMs;
      req.once('response', ({ headers }) => {
        keepMs = keptMs(headers['keep-alive']);
      });
      req.once('close', () => giveBack(keepMs));
      const answer = await exchange(req, stream, pieces ?? [], r);
      return response(answer.statusCode ?? 0, answer.headers, answer, failed);
    } catch (error) {
      throw failed(error);
    }
  }

  async function upgrade(
    path: string,
    protocol: string,
    o: {
      readonly headers?: Readonly<Record<string, string>> | undefined;
      readonly signal?: AbortSignal | undefined;
      readonly timeoutMs?: number | undefined;
    } = {},
  ): Promise<Duplex> {
    o.signal?.throwIfAborted();
    const socket = await pool.dial(o.signal);
    try {
      return await upgradeOn(socket, {
        path,
        headers: { host, ...always, ...o.headers, connection: 'Upgrade', upgrade: protocol },
        timeoutMs: o.timeoutMs ?? bodySilenceMs,
        signal: o.signal,
      });
    } catch (error) {
      socket.destroy();
      o.signal?.throwIfAborted();
      throw failure(error, { method: 'GET', path });
    }
  }

  return {
    request,
    upgrade,
    close: () => pool.close(),
    [Symbol.asyncDispose]: async () => pool.destroy(),
  };
}

function eitherOf(one: AbortSignal | undefined, other: AbortSignal | undefined): AbortSignal | undefined {
  return one && other ? AbortSignal.any([one, other]) : (one ?? other);
}

function begin(options: RequestOptions): ClientRequest {
  try {
    return nodeRequest({ ...options, maxHeaderSize: maxHeaderBytes });
  } catch (error) {
    throw new HoldfastError('request.invalid', {
      message: `${options.method ?? 'GET'} ${options.path} is not a request that HTTP can carry.`,
      guidance: 'Paths and headers may not have control characters, and paths no spaces.',
      cause: error,
    });
  }
}

/** How long an idle connection is kept: a second less than the server says, so that no request is written into a dying one. */
function keptMs(keepAlive: string | string[] | undefined): number {
  const seconds = /\btimeout=(\d+)/i.exec(String(keepAlive))?.[1];
  return seconds === undefined ? clientKeepAliveMs : Math.min(clientKeepAliveMs, (Number(seconds) - 1) * 1000);
}

/** Sends a request and gives the beginning of its answer; until the end of that, silence and the signal cut the connection. */
function exchange(
  req: ClientRequest,
  stream: Duplex,
  pieces: readonly Uint8Array[],
  { method, signal, timeoutMs = bodySilenceMs }: HttpRequest,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let answer: IncomingMessage | undefined;
    const stop = (error: unknown): void => {
      reject(error);
      (answer ?? req).destroy(error instanceof Error ? error : new Error(String(error)));
      // An answer that has ended takes nothing with it, though the request may still be on its way.
      stream.destroy();
    };
    const onAbort = (): void => stop(signal?.reason);
    const onSilence = (): void => {
      // A reader who lets the other end wait is not the other end's silence.
      if (answer !== undefined && answer.readableLength > 0) silence?.refresh();
      else stop(new SilenceError());
    };
    const silence = timeoutMs > 0 ? setTimeout(onSilence, timeoutMs) : undefined;
    const onBytes = (): void => void silence?.refresh();
    signal?.addEventListener('abort', onAbort, { once: true });
    // Only now does Node itself listen: the bytes flow to its parser.
    req.once('socket', () => stream.on('data', onBytes));
    req.on('error', reject);
    req.once('close', () => {
      clearTimeout(silence);
      signal?.removeEventListener('abort', onAbort);
      stream.off('data', onBytes);
      // Node gives no error for an answer that it has no place for: an upgrade that nobody asked for.
      if (!answer) reject(new NoAnswerError());
    });
    req.once('response', (begun) => {
      answer = begun;
      // Node expects a body up to the connection's end where no length is announced, but these answers have none.
      const keeps = begun.httpVersion === '1.1' && begun.headers.connection?.toLowerCase() !== 'close';
      if (method === 'HEAD' && keeps) req.shouldKeepAlive = true;
      // Refused: the rest would be read from memory that the caller has back.
      begun.once('end', () => {
        if (!req.writableEnded) stream.destroy();
      });
      resolve(begun);
    });
    if (signal?.aborted) onAbort();
    else send(req, pieces, onBytes);
  });
}

/** So that a slow connection is seen to take something long before its silence counts. */
function slices(piece: Uint8Array): Uint8Array[] {
  if (piece.length <= maxWriteBytes) return [piece];
  const count = Math.ceil(piece.length / maxWriteBytes);
  return Array.from({ length: count }, (_, at) => piece.subarray(at * maxWriteBytes, (at + 1) * maxWriteBytes));
}

/** The next piece when the connection has taken the last. */
function send(req: ClientRequest, whole: readonly Uint8Array[], onPiece: () => void): void {
  let at = 0;
  const pieces = whole.flatMap(slices);
  const more = (): void => {
    onPiece();
    for (let piece = pieces[at]; piece !== undefined; piece = pieces[at]) {
      at += 1;
      if (at === pieces.length) break;
      if (!req.write(piece)) return;
    }
    req.off('drain', more);
    req.end(pieces.at(-1));
  };
  req.on('drain', more);
  more();
}

class SilenceError extends Error {}
class NoAnswerError extends Error {}

/** Pieces of at most 256 KiB, as views: nothing is copied. */
function toPieces(body: HttpBody | undefined): Uint8Array[] | undefined {
  if (body === undefined) return undefined;
  const parts = typeof body === 'string' ? [Buffer.from(body)] : body instanceof Uint8Array ? [body] : body;
  const pieces: Uint8Array[] = [];
  for (const part of parts) {
    for (let at = 0; at < part.length; at += bodyPieceBytes) pieces.push(part.subarray(at, at + bodyPieceBytes));
  }
  return pieces;
}

function response(
  status: number,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  body: Readable,
  failed: (error: unknown) => unknown,
): HttpResponse {
  const bytes = async (maxBytes = maxAnswerBytes, into?: Uint8Array): Promise<Buffer> => {
    const tooLarge = (): HoldfastError =>
      new HoldfastError('internal.limit', {
        message: `The answer is larger than the ${maxBytes} bytes that are allowed.`,
      });
    const announced = Number(headers['content-length'] ?? Number.NaN);
    try {
      if (announced > maxBytes) throw tooLarge();
      // With the size known, each piece is copied once; else the pieces are joined at the end.
      const whole = !Number.isSafeInteger(announced)
        ? undefined
        : into !== undefined && announced <= into.length
          ? Buffer.from(into.buffer, into.byteOffset, announced)
          : Buffer.allocUnsafe(announced);
      const pieces: Uint8Array[] = [];
      let size = 0;
      await consume(body, (piece) => {
        if (size + piece.length > maxBytes) throw tooLarge();
        if (whole) whole.set(piece, size);
        else pieces.push(piece);
        size += piece.length;
      });
      return whole ? whole.subarray(0, size) : Buffer.concat(pieces);
    } catch (error) {
      body.on('error', () => undefined);
      body.destroy();
      throw failed(error);
    }
  };
  const text = async (maxBytes?: number): Promise<string> => (await bytes(maxBytes)).toString('utf8');
  const json = async (maxBytes?: number): Promise<unknown> => {
    const content = await text(maxBytes);
    try {
      return JSON.parse(content) as unknown;
    } catch (error) {
      throw new HoldfastError('request.invalid', {
        message: `The answer (status ${status}) is not JSON.`,
        guidance: 'Check that the address belongs to a Holdfast service.',
        cause: error,
      });
    }
  };
  return { status, headers, body, bytes, text, json };
}

/** Takes the pieces of a body as they come. By events: an iterator would cost several promises for each 16 KiB. */
async function consume(body: Readable, take: (piece: Uint8Array) => void): Promise<void> {
  body.on('data', (piece: Uint8Array) => {
    try {
      take(piece);
    } catch (error) {
      body.destroy(error as Error);
    }
  });
  await finished(body, { writable: false });
}

/** Node's own client for this one: it hands over the stream, and the answer when there is no upgrade. */
function upgradeOn(
  socket: Duplex,
  o: { path: string; headers: Record<string, string>; timeoutMs: number; signal: AbortSignal | undefined },
): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const req = begin({
      createConnection: () => socket,
      path: o.path,
      headers: o.headers,
      ...(o.signal ? { signal: o.signal } : {}),
    });
    const timer = setTimeout(() => req.destroy(new SilenceError()), o.timeoutMs);
    const settle = (): void => clearTimeout(timer);
    req.on('error', (error) => {
      settle();
      reject(error);
    });
    req.on('upgrade', (_res, upgraded, head) => {
      settle();
      if (head.length > 0) upgraded.unshift(head);
      resolve(upgraded);
    });
    req.on('response', (res) => {
      const answer = response(res.statusCode ?? 0, res.headers, res, (error) => error);
      const refused = answer.text(64 * 1024).then((text) => refusal(res.statusCode ?? 0, o.path, text));
      refused.finally(settle).then(reject, reject);
    });
    req.end();
  });
}

/** The error that an answer in place of an upgrade reports. */
function refusal(status: number, path: string, text: string): HoldfastError {
  try {
    // The server answers with problem details (RFC 9457), movers with reports.
    const report = JSON.parse(text) as (Partial<ErrorReport> & { readonly detail?: unknown }) | null;
    const message = report?.detail ?? report?.message;
    if (report?.code && Object.hasOwn(errorTable, report.code) && typeof message === 'string') {
      return new HoldfastError(report.code, {
        message,
        ...(typeof report.guidance === 'string' ? { guidance: report.guidance } : {}),
      });
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return new HoldfastError('request.invalid', {
    message: `The other end answered ${status} to the request to upgrade ${path}.`,
    context: { status, path },
  });
}
