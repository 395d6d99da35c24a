import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { sharedFiles } from '../instances/shared-files.ts';
import { testDatabaseUrl } from './test-database.ts';
import { TestPostgres } from './test-postgres.ts';
import { TestServer } from './test-server.ts';

/** Two servers on one catalogue in PostgreSQL, as behind one name, in this process. They end with the test. */
export async function startTwoServers(
  t: TestContext,
  o: Pick<NonNullable<Parameters<typeof TestServer.start>[1]>, 'config' | 'clock'> = {},
): Promise<[TestServer, TestServer]> {
  const servers: TestServer[] = [];
  // Before their database goes: they would wait for it.
  t.after(async () => {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  });
  const folder = temporaryFolder(t);
  const cluster = async (): Promise<string> => {
    const postgres = await TestPostgres.start(t);
    await postgres.statement('create database shared');
    return postgres.url('shared');
  };
  const database = (await testDatabaseUrl(folder)) ?? (await cluster());
  const start = async (name: string): Promise<TestServer> => {
    const server = await TestServer.start(join(folder, name), { ...o, database });
    servers.push(server);
    return server;
  };
  const one = await start('one');
  mkdirSync(join(folder, 'other', 'server'), { recursive: true });
  for (const file of sharedFiles) cpSync(join(folder, 'one', 'server', file), join(folder, 'other', 'server', file));
  return [one, await start('other')];
}
