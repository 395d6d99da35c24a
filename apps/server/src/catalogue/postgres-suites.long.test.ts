import assert from 'node:assert/strict';
import { test } from 'node:test';
import { postgresNeeds, runOnPostgres, suitesOnPostgres } from '../testing/postgres-suites.ts';

test('suites that are about other things than the catalogue pass on PostgreSQL, too', postgresNeeds, async (t) => {
  const files = suitesOnPostgres('about other things');
  assert.ok(files.length >= 15, `found only ${files.join(', ')}`);
  await runOnPostgres(t, files);
});
