import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import type { HttpClient, HttpRequest, HttpResponse } from '@holdfast/wire';
import fc from 'fast-check';
import { maxJsonBytes } from './limits.ts';
import { problemOf } from './problem.ts';
import { RestClient } from './rest-client.ts';

const id = '00000000-0000-4000-8000-000000000001';
const run = {
  id,
  kind: 'backup',
  agentId: id,
  repositoryId: id,
  state: 'running',
  attempt: 1,
  queuedAt: '2026-01-01T00:00:00.000Z',
  problems: [],
  problemCount: 0,
  degradations: [],
};

/** Answers every request with the same thing and keeps what was asked. */
function answering(status: number, chunks: readonly (string | Uint8Array)[]) {
  const asked: HttpRequest[] = [];
  const bytes = async (): Promise<Buffer> => Buffer.concat(chunks.map((chunk) => Buffer.from(chunk)));
  const http: HttpClient = {
    request: async (request) => {
      asked.push(request);
      const response: HttpResponse = {
        status,
        headers: {},
        body: Readable.from(chunks.map((chunk) => Buffer.from(chunk))),
        bytes,
        text: async () => String(await bytes()),
        json: async () => JSON.parse(String(await bytes())) as unknown,
      };
      return response;
    },
    upgrade: async () => assert.fail(),
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  return { client: new RestClient({ http, token: 'hfa_x' }), asked };
}

test('a call fills the path, the query and the body, and shows the token', async () => {
  const { client, asked } = answering(200, ['{"runs":[]}']);
  await client.call('runs', { query: { limit: 5, jobId: id } });
  await client.call('runs', {});
  const made = answering(200, [JSON.stringify(run)]);
  await made.client.call('cancelRun', { params: { id } });
  assert.deepEqual(
    [...asked, ...made.asked].map(({ method, path }) => `${method} ${path}`),
    [`GET /api/v1/runs?limit=5&jobId=${id}`, 'GET /api/v1/runs', `POST /api/v1/runs/${id}/cancel`],
  );
  assert.equal(asked[0]?.headers?.['authorization'], 'Bearer hfa_x');
});

test('what stands in a path can not lead to another one', async () => {
  const { client, asked } = answering(200, [JSON.stringify(run)]);
  await client.call('run', { params: { id: '../../x?y#z' } });
  assert.equal(asked[0]?.path, '/api/v1/runs/..%2F..%2Fx%3Fy%23z');
});

test('the error that the server reports is thrown; an answer of another form is refused', async () => {
  const report = new HoldfastError('request.conflict', { message: 'No.', guidance: 'Look.' });
  await assert.rejects(answering(409, [JSON.stringify(problemOf(report))]).client.call('run', { params: { id } }), {
    code: 'request.conflict',
    message: 'No.',
    guidance: 'Look.',
  });
  await assert.rejects(answering(502, ['{}']).client.call('run', { params: { id } }), { code: 'internal.unexpected' });
  await assert.rejects(answering(200, ['{"id":1}']).client.call('run', { params: { id } }), {
    code: 'request.invalid',
  });
});

test('events arrive however the stream is cut; comments are passed over', async () => {
  const text = `:\n\ndata: ${JSON.stringify(run)}\n\n:\n\ndata: ${JSON.stringify({ ...run, carrier: 'größer' })}\n\n`;
  const bytes = Buffer.from(text);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: bytes.length })), async (places) => {
      const at = places.toSorted((a, b) => a - b);
      const { client } = answering(
        200,
        [...at, bytes.length].map((end, n) => bytes.subarray(at[n - 1] ?? 0, end)),
      );
      const events = await Array.fromAsync(client.events('runEvents', { params: { id } }));
      assert.deepEqual(
        events.map(({ carrier }) => carrier),
        [undefined, 'größer'],
      );
    }),
  );
});

test('an event without an end is cut off at the limit, and one that is none is refused', async () => {
  const endless = answering(
    200,
    Array.from({ length: 9 }, () => 'x'.repeat(maxJsonBytes / 8)),
  );
  await assert.rejects(Array.fromAsync(endless.client.events('runEvents', { params: { id } })), {
    code: 'internal.limit',
  });
  for (const data of ['data: {"id":1}\n\n', 'data: {nonsense\n\n']) {
    const { client } = answering(200, [data]);
    await assert.rejects(Array.fromAsync(client.events('runEvents', { params: { id } })), { code: 'request.invalid' });
  }
});
