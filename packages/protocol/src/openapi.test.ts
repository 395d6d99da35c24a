import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { openApiDocument } from './openapi.ts';
import { routes } from './rest-api.ts';
import { type Route, route } from './route.ts';

interface Operation {
  readonly operationId: string;
  readonly parameters: { name: string; in: string; required: boolean; schema: { type?: string } }[];
  readonly requestBody?: { content: Record<string, { schema: { required?: string[] } }> };
  readonly responses: Record<string, { content: Record<string, { schema: unknown }> }>;
}

function document(of: Iterable<Route>) {
  return openApiDocument(of, { title: 'Test', version: '1' }) as { paths: Record<string, Record<string, Operation>> };
}

test('every route is in the document, under its method and path, with its body and answer', () => {
  const { paths } = document(Object.values(routes));
  for (const [name, one] of Object.entries<Route>(routes)) {
    const operation = paths[one.path]?.[one.method.toLowerCase()];
    assert.equal(operation?.operationId, name);
    assert.equal(operation.requestBody !== undefined, one.body !== undefined, name);
    assert.ok(
      operation.responses['200']?.content[one.stream ? 'text/event-stream' : (one.bytes ?? 'application/json')],
      name,
    );
    assert.ok(operation.responses['default'], name);
  }
});

test('a route names itself, and no two answer the same request', () => {
  const requests = Object.values<Route>(routes).map(
    ({ method, path }) => `${method} ${path.replaceAll(/\{\w+\}/g, '{}')}`,
  );
  assert.equal(new Set(requests).size, requests.length);
  for (const [name, { id, path, params }] of Object.entries<Route>(routes)) {
    assert.equal(id, name);
    assert.deepEqual(
      Object.keys(params.shape),
      [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter),
    );
  }
});

test('what has a default may be left out, what has none is required', () => {
  const one = route('one', 'POST', '/things/{id}', {
    access: 'status.read',
    summary: 's',
    tag: 't',
    params: z.strictObject({ id: z.uuid() }),
    query: z.strictObject({ limit: z.coerce.number().default(10), since: z.string(), until: z.string().optional() }),
    body: z.strictObject({ name: z.string(), colour: z.string().default('red') }),
    response: z.object({ colour: z.string().default('red') }),
  });
  const operation = document([one]).paths['/things/{id}']?.['post'];
  assert.deepEqual(
    operation?.parameters.map(({ name, in: place, required }) => [name, place, required]),
    [
      ['id', 'path', true],
      ['limit', 'query', false],
      ['since', 'query', true],
      ['until', 'query', false],
      ['Idempotency-Key', 'header', false],
    ],
  );
  assert.deepEqual(operation.requestBody?.content['application/json']?.schema.required, ['name']);
  const answer = operation.responses['200']?.content['application/json']?.schema as { required?: string[] };
  assert.deepEqual(answer.required, ['colour']);
});
