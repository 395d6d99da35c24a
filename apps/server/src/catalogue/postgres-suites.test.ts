import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { openPostgresCatalogue, templateVariable } from '../testing/test-database.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

const source = join(import.meta.dirname, '..');
const self = relative(source, import.meta.filename);
/** What a suite with a catalogue names. */
const usesCatalogue = /\b(TestServer|testCatalogue)\b/;

test('the suites of the server pass on PostgreSQL as they do on SQLite', {
  skip: skipUnless({ programs: ['postgres', 'psql', 'initdb', 'setpriv'] }),
}, async (t) => {
  const files = globSync('**/*.test.ts', { cwd: source })
    .filter(
      (file) =>
        file !== self &&
        !file.endsWith('.long.test.ts') &&
        usesCatalogue.test(readFileSync(join(source, file), 'utf8')),
    )
    .sort();
  assert.ok(files.includes('catalogue/catalogue.test.ts') && files.length >= 8, `found only ${files.join(', ')}`);
  const cluster = await TestPostgres.start(t);
  await cluster.statement('create database template');
  // Every database of a test begins as a copy of this one, which has the tables.
  await (await openPostgresCatalogue(cluster.url('template')))[Symbol.asyncDispose]();

  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const child = spawn(process.execPath, ['--test', '--test-concurrency=2', '--test-reporter=tap', ...files], {
    cwd: source,
    env: { ...environment, [templateVariable]: cluster.url('template') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [status] = await ended;
  assert.equal(status, 0, `${output}\n${errors}`);
  assert.match(output, /^# fail 0$/m);
});
