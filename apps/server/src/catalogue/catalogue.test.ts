import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { sql } from 'kysely';
import { templateVariable, testCatalogue } from '../testing/test-database.ts';
import { Catalogue, type TenantScope } from './catalogue.ts';

async function open(t: TestContext): Promise<Catalogue> {
  const catalogue = await testCatalogue(t.fullName);
  t.after(() => catalogue[Symbol.asyncDispose]());
  return catalogue;
}

let number = 0;
const record = (o: { actor?: string; subject?: string } = {}) => {
  number += 1;
  const facts = { number, at: '2026-01-01', actor: 'a', action: 'b', subject: 'c', outcome: 'done' as const, ...o };
  return { ...facts, remoteAddress: 'd', requestId: '', detailsJson: '{}', previousHash: '', hash: '' };
};

function computer(id: string) {
  return {
    id,
    role: 'agent' as const,
    groupName: 'default',
    hostname: 'h',
    address: 'a',
    platform: 'linux',
    productVersion: '1',
    portsJson: '{}',
    certificateSerial: '00',
    certificateFingerprint: 'f',
    certificateExpiresAt: '2026',
    enrolledAt: '2026',
  };
}

const count = async (scope: TenantScope): Promise<number> =>
  (await scope.query.selectFrom('audit').selectAll().execute()).length;

test('who is confined to groups sees only theirs; bounds that all share are counted over the whole tenant, and no other', async (t) => {
  const catalogue = await open(t);
  const insert = (tenant: string, id: string, groupName: string) =>
    catalogue
      .tenant(tenant)
      .query.insertInto('computers')
      .values({ ...computer(id), groupName })
      .execute();
  await insert('ours', 'a', 'one');
  await insert('ours', 'b', 'two');
  await insert('theirs', 'c', 'one');
  const ids = async ({ query }: TenantScope) =>
    (await query.selectFrom('computers').select('id').orderBy('id').execute()).map(({ id }) => id);
  await catalogue.tenant('ours', new Set(['one'])).transaction(async (scope) => {
    assert.deepEqual(await ids(scope), ['a']);
    assert.deepEqual(await ids(scope.wholeTenant), ['a', 'b']);
  });
});

test('a scope reads, changes and deletes the rows of its tenant only, whatever the query says', async (t) => {
  const catalogue = await open(t);
  const [ours, theirs] = [catalogue.tenant('ours'), catalogue.tenant('theirs')];
  await ours.query.insertInto('audit').values(record()).execute();
  await theirs.query
    .insertInto('audit')
    .values([record(), record({ actor: 'x' })])
    .execute();
  assert.equal(await count(ours), 1);
  assert.equal(await count(theirs), 2);

  // An `or` that is always true must not lead out.
  const wide = await ours.query
    .selectFrom('audit as log')
    .selectAll()
    .where((row) => row.or([row('actor', '=', 'nobody'), row('tenant', '=', 'theirs'), row('sequence', '>', 0)]))
    .execute();
  assert.deepEqual(
    wide.map(({ tenant }) => tenant),
    ['ours'],
  );
  for (const scope of [ours, theirs]) await scope.query.insertInto('computers').values(computer('c')).execute();
  await ours.query.updateTable('computers').set({ hostname: 'changed' }).execute();
  const changed = theirs.query.selectFrom('computers').selectAll().where('hostname', '=', 'changed');
  assert.equal((await changed.execute()).length, 0);
  await ours.deleteFrom('computers').execute();
  assert.equal((await theirs.query.selectFrom('computers').selectAll().execute()).length, 1);
  assert.equal((await ours.query.selectFrom('computers').selectAll().execute()).length, 0);
});

