import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { errnoOf, formatDuration, HoldfastError } from '@holdfast/core';
import { openRepository, type Repository } from '@holdfast/repository';
import { type Compression, compressionOf } from '@holdfast/repository/format';
import { basicCredentials, openLocalDisk, openRest, type Target, TokenBucket, throttled } from '@holdfast/storage';
import type { DialOptions } from '@holdfast/wire';
import { resolvePath } from '../data-directory.ts';
import { setting } from '../environment.ts';
import { parseLocation, type RepositoryLocation } from './location.ts';
import { readPassword } from './password.ts';
import { compressionModes, type RepositoryOptions } from './repository-options.ts';

/** Requests to a mover at once: what restic uses. */
const restConnections = 5;

/** An address that was given by option or environment; undefined means that the command is for the server. */
export async function givenRepository(options: RepositoryOptions): Promise<string | undefined> {
  // Who names a server means it, whatever the environment holds for stand-alone work.
  if (options.server !== undefined) {
    if (options.repo === undefined && options.repositoryFile === undefined) return undefined;
    throw new HoldfastError('usage.option', { message: '--repo means to work without a server; leave out --server.' });
  }
  if (options.repo !== undefined && options.repositoryFile !== undefined) {
    throw new HoldfastError('usage.option', { message: '--repo and --repository-file exclude each other.' });
  }
  const variable = (name: string): string | undefined => setting(`${options.from ? 'FROM_' : ''}${name}`);
  const file =
    options.repositoryFile ??
    (options.repo === undefined && variable('REPOSITORY') === undefined ? variable('REPOSITORY_FILE') : undefined);
  if (file === undefined) return options.repo ?? variable('REPOSITORY');
  return (await readGivenFile(file, 'repository file')).trim();
}

export async function requireRepository(options: RepositoryOptions): Promise<RepositoryLocation> {
  const given = await givenRepository(options);
  if (given !== undefined) return parseLocation(given);
  if (options.from)
    throw new HoldfastError('usage.option', {
      message: 'No repository to copy from was given.',
      guidance:
        'Use --from-repo, --from-repository-file, or the variable HOLDFAST_FROM_REPOSITORY or RESTIC_FROM_REPOSITORY.',
    });
  throw new HoldfastError('usage.option', {
    message: 'No repository was given.',
    guidance: 'Use --repo, --repository-file, or the variable HOLDFAST_REPOSITORY or RESTIC_REPOSITORY.',
  });
}

interface Opening {
  readonly options: RepositoryOptions;
  readonly create: boolean;
  readonly resources: AsyncDisposableStack;
  readonly signal: AbortSignal;
}

/** Opens the place of a repository; closed with the stack. */
export async function openTarget(location: RepositoryLocation, o: Opening): Promise<Target> {
  const target = await openPlace(location, o);
  const [upload, download] = [o.options.limitUpload, o.options.limitDownload].map((limitKib) =>
    limitKib ? new TokenBucket({ bytesPerSecond: limitKib * 1024 }) : undefined,
  );
  return upload || download ? throttled(target, { upload, download }) : target;
}

async function openPlace(location: RepositoryLocation, o: Opening): Promise<Target> {
  const { options, create, resources, signal } = o;
  if (location.kind === 'folder') return resources.use(await openLocalDisk({ path: location.path, create }));
  const authorities = await readCas(options);
  const clientPem = await readClientCertificate(options);
  // A folder needs no network, and this is the slower half of starting.
  const { createWire, httpClient } = await import('@holdfast/wire');
  const wire = resources.use(createWire({ role: 'client', bind: '127.0.0.1' }));
  const client = httpClient({
    connections: restConnections,
    host: location.host,
    connect: (signal) =>
      wire.dial('client-to-mover', location.host, {
        port: location.port,
        ...authorities,
        clientPem,
        orHostName: true,
        signal,
      }),
  });
  // As restic, both repositories of a copy use the same name and password, unless the source has its own.
  const credential = (name: string): string | undefined =>
    (options.from ? setting(`FROM_${name}`) : undefined) ?? setting(name);
  const user = location.username ?? credential('REST_USERNAME');
  const password = location.password ?? credential('REST_PASSWORD');
  const target = await openRest({
    client,
    basePath: location.basePath,
    location: location.shown,
    credentials:
      user === undefined && password === undefined
        ? undefined
        : basicCredentials({ user: user ?? '', password: password ?? '' }),
    create,
    maxParallelRequests: restConnections,
    signal,
  });
  return resources.use(target);
}

