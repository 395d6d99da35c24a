import assert from 'node:assert/strict';
import { test } from 'node:test';
import { postgresNeeds, runOnPostgres, suitesOnPostgres } from '../testing/postgres-suites.ts';

test('the suites of the server pass on PostgreSQL as they do on SQLite', postgresNeeds, async (t) => {
  const files = suitesOnPostgres('about the catalogue');
  for (const suite of ['catalogue/catalogue', 'rest/rights', 'rest/tenants', 'runs/runs'])
    assert.ok(files.includes(`${suite}.test.ts`), suite);
  assert.ok(files.length >= 20, `found only ${files.join(', ')}`);
  await runOnPostgres(t, files);
});
