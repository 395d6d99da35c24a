import type { ServerResponse } from 'node:http';
import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import { limits, localTenant, type Route, routes } from '@holdfast/protocol';
import { entityTag, namesTag, presentedBy } from '@holdfast/wire';
import type { PageFiles } from '@holdfast/wire/pages';
import type { FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { AttemptLimiter } from '../attempt-limiter.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { BearerToken } from '../bearer-token.ts';
import { createHttpApp, type HttpApp, remoteAddressOf } from '../http-app.ts';
import { maxFailedSignInsPerMinute, maxRequestHeadBytes } from '../limits.ts';
import { prometheusContentType } from '../metrics/prometheus-text.ts';
import type { OauthService } from '../oauth/oauth-service.ts';
import type { Authentication } from '../people/authentication.ts';
import { type Caller, nobody, requireOwnTenant } from '../people/caller.ts';
import { checkOwnPage, cookieOf, type SessionCookie } from './browser-request.ts';
import { ByteStream, ByteStreams } from './byte-stream.ts';
import type { EventStreams } from './event-stream.ts';
import { type Idempotency, idempotencyHeader } from './idempotency.ts';
import type { Readiness } from './readiness.ts';
import type { Asked, RouteAnswer, RouteRunner } from './route-runner.ts';

export type { RestHandlers } from './route-runner.ts';

/** What monitoring reads, with a token that is good for nothing else. */
interface Metrics {
  readonly token: BearerToken;
  readonly text: () => Promise<string>;
}

const metricsPath = '/metrics';
/** What balancers and service managers ask. They say up and ready, and no more. */
const healthPath = '/healthz';
const readyPath = '/readyz';

/** Whatever no other route takes. */
const consoleUrl = '/*';
/** What begins so is never a page of the console, whether there is such a route or not. */
const otherPaths = /^\/+(?:\.well-known|api|healthz|identity|metrics|oauth|readyz|recovery)(?:\/|$)/;

/** The REST API: every route of the protocol's table. All but the public ones need a caller. Beside it the metrics, and the console's files. */
export async function createRestApp(o: {
  runner: RouteRunner;
  authentication: Authentication;
  audit: AuditLog;
  idempotency: Idempotency;
  streams: EventStreams;
  metrics: Metrics;
  readiness: Pick<Readiness, 'isReady'>;
  /** Beside the API, on the same port. */
  oauth: Pick<OauthService, 'paths' | 'register'>;
  console: Pick<PageFiles, 'answer'>;
  /** `https://HOST[:PORT]`: where people reach the server, as far as it knows. */
  publicOrigin: () => string;
  clock: Clock;
  logger: Logger;
}): Promise<HttpApp> {
  const failures = new AttemptLimiter({
    what: 'wrong tokens',
    limit: maxFailedSignInsPerMinute,
    clock: o.clock,
  });
  const httpApp = createHttpApp({
    logger: o.logger,
    bodyLimitBytes: limits.maxJsonBytes,
    headBytes: maxRequestHeadBytes,
  });
  const { app, http } = httpApp;
  const publicRoutes = Object.values<Route>(routes).filter(({ access }) => access === 'public');
  const routeOf = new Map(Object.values<Route>(routes).map((route) => [`${route.method} ${urlOf(route)}`, route]));
  const publicPaths = new Set([healthPath, readyPath, ...o.oauth.paths, ...publicRoutes.map(({ path }) => path)]);
  const byteStreams = new ByteStreams();
  const callers = new WeakMap<FastifyRequest, Caller>();
  const cookies = new WeakMap<FastifyRequest, SessionCookie>();

  // Before anything else of a request is looked at, and for paths that don't exist as well.
  app.addHook('onRequest', async (request, reply) => {
    const address = remoteAddressOf(http, request.raw);
    const { url = '' } = request.routeOptions;
    const route = routeOf.get(`${request.method} ${url}`);
    const cookie = cookieOf(request, reply);
    const byPage = () => checkOwnPage(request, { publicOrigin: o.publicOrigin(), route });
    if (route?.browser) {
      byPage();
      cookies.set(request, cookie);
    }
    if (publicPaths.has(url) || isOfConsole(request)) return;
    if (cookie.present !== undefined) {
      const caller = await o.authentication.callerOfCookie(cookie.present, byPage());
      if (caller) {
        callers.set(request, caller);
        cookies.set(request, cookie);
        return;
      }
      // Else the browser would go on with it.
      cookie.take();
    }
    const given = cookie.present ?? bearerOf(request);
    // Asked first: whoever is behind the same address as somebody who tries tokens must not be kept out. A token has 256 bits;
    // the limit is about load and about the log.
    const presented = () => presentedBy(http.connectionOf(request.raw), o.clock);
    const caller = cookie.present === undefined ? await o.authentication.callerOf(given, presented) : undefined;
    if (caller) {
      callers.set(request, caller);
      return;
    }
    if (request.routeOptions.url === metricsPath && o.metrics.token.matches(given)) {
      // Its port is that of the REST API: only what is asked for tells them apart.
      http.connectionOf(request.raw)?.countAs('metrics-to-server');
      return;
    }
    if (given !== '') {
      failures.check(address);
      failures.count(address);
      await o.audit.writeRefusal(
        localTenant,
        {
          ...{ actor: 'nobody', action: 'authenticate', subject: '', outcome: 'refused' },
          ...{ remoteAddress: address, requestId: request.id, details: { code: 'auth.required' } },
        },
        'anybody',
      );
    }
    throw new HoldfastError('auth.required');
  });

  await o.oauth.register(httpApp);

  app.route({
    method: ['GET', 'HEAD'],
    url: consoleUrl,
    handler: async (request, reply) => {
      const path = `/${pathBelowRoot(request)}`;
      const answer = isOfConsole(request) ? await o.console.answer(path, request.headers) : undefined;
      if (!answer) return reply.callNotFound();
      return reply.code(answer.status).headers(answer.headers).send(answer.body);
    },
  });

  app.get(healthPath, async () => ({ status: 'up' }));
  app.get(readyPath, async (_, reply) =>
    (await o.readiness.isReady()) ? { status: 'ready' } : reply.code(503).send({ status: 'not-ready' }),
  );

  app.get(metricsPath, async (request, reply) => {
    const caller = callers.get(request);
    if (caller && (caller.due !== undefined || !caller.permissions.has('server.manage')))
      throw new HoldfastError('auth.forbidden');
    if (caller) requireOwnTenant(caller.tenant);
    return reply.type(prometheusContentType).send(await o.metrics.text());
  });

  const answerBytes = async (
    route: Route,
    mediaType: string,
    { asked, response }: { asked: Asked; response: ServerResponse },
  ): Promise<void> => {
    using _place = byteStreams.take(response, asked.caller);
    const bytes = new ByteStream(response);
    try {
      await o.runner.run(route, { ...asked, bytes });
      bytes.end(mediaType);
    } catch (error) {
      if (!bytes.hasBegun) throw error;
      bytes.cut();
      o.logger.info({ request: asked.requestId, route: route.id, error: toHoldfastError(error) }, 'answer cut off');
    }
  };

  for (const route of Object.values<Route>(routes)) {
    app.route({
      method: route.method,
      url: urlOf(route),
      handler: async (request, reply) => {
        const gone = new AbortController();
        reply.raw.once('close', () =>
          gone.abort(new HoldfastError('run.cancelled', { message: 'The client has gone.' })),
        );
        const caller = callers.get(request) ?? nobody;
        const ifMatch = request.headers['if-match'];
        const cookie = cookies.get(request);
        const asked: Asked = {
          caller,
          remoteAddress: remoteAddressOf(http, request.raw),
          requestId: request.id,
          params: request.params,
          query: request.query,
          body: request.body,
          signal: gone.signal,
          open: () => {
            const stream = o.streams.open(reply.raw, caller);
            reply.hijack();
            return stream;
          },
          ...(cookie ? { cookie } : {}),
          ...(ifMatch === undefined ? {} : { ifMatch }),
          ...(request.headers.range === undefined ? {} : { range: request.headers.range }),
        };
        if (route.bytes) {
          await answerBytes(route, route.bytes, { asked, response: reply.raw });
          reply.hijack();
          return reply;
        }
        const run = (): Promise<RouteAnswer> => o.runner.run(route, asked);
        const key = request.headers[idempotencyHeader];
        const isRepeatable = key !== undefined && route.method === 'POST' && route.access !== 'public';
        const onRepeated = (): Promise<void> => o.runner.recordRepetition(route, asked);
        const answer = isRepeatable
          ? await o.idempotency.once({ key: String(key), route, asked, run, onRepeated })
          : await run();
        if (route.stream) return reply;
        const json = JSON.stringify(answer.body);
        if (route.method !== 'GET') return reply.code(answer.status).type('application/json').send(json);
        const tag = entityTag(json);
        reply.header('etag', tag);
        if (namesTag(request.headers['if-none-match'] ?? '', tag)) return reply.code(304).send();
        return reply.type('application/json').send(json);
      },
    });
  }
  await app.ready();
  return httpApp;
}

/** Files and pages of the console hold nothing of anybody: who asks for them need not have signed in. */
function isOfConsole(request: FastifyRequest): boolean {
  return request.routeOptions.url === consoleUrl && !otherPaths.test(`/${pathBelowRoot(request)}`);
}

/** The path that was asked for, decoded, without the slash in front. */
function pathBelowRoot({ params }: FastifyRequest): string {
  return typeof params === 'object' && params !== null && '*' in params ? String(params['*']) : '';
}

/** As the framework writes parameters. */
function urlOf({ path }: Route): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

/** Empty when the header is missing or of another kind: no token is. */
function bearerOf(request: FastifyRequest): string {
  return /^Bearer ([!-~]{1,200})$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
}