interface OpeningContext {
  readonly resources: AsyncDisposableStack;
  readonly signal: AbortSignal;
}

/**
 * Opens the repository of the options. Everything that it opened is closed with the stack. Deriving the key takes long, in a
 * thread of Node: a command that has modules to load or threads to start begins with the opening, and awaits it after that.
 */
export function openGivenRepository(options: RepositoryOptions, o: OpeningContext): Promise<Repository> {
  const opening = open(options, o);
  // So that a failure is heard of when the repository is awaited, and not before.
  void Promise.allSettled([opening]);
  return opening;
}

async function open(options: RepositoryOptions, { resources, signal }: OpeningContext): Promise<Repository> {
  const location = await requireRepository(options);
  const target = await openTarget(location, { options, create: false, resources, signal });
  const password = (): Promise<string> => readPassword(options, { confirm: false, signal });
  const keyHint = options.keyHint ?? setting(`${options.from ? 'FROM_' : ''}KEY_HINT`);
  const repository = await openRepository(target, { password, keyHint, signal });
  repository.lockWait = lockWait(options);
  repository.compression = compression(options);
  return repository;
}

function compression(options: RepositoryOptions): Compression {
  const given = options.compression ?? setting('COMPRESSION') ?? 'auto';
  const mode = compressionModes.find((name) => name === given);
  if (mode !== undefined) return compressionOf(mode);
  throw new HoldfastError('usage.option', {
    message: `--compression is one of ${compressionModes.join(', ')}, not ${given}.`,
  });
}

/** How this command waits for locks of others. It says so once, because until then nothing seems to happen. */
function lockWait(options: RepositoryOptions): Repository['lockWait'] {
  const silent = options.quiet === true || options.json === true;
  return {
    retryMs: options.retryLock ?? 0,
    onWait: (refusal, retryMs) => {
      if (!silent) process.stderr.write(`${refusal.message} Waiting up to ${formatDuration(retryMs)} for it.\n`);
    },
  };
}

/** The CAs to believe: those given, else that of the server on this computer and, for the names of hosts, those of the system. */
async function readCas(options: RepositoryOptions): Promise<Pick<DialOptions, 'caPem' | 'hostCaPem'>> {
  const given = options.cacert ?? setting('CACERT');
  if (given !== undefined) return { caPem: await readGivenFile(given, 'CA certificate') };
  // Only here, because its schema costs a tenth of the time of starting.
  const { readConnectionFile } = await import('../managed/connection-file.ts');
  const local = await readConnectionFile(options.data);
  const caPem = local && (await readGivenFile(local.caFile, 'CA certificate'));
  const { systemCaPem } = await import('@holdfast/wire');
  const hostCaPem = systemCaPem();
  if (hostCaPem !== '') return { caPem, hostCaPem };
  if (caPem !== undefined) return { caPem };
  throw new HoldfastError('usage.option', {
    message: 'The CA certificate of the server was not given, and this system knows none.',
    guidance: 'Use --cacert FILE, or HOLDFAST_CACERT or RESTIC_CACERT; `holdfast grant create` writes the file.',
  });
}

async function readClientCertificate(options: RepositoryOptions): Promise<string | undefined> {
  const path = options.tlsClientCert ?? setting('TLS_CLIENT_CERT');
  if (path === undefined) return undefined;
  const pem = await readGivenFile(path, 'client certificate');
  try {
    if (new X509Certificate(pem).checkPrivateKey(createPrivateKey(pem))) return pem;
  } catch (error) {
    throw wrongClientCertificate(path, error instanceof Error ? error.message : String(error));
  }
  throw wrongClientCertificate(path, 'the key is not that of the certificate');
}

function wrongClientCertificate(path: string, why: string): HoldfastError {
  return new HoldfastError('usage.option', {
    message: `${path} is not a certificate with its private key (${why}).`,
    guidance: 'Put both into one PEM file, the key without a password, as for restic.',
  });
}

/** A small file that the command line names. */
export async function readGivenFile(path: string, what: string): Promise<string> {
  try {
    return await readFile(resolvePath(path), 'utf8');
  } catch (error) {
    throw new HoldfastError('usage.option', {
      message: `The ${what} ${path} could not be read (${errnoOf(error) ?? String(error)}).`,
      guidance: 'Check the path and its permissions.',
      cause: error,
    });
  }
}
