import type { Wire } from '@holdfast/wire';
import type { DatabasePlace } from './catalogue/database.ts';
import { readPostgresAddress } from './catalogue/postgres-address.ts';
import type { ServerConfig } from './config.ts';
import type { DataDirectory } from './data-directory.ts';

/** Where the catalogue of a server is. */
export async function databasePlace(config: ServerConfig, data: DataDirectory, wire: Wire): Promise<DatabasePlace> {
  const { database: url, databasePasswordFile: passwordFile } = config;
  if (url === undefined) return { kind: 'sqlite', path: data.file('catalogue.sqlite') };
  const address = await readPostgresAddress({ url, passwordFile, environment: process.env });
  return { kind: 'postgres', address, socket: () => wire.librarySocket('server-to-database') };
}
