import { z } from 'zod';
import { pageRequestHeader, sessionCookieName } from './browser-session.ts';
import { problem, problemType } from './problem.ts';
import { approval } from './rest/user-routes.ts';
import type { Route } from './route.ts';

/** The OpenAPI 3.1 document of a set of routes. */
export function openApiDocument(
  routes: Iterable<Route>,
  info: { title: string; version: string },
): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    Object.assign(paths[route.path] ?? {}, { [route.method.toLowerCase()]: operation(route) });
  }
  return {
    openapi: '3.1.0',
    info: { ...info, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    security: [{ token: [] }, { cookie: [], page: [] }],
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        cookie: { type: 'apiKey', in: 'cookie', name: sessionCookieName },
        page: { type: 'apiKey', in: 'header', name: pageRequestHeader },
      },
      schemas: { Problem: jsonSchema(problem, 'output') },
    },
    paths,
  };
}

function operation(route: Route): Record<string, unknown> {
  return {
    operationId: route.id,
    summary: route.summary,
    tags: [route.tag],
    ...(route.access === 'public' ? { security: route.browser ? [{ page: [] }] : [] } : {}),
    parameters: [...parameters(route.params, 'path'), ...parameters(route.query, 'query'), ...headers(route)],
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: needsBody(route), content: json(jsonSchema(route.body, 'input')) } }),
    responses: {
      '200': {
        description: route.stream ? 'Server-sent events; the data of each has this form' : 'Done',
        content: { [mediaType(route)]: { schema: jsonSchema(route.response, 'output') } },
      },
      ...(route.approval === undefined
        ? {}
        : {
            '202': {
              description: 'A second administrator has to agree first',
              content: json(jsonSchema(approval, 'output')),
            },
          }),
      default: {
        description: 'What went wrong (RFC 9457)',
        content: { [problemType]: { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  };
}

function mediaType({ stream, bytes }: Route): string {
  return stream ? 'text/event-stream' : (bytes ?? 'application/json');
}

/** A POST without a body is one with an empty object. */
function needsBody({ method, body }: Route): boolean {
  return method !== 'POST' || !body?.safeParse({}).success;
}

/** Headers that a route understands besides those of every HTTP API. */
function headers(route: Route): unknown[] {
  const header = (name: string, description: string, schema: unknown) => ({
    name,
    in: 'header',
    required: false,
    description,
    schema,
  });
  return [
    ...(route.guarded ? [header('If-Match', 'The entity tag that it should still have', { type: 'string' })] : []),
    ...(route.method === 'POST' && route.access !== 'public' && !route.bytes
      ? [
          header('Idempotency-Key', 'The request is done once, however often it comes with this key within a day', {
            type: 'string',
            pattern: '^[!-~]{8,200}$',
          }),
        ]
      : []),
  ];
}

function parameters(schema: z.ZodObject, place: 'path' | 'query'): unknown[] {
  return Object.entries<z.core.$ZodType>(schema.shape).map(([name, field]) => ({
    name,
    in: place,
    required: place === 'path' || !z.safeParse(z.object({ value: field }), {}).success,
    schema: jsonSchema(field, 'input'),
  }));
}

function json(schema: unknown): Record<string, unknown> {
  return { 'application/json': { schema } };
}

function jsonSchema(schema: z.core.$ZodType, io: 'input' | 'output'): unknown {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
