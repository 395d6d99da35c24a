import { readFile } from 'node:fs/promises';
import { errnoOf, HoldfastError, systemClock } from '@holdfast/core';
import { machineTokens, RestClient } from '@holdfast/protocol';
import { createWire, type HttpClient, httpClient } from '@holdfast/wire';
import { defaultDataDirectory, resolvePath } from '../data-directory.ts';
import { parseServer } from '../server-address.ts';
import { canPrompt } from '../stand-alone/password-prompt.ts';
import { askProof } from './ask.ts';
import { readConnectionFile } from './connection-file.ts';
import { readMachineCertificate } from './machine-certificate.ts';
import { defaultServerPort, type ServerOptions } from './server-options.ts';
import { isOfMachine, type MachineSession, readSession, type SavedSession } from './session-file.ts';

/** Requests at once: one may be a stream of events. */
const serverConnections = 2;

export interface ServerPlace {
  readonly host: string;
  readonly port: number;
  readonly caPem: string;
}

/** A client of the server that the options, a session or this computer's data directory name. Closed with the stack. */
export async function connectServer(options: ServerOptions, resources: AsyncDisposableStack): Promise<RestClient> {
  const session = options.tokenFile === undefined ? await sessionFor(options) : undefined;
  if (session) return isOfMachine(session) ? openAsMachine(session, resources) : openServer(session, resources);
  const local = await readConnectionFile(options.data);
  // This computer's own token is for its own server, whatever else is named.
  const ownToken = options.server === undefined ? local?.tokenFile : undefined;
  const tokenFile = options.tokenFile === undefined ? ownToken : resolvePath(options.tokenFile);
  const place = await serverPlace(options, tokenFile === undefined ? ['--token-file'] : []);
  if (tokenFile === undefined) throw unknownServer(options, ['--token-file']);
  const token = (await readNamed(tokenFile, 'the token')).trim();
  if (token === '') throw new HoldfastError('usage.option', { message: `The token file ${tokenFile} is empty.` });
  return openServer({ ...place, token }, resources);
}

/** The session of `holdfast login`, if it is one with the server that is meant. */
async function sessionFor(options: ServerOptions): Promise<SavedSession | undefined> {
  const session = await readSession(options.data);
  if (!session || options.server === undefined) return session;
  const { host, port = defaultServerPort } = parseServer(options.server);
  return host === session.host && port === session.port ? session : undefined;
}

/** Where the server is and how to know it. Throws `usage.option` that says what is missing, with what else is. */
export async function serverPlace(options: ServerOptions, alsoMissing: readonly string[] = []): Promise<ServerPlace> {
  const local = await readConnectionFile(options.data);
  const given = options.server === undefined ? undefined : parseServer(options.server);
  const caFile = options.cacert === undefined ? local?.caFile : resolvePath(options.cacert);
  const place = given ?? local;
  if (!place || caFile === undefined)
    throw unknownServer(options, [
      ...(place ? [] : ['--server']),
      ...alsoMissing,
      ...(caFile === undefined ? ['--cacert'] : []),
    ]);
  const caPem = await readNamed(caFile, "the server's CA certificate");
  return { host: place.host, port: place.port ?? defaultServerPort, caPem };
}

/** Without a token for signing in. A second factor that an action asks for is asked of the person. */
export function openServer(
  { token, ...place }: ServerPlace & { readonly token: string | undefined },
  resources: AsyncDisposableStack,
): RestClient {
  const http = openHttp(place, resources);
  return new RestClient({ http, token, ...(canPrompt() ? { confirm: (signal) => askProof(undefined, signal) } : {}) });
}

/** As a service account: all its connections show its certificate, and tokens are asked for when they are needed. */
export async function openAsMachine(
  { certificateFile, serviceAccount: id, ...place }: MachineSession,
  resources: AsyncDisposableStack,
): Promise<RestClient> {
  const http = openHttp(place, resources, await readMachineCertificate(certificateFile));
  return new RestClient({ http, token: machineTokens(http, { id, clock: systemClock }) });
}

/** For what of the server is not the REST API. `clientPem`: private key and certificate to show. */
export function openHttp(
  { host, port, caPem }: ServerPlace,
  resources: AsyncDisposableStack,
  clientPem?: string,
): HttpClient {
  const wire = resources.use(createWire({ role: 'client', bind: '127.0.0.1' }));
  return resources.use(
    httpClient({
      connections: serverConnections,
      host,
      connect: (signal) => wire.dial('client-to-server', host, { port, caPem, clientPem, signal }),
    }),
  );
}

function unknownServer(options: ServerOptions, missing: readonly string[]): HoldfastError {
  return new HoldfastError('usage.option', {
    message: `Which backup server to talk to is not known: ${missing.join(', ')} not given, and no connection.json in ${options.data ?? defaultDataDirectory()}.`,
    guidance:
      'Start one with `holdfast up`, sign in to one with `holdfast login`, name one with --server, --token-file and --cacert, or use --repo to work without a server.',
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
