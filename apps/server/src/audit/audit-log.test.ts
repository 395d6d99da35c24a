import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { type AuditRecord, AuditVerifier, localTenant } from '@holdfast/protocol';
import { pino } from 'pino';
import { maxAuditedRefusalsPerMinute } from '../limits.ts';
import { testCatalogue } from '../testing/test-database.ts';
import { TestServer } from '../testing/test-server.ts';
import { AuditLog } from './audit-log.ts';

const entry = { actor: 'user/a', action: 'do', subject: 's', remoteAddress: '::1' };
const oldest = { order: 'oldest', limit: 1000 } as const;

async function open(t: TestContext) {
  const catalogue = await testCatalogue(t.name);
  t.after(() => catalogue[Symbol.asyncDispose]());
  const clock = new ManualClock(new Date('2026-11-21T10:00:00Z'));
  const log = (instance: string) => new AuditLog({ catalogue, instance, clock, logger: pino({ level: 'silent' }) });
  return { catalogue, clock, log, audit: log('one') };
}

function verified(tenant: string, records: readonly AuditRecord[]): number {
  const verifier = new AuditVerifier(tenant);
  for (const record of records) verifier.add(record);
  return verifier.count;
}

test('records written at once make one chain without gaps, each tenant its own, and listeners hear of each', async (t) => {
  const { audit, log } = await open(t);
  const heard: string[] = [];
  audit.onAudit((record, tenant) => heard.push(`${tenant} ${record.number}`));
  audit.onAudit(() => {
    throw new Error('a listener that fails');
  });
  // As another instance on the same database would.
  const other = log('two');
  const details = { deep: [1, { b: null, a: 'ü' }], gone: undefined };
  await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      (n % 2 ? other : audit).write(n % 4 < 2 ? 'ours' : 'theirs', { ...entry, subject: `s${n}`, details }),
    ),
  );
  for (const tenant of ['ours', 'theirs']) {
    const { records } = await audit.read(tenant, oldest);
    assert.equal(verified(tenant, records), 10);
    assert.deepEqual(
      records.map(({ number }) => number),
      Array.from({ length: 10 }, (_, n) => n + 1),
    );
  }
  assert.equal(heard.length, 10);
});

test('the database refuses to change or delete a record, and what was changed past it is found', async (t) => {
  await using server = await TestServer.start(temporaryFolder(t));
  for (let n = 0; n < 3; n += 1) await server.client.call('createToken', { body: { role: 'agent' } });
  for (const statement of [
    `update "audit" set "actor" = 'nobody'`,
    'delete from "audit"',
    `delete from "audit" where "number" = 2`,
  ])
    await assert.rejects(server.alterDatabase(statement), /append-only/, statement);
  const read = async () => server.client.list('audit', { query: { order: 'oldest' } });
  assert.equal(verified(localTenant, await read()), 3);
  const changed = (await read()).map((record) => (record.number === 2 ? { ...record, actor: 'user/nobody' } : record));
  assert.throws(() => verified(localTenant, changed), { code: 'audit.broken' });
});

test('refusals do not fill the disk: so many in a minute, and the next one says how many were left out', async (t) => {
  const { audit, clock } = await open(t);
  for (let n = 0; n < maxAuditedRefusalsPerMinute + 7; n += 1)
    await audit.writeRefusal('ours', { ...entry, outcome: 'refused' });
  await audit.write('ours', entry);
  assert.equal((await audit.read('ours', oldest)).records.length, maxAuditedRefusalsPerMinute + 1);
  clock.advance(60_000);
  await audit.writeRefusal('ours', { ...entry, outcome: 'refused' });
  const { records } = await audit.read('ours', { ...oldest, order: 'newest', limit: 1 });
  assert.deepEqual(records[0]?.details, { leftOut: 7 });
});

test('records are found by who, what, to what, how it ended and when', async (t) => {
  const { audit, clock } = await open(t);
  for (const [actor, action, outcome] of [
    ['user/a', 'x', 'done'],
    ['user/b', 'x', 'refused'],
    ['user/a', 'y', 'failed'],
  ] as const) {
    await audit.write('ours', { ...entry, actor, action, outcome });
    clock.advance(60_000);
  }
  const found = async (query: Partial<Parameters<AuditLog['read']>[1]>) =>
    (await audit.read('ours', { ...oldest, ...query })).records.map(({ number }) => number);
  assert.deepEqual(await found({ actor: 'user/a' }), [1, 3]);
  assert.deepEqual(await found({ action: 'x', outcome: 'refused' }), [2]);
  assert.deepEqual(await found({ subject: 'other' }), []);
  assert.deepEqual(await found({ since: '2026-11-21T11:01:00+01:00', until: '2026-11-21T10:02:00Z' }), [2]);
  assert.deepEqual(await found({ order: 'newest', limit: 2 }), [3, 2]);
});

test('what an instance had begun when it ended is recorded by another, once, and nothing of those that live', async (t) => {
  const { audit, log, clock } = await open(t);
  const begin = (by: AuditLog, subject: string) => by.begin('ours', { ...entry, subject, details: { name: subject } });
  await begin(log('gone'), 'left');
  const dropped = await begin(log('gone'), 'dropped');
  await audit.drop(dropped);
  const written = await begin(audit, 'written');
  await begin(audit, 'under way');
  await audit.write('ours', { ...entry, subject: 'written' }, written);
  clock.advance(60_000);
  const ended: string[] = [];
  const record = () =>
    log('two').recordLeft({
      living: async () => new Set(['one', 'two']),
      onLeft: async (tenant, { subject }) => void ended.push(`${tenant} ${subject}`),
    });
  await Promise.all([record(), record()]);
  await record();
  assert.ok(ended.length > 0 && ended.every((one) => one === 'ours left'), ended.join());
  const { records } = await audit.read('ours', oldest);
  assert.deepEqual(
    records.map(({ subject, outcome }) => [subject, outcome]),
    [
      ['written', 'done'],
      ['left', 'unknown'],
    ],
  );
  assert.deepEqual(records[1]?.details, { name: 'left', begunAt: '2026-11-21T10:00:00.000Z' });
  verified('ours', records);
});
