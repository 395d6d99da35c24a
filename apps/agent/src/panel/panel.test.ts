import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@holdfast/core';
import { freeRange, temporaryFolder } from '@holdfast/core/testing';
import { createWire, httpClient } from '@holdfast/wire';
import { pino } from 'pino';
import { maxPanelLinkBytes } from '../limits.ts';
import { openPanel } from './panel.ts';
import type { PanelHandlers } from './panel-handlers.ts';
import { createPanelLink } from './panel-link.ts';

test('a request that is too large is answered, and a restore is in the log with its backup and its place', async (t) => {
  const dataDir = temporaryFolder(t);
  const logged: string[] = [];
  const log = pino({}, { write: (line: string) => void logged.push(line) });
  const overrides = { 'agent-control-panel': await freeRange(2) };
  await using wire = createWire({ role: 'agent-linux', bind: '127.0.0.1', overrides });
  const handlers = { restore: async () => ({}) } as unknown as PanelHandlers;
  await using panel = await openPanel({ wire, dataDir, handlers, clock: systemClock, log });
  const { port } = panel;
  await using http = httpClient({
    connect: (signal) => wire.dialOutside('agent-control-panel', '127.0.0.1', { port, signal }),
  });
  const ask = async (method: string, body: unknown, more: Record<string, string> = {}) => {
    const host = `127.0.0.1:${port}`;
    const own = { host, origin: `http://${host}`, 'content-type': 'application/json', 'x-holdfast-request': 'person' };
    const path = `/api/${method}`;
    const answer = await http.request({
      method: 'POST',
      path,
      headers: { ...own, ...more },
      body: JSON.stringify(body),
    });
    const content = (await answer.json()) as { code?: string; key?: string };
    return { status: answer.status, ...content, cookie: [answer.headers['set-cookie'] ?? ''].flat()[0] ?? '' };
  };
  const large = await ask('sign-in', { link: 'x'.repeat(maxPanelLinkBytes) });
  assert.deepEqual([large.status, large.code], [413, 'request.size']);

  const link = new URL((await createPanelLink({ dataDir, clock: systemClock })).url).hash.slice('#link='.length);
  const { key = '', cookie } = await ask('sign-in', { link });
  const [policyId, taskId, snapshotId] = [crypto.randomUUID(), crypto.randomUUID(), 'ab'.repeat(32)];
  const restore = { policyId, taskId, snapshotId, target: '/restored', include: ['/srv/one'] };
  const begun = await ask(
    'restore',
    { ...restore, overwrite: 'refuse', verify: false, dryRun: false },
    { cookie: cookie.split(';', 1)[0] ?? '', 'x-holdfast-panel': key },
  );
  assert.equal(begun.status, 200);
  const line = JSON.parse(logged.find((one) => one.includes('"restore"')) ?? '{}') as object;
  const { include: _, ...expected } = restore;
  assert.partialDeepStrictEqual(line, { method: 'restore', ...expected, dryRun: false });
  for (const secret of [link, key]) assert.ok(!logged.some((one) => one.includes(secret)));
});
