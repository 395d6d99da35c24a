import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { after } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { createWire } from '@holdfast/wire';
import { Catalogue } from '../catalogue/catalogue.ts';
import { readPostgresAddress } from '../catalogue/postgres-address.ts';
import { statementOn } from './test-postgres.ts';

/** Set where the suite runs on PostgreSQL: the URL of a database that others are made from. */
export const templateVariable = 'HOLDFAST_TEST_POSTGRES';

const made = new Map<string, Promise<string>>();

/** The URL of a database for that key: the same for the same key in one process. Undefined where the suite runs on SQLite. */
export async function testDatabaseUrl(key: string): Promise<string | undefined> {
  const template = process.env[templateVariable];
  if (template === undefined) return undefined;
  const known = made.get(key);
  if (known) return known;
  if (made.size === 0) after(dropAll);
  const making = make(template, key);
  made.set(key, making);
  return making;
}

/** A catalogue that is forgotten when the tests are over, on the database that the suite runs on. */
export async function testCatalogue(key: string): Promise<Catalogue> {
  const url = await testDatabaseUrl(key);
  return url === undefined ? openSqliteCatalogue() : openPostgresCatalogue(url);
}

/** A catalogue in a file that goes with the process. */
export async function openSqliteCatalogue(): Promise<Catalogue> {
  return Catalogue.open({ kind: 'sqlite', path: join(temporaryFolder({ after }), 'catalogue.sqlite') });
}

/** A catalogue on PostgreSQL, without a server. Its sockets are closed with it. */
export async function openPostgresCatalogue(url: string): Promise<Catalogue> {
  const address = await readPostgresAddress({ url, passwordFile: undefined, environment: {} });
  const wire = createWire({ role: 'backup-server', bind: '127.0.0.1' });
  return Catalogue.open({ kind: 'postgres', address, socket: () => wire.librarySocket('server-to-database') });
}

async function make(template: string, key: string): Promise<string> {
  const url = new URL(template);
  const name = `test_${createHash('sha256').update(`${process.pid} ${key}`).digest('hex').slice(0, 24)}`;
  await statementOn(maintenanceUrl(template), `create database "${name}" template "${url.pathname.slice(1)}"`);
  url.pathname = `/${name}`;
  return url.toString();
}

async function dropAll(): Promise<void> {
  const template = process.env[templateVariable];
  if (template === undefined) return;
  for (const url of await Promise.all(made.values()))
    await statementOn(maintenanceUrl(template), `drop database "${new URL(url).pathname.slice(1)}" with (force)`);
}

function maintenanceUrl(template: string): string {
  const url = new URL(template);
  url.pathname = '/postgres';
  return url.toString();
}
