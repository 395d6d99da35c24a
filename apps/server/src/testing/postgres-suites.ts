import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { openPostgresCatalogue, templateVariable } from './test-database.ts';
import { TestPostgres } from './test-postgres.ts';

const source = join(import.meta.dirname, '..');
/** What a suite with a catalogue names. */
const usesCatalogue = /\b(TestServer|testCatalogue)\b/;

/**
 * Suites that are about certificates, passwords, sockets and pages: they ask the catalogue for little, and nearly all of that is asked
 * by the others as well, which go through every route. They run on PostgreSQL in `npm run test:long`.
 */
const aboutOther = [
  ...[/^audit\/audit-export/, /^enrolment\//, /^health\//, /^identity\/recovery/, /^inventory-topology/],
  ...[/^metrics\/(?!work)/, /^oauth\/(?!stored|several)/, /^people\/passkeys/, /^people\/people/, /^people\/secrets/],
  ...[/^port-checks\//, /^rest\/browser-sessions/, /^rest\/console-files/, /^rest\/port-checks/],
  ...[/^rest\/proof-handlers/, /^rest\/reading-handlers/, /^rest\/readiness/, /^rest\/repeated-requests/],
  ...[/^rest\/rest/, /^rest\/route-runner/, /^server/, /^tls/],
];

/** The suites of the server with a catalogue, below its sources. */
export function suitesOnPostgres(which: 'about the catalogue' | 'about other things'): readonly string[] {
  const suites = globSync('**/*.test.ts', { cwd: source }).filter(
    (file) =>
      !file.endsWith('.long.test.ts') &&
      !file.startsWith('catalogue/postgres-suites') &&
      usesCatalogue.test(readFileSync(join(source, file), 'utf8')),
  );
  for (const pattern of aboutOther)
    assert.ok(
      suites.some((file) => pattern.test(file)),
      `${String(pattern)} is no suite with a catalogue any more`,
    );
  return suites
    .filter((file) => aboutOther.some((pattern) => pattern.test(file)) === (which === 'about other things'))
    .sort();
}

export const postgresNeeds = { skip: skipUnless({ programs: ['postgres', 'psql', 'initdb', 'setpriv'] }) };

/** Runs them on a PostgreSQL of the test; all have to pass. */
export async function runOnPostgres(t: TestContext, files: readonly string[]): Promise<void> {
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
}
