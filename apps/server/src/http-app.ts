import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { errorTable, HoldfastError, isHoldfastError, toHoldfastError } from '@holdfast/core';
import { problemOf, problemType } from '@holdfast/protocol';
import { createHttpServer, type HttpServerOnConnections, securityHeaders } from '@holdfast/wire';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Logger } from 'pino';

export interface HttpApp {
  readonly app: FastifyInstance;
  readonly http: HttpServerOnConnections;
}

/**
 * A Fastify application on connections that `wire` accepts. It answers every error as a report, with the status of the error
 * table, and takes JSON bodies only.
 */
export function createHttpApp(o: {
  logger: Logger;
  bodyLimitBytes: number;
  /** Of a request's line and headers; what `wire` has for all unless given. */
  headBytes?: number;
  onUpgrade?: (req: IncomingMessage, stream: Duplex, head: Buffer) => void;
}): HttpApp {
  const http = createHttpServer({
    ...(o.onUpgrade ? { onUpgrade: o.onUpgrade } : {}),
    ...(o.headBytes === undefined ? {} : { limits: { headerBytes: o.headBytes } }),
  });
  const app = fastify({
    serverFactory: (handler) => {
      http.server.on('request', handler);
      return http.server;
    },
    bodyLimit: o.bodyLimitBytes,
    // A client's own id is not taken: ids stand in the log, where each means one request.
    requestIdHeader: false,
    genReqId: () => crypto.randomUUID(),
    exposeHeadRoutes: false,
    forceCloseConnections: false,
    frameworkErrors: (error, request, reply) => answerError(o.logger, error, request, reply),
  });
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    // Some clients name the type of a body that they don't send.
    if (body === '') done(null, undefined);
    else void parseJson(request, String(body), done);
  });
  app.addHook(
    'onRequest',
    async (request, reply) => void reply.headers(securityHeaders).header('x-request-id', request.id),
  );
  app.setErrorHandler((error, request, reply) => answerError(o.logger, error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    answerError(
      o.logger,
      new HoldfastError('request.missing', { message: `There is no ${request.method} ${pathOf(request)}.` }),
      request,
      reply,
    ),
  );
  return { app, http };
}

function answerError(logger: Logger, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const known = classify(error);
  const { http } = errorTable[known.code];
  const facts = { method: request.method, path: pathOf(request), code: known.code, request: request.id };
  if (http >= 500) logger.error({ ...facts, error: known, cause: known.cause }, 'request failed');
  else logger.info(facts, 'request refused');
  if (known.code === 'auth.rate') reply.header('retry-after', String(known.context['retryAfterSeconds'] ?? 60));
  if (known.code === 'auth.required') reply.header('www-authenticate', 'Bearer realm="holdfast"');
  // The headers here again: what the framework refuses by itself passes no hook.
  void reply
    .headers(securityHeaders)
    .header('x-request-id', request.id)
    .code(http)
    .type(problemType)
    .send(JSON.stringify(problemOf(forCaller(known), request.id)));
}

/** Fastify's own errors carry the status that they mean. */
function classify(error: unknown): HoldfastError {
  if (isHoldfastError(error)) return error;
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  if (typeof status === 'number' && status >= 400 && status < 500) {
    const message = error instanceof Error ? error.message : String(error);
    return new HoldfastError(status === 413 ? 'request.size' : 'request.invalid', {
      message: `${message}.`,
      cause: error,
    });
  }
  return toHoldfastError(error);
}

/** What we did not expect is for the log, not for the caller. */
function forCaller(error: HoldfastError): HoldfastError {
  return error.code === 'internal.unexpected' ? new HoldfastError('internal.unexpected') : error;
}

/** Without the query: it may hold what does not belong into a log. */
function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1).join('').slice(0, 200);
}

/** Answers a request to upgrade that is refused. */
export function refuseUpgrade(stream: Duplex, error: unknown): void {
  const known = forCaller(classify(error));
  const body = JSON.stringify(problemOf(known));
  stream.end(
    `HTTP/1.1 ${errorTable[known.code].http} Refused\r\ncontent-type: ${problemType}\r\nconnection: close\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** Accepts a request to upgrade: from here on the stream is the protocol's. */
export function acceptUpgrade(stream: Duplex, head: Buffer, protocol: string): void {
  if (head.length > 0) stream.unshift(head);
  stream.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${protocol}\r\n\r\n`);
}

export function remoteAddressOf(http: HttpServerOnConnections, req: IncomingMessage): string {
  return http.connectionOf(req)?.remoteAddress ?? req.socket.remoteAddress ?? '';
}
