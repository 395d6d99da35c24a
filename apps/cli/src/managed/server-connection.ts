import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { RestClient } from '@holdfast/protocol';
import { createWire, httpClient } from '@holdfast/wire';
import { z } from 'zod';
import { defaultDataDirectory, resolvePath } from '../data-directory.ts';
import { defaultServerPort, type ServerOptions } from './server-options.ts';

/** `<data>/connection.json`, written by `holdfast up`: how to reach the server of a data directory. Paths may be relative to it. */
const connectionFile = z.object({
  host: z.string().min(1),
  port: z.number().int().min(1).max(65_535),
  caFile: z.string().min(1),
  tokenFile: z.string().min(1),
});
export type ServerAddress = z.infer<typeof connectionFile>;

/** Requests at once: one may be a stream of events. */
const serverConnections = 2;

/** The server of a data directory; undefined if it holds none. */
export async function readConnectionFile(data: string | undefined): Promise<ServerAddress | undefined> {
  const directory = data === undefined ? defaultDataDirectory() : resolvePath(data);
  const path = resolve(directory, 'connection.json');
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined;
    throw new HoldfastError('usage.configuration', {
      message: `${path} could not be read (${errnoOf(error) ?? String(error)}).`,
      guidance: 'Use the user that runs `holdfast up`, or give --server, --token-file and --cacert.',
      cause: error,
    });
  }
  const parsed = connectionFile.safeParse(parseJson(content));
  if (!parsed.success) {
    throw new HoldfastError('usage.configuration', {
      message: `${path} does not say how to reach a server.`,
      guidance: 'Start `holdfast up` again, which writes it.',
    });
  }
  const { host, port, caFile, tokenFile } = parsed.data;
  return { host, port, caFile: resolve(directory, caFile), tokenFile: resolve(directory, tokenFile) };
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

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
    return { host: place.host, port: place.port, caFile, tokenFile };
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

/** `host`, `host:port`, `[v6]:port`. */
function parseServer(value: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:/\s]+))(?::(\d{1,5}))?$/.exec(value);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? defaultServerPort : Number(match[3]);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new HoldfastError('usage.option', { message: `--server ${value} is neither host nor host:port.` });
  }
  return { host, port };
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
