import type { Clock } from '@holdfast/core';
import { HoldfastError } from '@holdfast/core';
import {
  limits,
  localTenant,
  type Permission,
  parseMessage,
  permissionsOf,
  type Route,
  type Routes,
  routes,
} from '@holdfast/protocol';
import type { FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { AttemptLimiter } from '../attempt-limiter.ts';
import { writeAudit } from '../audit.ts';
import type { BearerToken } from '../bearer-token.ts';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import { createHttpApp, type HttpApp, remoteAddressOf } from '../http-app.ts';
import { maxFailedSignInsPerMinute } from '../limits.ts';
import { prometheusContentType } from '../metrics/prometheus-text.ts';
import { type EventStream, EventStreams } from './event-stream.ts';

type Output<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

export interface Caller {
  readonly actor: string;
  readonly remoteAddress: string;
  readonly permissions: ReadonlySet<Permission>;
}

/** A request that was authenticated and has the form of its route. */
export interface RestRequest<R extends Route> {
  readonly scope: TenantScope;
  readonly caller: Caller;
  readonly params: Output<R['params']>;
  readonly query: Output<R['query']>;
  readonly body: Output<R['body']>;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
}

/** A stream's handler opens the stream after it has checked what it was asked for; until then it may still refuse. */
type RestHandler<R extends Route> = R['stream'] extends true
  ? (request: RestRequest<R>, open: () => EventStream) => Promise<void>
  : (request: RestRequest<R>) => Promise<z.input<R['response']>>;

export type RestHandlers = { readonly [Name in keyof Routes]: RestHandler<Routes[Name]> };

/** Handlers by route, with the types that the route table proves taken away: what one loop over all of them can call. */
type AnyHandler = (request: unknown, open?: () => EventStream) => Promise<unknown>;

/** What monitoring reads, with a token that is good for nothing else. */
interface Metrics {
  readonly token: BearerToken;
  readonly text: () => Promise<string>;
}

const metricsPath = '/metrics';

/**
 * The REST API: every route of the protocol's table, each behind the administrator token, validated by its own schemas. Beside
 * it the metrics.
 */
export async function createRestApp(o: {
  handlers: RestHandlers;
  token: BearerToken;
  metrics: Metrics;
  catalogue: Catalogue;
  clock: Clock;
  logger: Logger;
}): Promise<HttpApp & { readonly streams: EventStreams }> {
  const { clock } = o;
  const failures = new AttemptLimiter({ what: 'wrong tokens', perMinute: maxFailedSignInsPerMinute, clock });
  const streams = new EventStreams();
  const httpApp = createHttpApp({ logger: o.logger, bodyLimitBytes: limits.maxJsonBytes });
  const { app, http } = httpApp;

  // Before anything else of a request is looked at, and for paths that don't exist as well.
  app.addHook('onRequest', async (request) => {
    const address = remoteAddressOf(http, request.raw);
    failures.check(address);
    const given = bearerOf(request);
    if (o.token.matches(given)) return;
    if (request.routeOptions.url === metricsPath && o.metrics.token.matches(given)) {
      // Its port is that of the REST API: only what is asked for tells them apart.
      http.connectionOf(request.raw)?.countAs('metrics-to-server');
      return;
    }
    failures.count(address);
    throw new HoldfastError('auth.required');
  });

  app.get(metricsPath, async (_request, reply) => reply.type(prometheusContentType).send(await o.metrics.text()));

  for (const route of Object.values<Route>(routes)) {
    const handler = o.handlers[route.id as keyof Routes] as unknown as AnyHandler;
    app.route({
      method: route.method,
      url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      handler: async (request, reply) => {
        const gone = new AbortController();
        reply.raw.once('close', () =>
          gone.abort(new HoldfastError('run.cancelled', { message: 'The client has gone.' })),
        );
        const caller: Caller = {
          actor: 'administrator',
          remoteAddress: remoteAddressOf(http, request.raw),
          permissions: permissionsOf('administrator'),
        };
        if (!caller.permissions.has(route.access)) throw new HoldfastError('auth.forbidden');
        const scope = o.catalogue.tenant(localTenant);
        const parsed = { scope, caller, signal: gone.signal, ...parseRequest(route, request) };
        if (route.stream) {
          await handler(parsed, () => {
            const stream = streams.open(reply.raw);
            reply.hijack();
            return stream;
          });
          return reply;
        }
        const answer = parseMessage(route.response, await handler(parsed), `The answer of ${route.id}`);
        if (route.method !== 'GET') {
          const subject = subjectOf(request.params, answer);
          const { actor, remoteAddress } = caller;
          await writeAudit(scope, { actor, remoteAddress, action: route.id, subject }, clock);
        }
        return reply.type('application/json').send(JSON.stringify(answer));
      },
    });
  }
  await app.ready();
  return { ...httpApp, streams };
}

function parseRequest(route: Route, request: FastifyRequest): { params: unknown; query: unknown; body: unknown } {
  if (route.body === undefined && request.body !== undefined) {
    throw new HoldfastError('request.invalid', { message: `${route.method} ${route.path} takes no body.` });
  }
  return {
    params: parseMessage(route.params, request.params, 'The path'),
    query: parseMessage(route.query, request.query, 'The query'),
    body: route.body === undefined ? undefined : parseMessage(route.body, request.body ?? {}, 'The body'),
  };
}

/** Empty when the header is missing or of another kind: no token is. */
function bearerOf(request: FastifyRequest): string {
  return /^Bearer ([!-~]{1,200})$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
}

/** What a change was made to: what the path names, else what was made. */
function subjectOf(params: unknown, answer: unknown): string {
  return idOf(params) ?? idOf(answer) ?? '';
}

function idOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('id' in value)) return undefined;
  return typeof value.id === 'string' ? value.id : undefined;
}