test('joins and subqueries are confined too, and so are transactions', async (t) => {
  const catalogue = await open(t);
  const [ours, theirs] = [catalogue.tenant('ours'), catalogue.tenant('theirs')];
  for (const scope of [ours, theirs]) {
    await scope.transaction(async ({ query }) => {
      await query.insertInto('computers').values(computer('same-id')).execute();
      await query
        .insertInto('audit')
        .values(record({ subject: 'same-id', actor: scope.tenant }))
        .execute();
    });
  }
  const joined = await ours.query
    .selectFrom('computers')
    .innerJoin('audit', 'audit.subject', 'computers.id')
    .select(['audit.actor', 'computers.tenant'])
    .execute();
  assert.deepEqual(
    joined.map(({ actor, tenant }) => [actor, tenant]),
    [['ours', 'ours']],
  );
  const nested = await ours.query
    .selectFrom('computers')
    .select((row) =>
      row
        .selectFrom('audit')
        .select((audit) => audit.fn.countAll<number>().as('n'))
        .as('records'),
    )
    .execute();
  assert.deepEqual(
    nested.map(({ records }) => records),
    [1],
  );
  const aliased = await ours.query
    .selectFrom((row) => row.selectFrom('audit').selectAll().as('inner'))
    .selectAll()
    .execute();
  assert.equal(aliased.length, 1);
});

test('what can not be confined is refused', async (t) => {
  const { query } = (await open(t)).tenant('ours');
  const refused = { code: 'internal.unexpected' };
  assert.throws(
    () => query.selectFrom('computers').leftJoin('audit', 'audit.subject', 'computers.id').selectAll().compile(),
    refused,
  );
  assert.throws(() => query.selectFrom(sql<{ id: string }>`computers`.as('raw')).selectAll().compile(), refused);
  assert.throws(
    () =>
      query
        .insertInto('audit')
        .columns(['at', 'actor', 'action', 'subject', 'remoteAddress'])
        .expression((row) => row.selectFrom('audit').select(['at', 'actor', 'action', 'subject', 'remoteAddress']))
        .compile(),
    refused,
  );
  assert.throws(() => query.updateTable('audit').from('computers').set({ actor: 'x' }).compile(), refused);
});

test('rows of one tenant can not refer to those of another', async (t) => {
  const catalogue = await open(t);
  await catalogue
    .tenant('theirs')
    .query.insertInto('computers')
    .values({ ...computer('m'), role: 'mover' })
    .execute();
  const place = { id: 'r', name: 'r', moverId: 'm', location: 'l', sealedPassword: 's', createdAt: '2026' };
  await assert.rejects(
    catalogue.tenant('ours').query.insertInto('repositories').values(place).execute(),
    /foreign key/i,
  );
  await catalogue.tenant('theirs').query.insertInto('repositories').values(place).execute();
});

test('a failed transaction leaves nothing, and others wait for one that is under way', async (t) => {
  const scope = (await open(t)).tenant('ours');
  const failing = scope.transaction(async ({ query }) => {
    await query.insertInto('audit').values(record()).execute();
    await new Promise((resolve) => setImmediate(resolve));
    throw new Error('no');
  });
  const beside = scope.query
    .insertInto('audit')
    .values(record({ actor: 'beside' }))
    .execute();
  await assert.rejects(failing, /no/);
  await beside;
  const rows = await scope.query.selectFrom('audit').select('actor').execute();
  assert.deepEqual(
    rows.map(({ actor }) => actor),
    ['beside'],
  );
});

test('the suite runs on the database that it was asked to run on', async (t) => {
  const catalogue = await open(t);
  assert.equal(catalogue.notices !== undefined, process.env[templateVariable] !== undefined);
});

test('a file is opened again as it was left', async (t) => {
  const path = join(temporaryFolder(t), 'catalogue.sqlite');
  const first = await Catalogue.open({ kind: 'sqlite', path });
  await first.tenant('ours').query.insertInto('audit').values(record()).execute();
  await first[Symbol.asyncDispose]();
  const second = await Catalogue.open({ kind: 'sqlite', path });
  t.after(() => second[Symbol.asyncDispose]());
  assert.equal(await count(second.tenant('ours')), 1);
});
