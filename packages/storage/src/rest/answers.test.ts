import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { HoldfastError, isHoldfastError } from '@holdfast/core';
import type { HttpResponse } from '@holdfast/wire';
import fc from 'fast-check';
import { contentOf, nameOf } from '../conformance/content.ts';
import { answerError, storageMsOf } from './answer.ts';
import { takeListPage } from './list-page.ts';

/** An answer as the HTTP client gives it. */
function answer(status: number, body: string, headers: Readonly<Record<string, string>> = {}): HttpResponse {
  const content = Buffer.from(body);
  return {
    status,
    headers,
    body: Readable.from([content]),
    bytes: async () => content,
    text: async () => body,
    json: async () => {
      try {
        return JSON.parse(body) as unknown;
      } catch (error) {
        throw new HoldfastError('request.invalid', { cause: error });
      }
    },
  };
}

const ids = ['a', 'b', 'c'].map((seed) => nameOf('data', contentOf(seed, 1)).id).sort();
const [first = '', second = '', third = ''] = ids;

test('a list is put into order, without foreign names and what was there before', async () => {
  const entries = [third, 'lock-1', first, second, first.toUpperCase()].map((name) => ({ name, size: 5 }));
  const page = await takeListPage(answer(200, JSON.stringify(entries), { 'holdfast-more': '1' }), first);
  assert.deepEqual(page, { entries: [second, third].map((id) => ({ id, sizeBytes: 5 })), more: true });
});

test('a page that would lead to itself for ever is refused', async () => {
  const entries = JSON.stringify([{ name: first, size: 1 }]);
  await assert.rejects(takeListPage(answer(200, entries, { 'holdfast-more': '1' }), first), {
    code: 'storage.unavailable',
    retry: 'permanent',
  });
});

test('lists of version 1, and whatever else comes, are refused and never anything but an error of ours', async () => {
  for (const body of [
    `["${first}"]`,
    '{}',
    'null',
    '[null]',
    `[{"name":"${first}","size":-1}]`,
    '[{"name":1,"size":1}]',
    '',
  ])
    await assert.rejects(takeListPage(answer(200, body), ''), isHoldfastError);
  const entry = fc.record({
    name: fc.oneof(fc.constantFrom(...ids), fc.string()),
    size: fc.oneof(fc.nat(), fc.double()),
  });
  const text = fc.oneof(
    fc.json(),
    fc.string(),
    fc.array(entry).map((entries) => JSON.stringify(entries)),
  );
  await fc.assert(
    fc.asyncProperty(text, fc.constantFrom('', second), async (body, after) => {
      try {
        const { entries } = await takeListPage(answer(200, body), after);
        for (const [index, { id, sizeBytes }] of entries.entries()) {
          assert.match(id, /^[0-9a-f]{64}$/);
          assert.ok(id > after && id >= (entries[index - 1]?.id ?? ''));
          assert.ok(Number.isSafeInteger(sizeBytes) && sizeBytes >= 0);
        }
      } catch (error) {
        if (!isHoldfastError(error)) throw error;
      }
    }),
  );
});

test("a mover's report is its error, with guidance and whether it passes", async () => {
  const reported = new HoldfastError('storage.immutable', { message: 'until tomorrow', context: { until: 'x' } });
  const headers = { 'content-type': 'application/json', 'holdfast-mover': '1', 'holdfast-error': reported.code };
  const error = await answerError(answer(403, JSON.stringify(reported), headers), 'delete it');
  assert.deepEqual(error.toJSON(), reported.toJSON());
  const head = await answerError(answer(403, '', { 'holdfast-mover': '1', 'holdfast-error': 'grant.expired' }), 'x');
  assert.equal(head.code, 'grant.expired');
});

test('statuses of other servers have their meaning, and their text is quoted in short', async () => {
  const codes = {
    401: 'auth.required',
    403: 'storage.permission',
    404: 'storage.missing',
    413: 'storage.full',
    416: 'storage.range',
    507: 'storage.full',
    500: 'storage.unavailable',
    503: 'storage.unavailable',
    302: 'request.invalid',
    418: 'request.invalid',
  };
  for (const [status, code] of Object.entries(codes)) {
    const error = await answerError(answer(Number(status), 'Because.'.repeat(1000)), 'store data 1a2b');
    assert.equal(error.code, code);
    assert.match(error.message, new RegExp(`^Can't store data 1a2b: the storage answered ${status} \\(Because`));
    assert.ok(error.message.length < 300);
  }
  // Only a mover's reports are believed.
  const planted = JSON.stringify(new HoldfastError('storage.immutable'));
  const error = await answerError(answer(403, planted, { 'content-type': 'application/json' }), 'x');
  assert.equal(error.code, 'storage.permission');
});

test('whatever a mover reports, the answer is an error of ours', async () => {
  const headers = { 'content-type': 'application/json', 'holdfast-mover': '1' };
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.json(), fc.string()), fc.integer({ min: 300, max: 599 }), async (body, status) => {
      assert.ok(isHoldfastError(await answerError(answer(status, body, headers), 'x')));
    }),
  );
});

test('what a mover says of its storage, and what says nothing of it', () => {
  const said = (timing: string): number => storageMsOf(answer(200, '', { 'server-timing': timing }));
  assert.equal(said('storage;dur=12.5'), 12.5);
  assert.equal(said('cache;desc="x", storage ; dur=3'), 3);
  for (const nothing of ['', 'storage', 'storage;dur=-1', 'storage;dur=1e9', 'otherstorage;dur=4', 'storage;dur=NaN'])
    assert.equal(said(nothing) > 1, false, nothing);
  assert.equal(storageMsOf(answer(200, '')), 0);
});
