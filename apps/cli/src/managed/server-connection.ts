import { readFile } from 'node:fs/promises';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { RestClient } from '@holdfast/protocol';
import { createWire, httpClient } from '@holdfast/wire';
import { defaultDataDirectory, resolvePath } from '../data-directory.ts';
import { parseServer } from '../server-address.ts';
import { readConnectionFile, type ServerAddress } from './connection-file.ts';
import { defaultServerPort, type ServerOptions } from './server-options.ts';

/** Requests at once: one may be a stream of events. */
const serverConnections = 2;

/** A client of the server that the options or this computer's data directory name. Closed with the stack. */
export async function connectServer(options: ServerOptions, resources: AsyncDisposableStack): Promise<RestClient> {
  const { host, port, caFile, tokenFile } = await serverAddress(options);
  const caPem = await readNamed(caFile, "the server's CA certificate");
  const token = (await readNamed(tokenFile, 'the administrator token')).trim();
  if (token === '') throw new HoldfastError('usage.option', { message: `The token file ${tokenFile} is empty.` });
  const wire = resources.use(createWire({ role: 'client', bind: '127.0.0.1' }));
  const http = resources.use(
    httpClient({
      connections: serverConnections,
      host,
      connect: (signal) => wire.dial('client-to-server', host, { port, caPem, signal }),
    }),
  );
  return new RestClient({ http, token });
}

async function serverAddress(options: ServerOptions): Promise<ServerAddress> {
  const local = await readConnectionFile(options.data);
  const given = options.server === undefined ? undefined : parseServer(options.server);
  const caFile = options.cacert === undefined ? local?.caFile : resolvePath(options.cacert);
  const tokenFile = options.tokenFile === undefined ? local?.tokenFile : resolvePath(options.tokenFile);
  const place = given ?? local;
  if (place && caFile !== undefined && tokenFile !== undefined)
    return { host: place.host, port: place.port ?? defaultServerPort, caFile, tokenFile };
  const missing = [
    place ? '' : '--server',
    tokenFile === undefined ? '--token-file' : '',
    caFile === undefined ? '--cacert' : '',
  ];
  throw new HoldfastError('usage.option', {
    message: `Which backup server to talk to is not known: ${missing.filter((name) => name !== '').join(', ')} not given, and no connection.json in ${options.data ?? defaultDataDirectory()}.`,
    guidance:
      'Start one with `holdfast up`, name one with --server, --token-file and --cacert, or use --repo to work without a server.',
  });
}

async function readNamed(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new HoldfastError('usage.option', {
      message: `The file of ${what}, ${path}, could not be read (${errnoOf(error) ?? String(error)}).`,
      guidance:
        'Check the path and its permissions; the token file is readable for the user that runs the server only.',
      cause: error,
    });
  }
}
