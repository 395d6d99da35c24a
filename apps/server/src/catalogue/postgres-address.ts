import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { HoldfastError } from '@holdfast/core';

/** Where a PostgreSQL catalogue is, and how its server is believed. */
export interface PostgresAddress {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  /** `verify`: the certificate must be of this host, issued by one of `caPem` or of the system's roots. */
  readonly tls: { readonly mode: 'verify'; readonly caPem: string | undefined } | { readonly mode: 'off' };
}

/** The environment's way to give the password; a file is the other. */
export const passwordVariable = 'HOLDFAST_DATABASE_PASSWORD';
const defaultPort = 5432;
const parameters = new Set(['host', 'sslmode', 'sslrootcert']);

/**
 * Reads `postgres://user@host:5432/database`, with libpq's parameters `sslmode` (`verify-full` or `disable`), `sslrootcert` (a PEM
 * file) and `host` (the folder of a Unix socket). Without `sslmode` a server on another computer has to prove who it is. A
 * password in the URL is refused: configurations are copied, printed and shown. Throws `usage.configuration`.
 */
export async function readPostgresAddress(o: {
  readonly url: string;
  readonly passwordFile: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}): Promise<PostgresAddress> {
  const url = URL.canParse(o.url) ? new URL(o.url) : undefined;
  if (!url || !['postgres:', 'postgresql:'].includes(url.protocol)) {
    throw wrong('it is no URL that begins with postgres://');
  }
  if (url.password !== '') {
    throw wrong(
      `it holds a password, which belongs into databasePasswordFile or the environment's ${passwordVariable}`,
    );
  }
  const unknown = [...url.searchParams.keys()].find((name) => !parameters.has(name));
  if (unknown !== undefined) throw wrong(`it has the unknown parameter ${unknown}`);
  const host = url.searchParams.get('host') ?? url.hostname.replace(/^\[(.*)\]$/, '$1');
  const database = decodeURIComponent(url.pathname.slice(1));
  if (host === '' || database === '' || url.username === '') throw wrong('user, host and database must be given');
  return {
    host,
    port: url.port === '' ? defaultPort : Number(url.port),
    user: decodeURIComponent(url.username),
    password: o.passwordFile === undefined ? o.environment[passwordVariable] : await readPassword(o.passwordFile),
    database,
    tls: await readTls(host, url.searchParams),
  };
}

async function readTls(host: string, given: URLSearchParams): Promise<PostgresAddress['tls']> {
  const mode = given.get('sslmode') ?? (isThisComputer(host) ? 'disable' : 'verify-full');
  if (mode === 'disable') return { mode: 'off' };
  // What libpq calls require or verify-ca lets anybody in between: there is no reason to offer it.
  if (mode !== 'verify-full') throw wrong('sslmode must be verify-full or disable');
  const file = given.get('sslrootcert');
  return { mode: 'verify', caPem: file === null ? undefined : await readFile(file, 'utf8') };
}

function isThisComputer(host: string): boolean {
  return (
    host.startsWith('/') || host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
  );
}

async function readPassword(path: string): Promise<string> {
  const { mode } = await stat(path);
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new HoldfastError('usage.configuration', {
      message: `${path} holds the password of the database, but its mode ${(mode & 0o777).toString(8)} lets others at it.`,
      guidance: `Run \`chmod 600 ${path}\`, and change the password if others could have read it.`,
    });
  }
  return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
}

function wrong(why: string): HoldfastError {
  return new HoldfastError('usage.configuration', {
    message: `The configuration's \`database\` can't be used: ${why}.`,
    guidance:
      'It has the form postgres://user@host:5432/database?sslmode=verify-full&sslrootcert=/etc/holdfast/db-ca.pem',
  });
}
