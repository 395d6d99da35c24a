import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { testCatalogue } from '../testing/test-database.ts';
import { TestServer } from '../testing/test-server.ts';
import { Readiness } from './readiness.ts';

test('anybody learns that the server is up and ready, and nothing else', async (t) => {
  await using server = await TestServer.start(temporaryFolder(t));
  const get = async (path: string) => {
    const response = await server.http.request({ method: 'GET', path });
    return [response.status, await response.text(1_000)];
  };
  assert.deepEqual(await get('/healthz'), [200, '{"status":"up"}']);
  assert.deepEqual(await get('/readyz'), [200, '{"status":"ready"}']);
  for (const path of ['/healthz/', '/readyz/x', '//readyz']) assert.equal((await get(path))[0], 401, path);
});

test('a server that has not begun, or whose catalogue does not answer, is not ready', async (t) => {
  const catalogue = await testCatalogue(t.fullName);
  const readiness = new Readiness({ catalogue, clock: systemClock });
  assert.equal(await readiness.isReady(), false);
  readiness.started();
  assert.equal(await readiness.isReady(), true);
  await catalogue[Symbol.asyncDispose]();
  const other = new Readiness({ catalogue, clock: systemClock });
  other.started();
  assert.equal(await other.isReady(), false);
});
