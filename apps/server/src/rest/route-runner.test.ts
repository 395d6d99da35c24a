import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError, systemClock } from '@holdfast/core';
import { localTenant, routes } from '@holdfast/protocol';
import { pino } from 'pino';
import { AuditLog } from '../audit/audit-log.ts';
import { localAdministrator } from '../people/caller.ts';
import { testCatalogue } from '../testing/test-database.ts';
import { type RestHandlers, RouteRunner } from './route-runner.ts';

test('a change is in the audit before it is made, and as what it was: done also where its answer is wrong', async (t) => {
  await using catalogue = await testCatalogue(t.name);
  const logger = pino({ level: 'silent' });
  const audit = new AuditLog({ catalogue, instance: 'one', clock: systemClock, logger });
  const begun: string[] = [];
  let result: () => unknown = () => ({});
  const handlers = {
    createGroup: async () => {
      for (const { entryJson } of await catalogue.auditIntents()) begun.push(entryJson);
      return result();
    },
  } as unknown as RestHandlers;
  const gate = { isNeeded: async () => false, keep: async () => ({}) };
  const runner = new RouteRunner({ handlers, catalogue, audit, gate, logger });
  const { signal } = new AbortController();
  const run = () =>
    runner.run(routes.createGroup, {
      ...{ caller: localAdministrator, remoteAddress: '::1', requestId: 'r1', signal },
      ...{ params: {}, query: {}, body: { name: 'servers' } },
    });
  const outcomes = async (): Promise<string[]> => {
    const { records } = await audit.read(localTenant, { order: 'oldest', limit: 100 });
    return records.map(({ outcome }) => outcome);
  };
  await assert.rejects(run(), { code: 'internal.unexpected' });
  assert.match(begun[0] ?? '', /"action":"createGroup".*"requestId":"r1"/);
  assert.deepEqual(await outcomes(), ['done']);
  result = () => {
    throw new HoldfastError('request.conflict');
  };
  await assert.rejects(run(), { code: 'request.conflict' });
  result = () => {
    throw new HoldfastError('database.unavailable');
  };
  await assert.rejects(run(), { code: 'database.unavailable' });
  assert.deepEqual(await outcomes(), ['done', 'failed', 'unknown']);
  assert.deepEqual(await catalogue.auditIntents(), []);
});
