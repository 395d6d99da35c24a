import { type ExitStatus, exitStatus, formatBytes, formatCount, HoldfastError } from '@holdfast/core';
import { initRepository, type Repository, type RepositoryConfig } from '@holdfast/repository';
import { z } from 'zod';
import type { InitCommandOptions } from '../commands/init.ts';
import { print, printJson, shownTime } from '../output.ts';
import { table } from '../terminal.ts';
import type { Work } from '../work.ts';
import { sourceOptions } from './from-repository.ts';
import { openGivenRepository, openTarget, requireRepository } from './open-repository.ts';
import { readPassword } from './password.ts';
import type { RepositoryOptions } from './repository-options.ts';

export async function initialise(options: RepositoryOptions, work: Work): Promise<ExitStatus> {
  const { id, version, location } = await makeRepository(options, work);
  if (options.json) await printJson({ kind: 'repository', id, version, location });
  else if (!options.quiet) {
    await print(
      `Repository ${id.slice(0, 8)} is made at ${location}.\nKeep the password safe: without it nobody can read the backups.\n`,
    );
  }
  return exitStatus.success;
}

export async function initialiseAsRestic(options: InitCommandOptions, work: Work): Promise<ExitStatus> {
  const { id, location } = await makeRepository(options, work, await chunkerParameters(options, work));
  if (options.json) await printJson({ message_type: 'initialized', id, repository: location });
  else if (!options.quiet)
    await print(`created restic repository ${id.slice(0, 10)} at ${location}

Please note that knowledge of your password is required to access
the repository. Losing your password means that your data is
irrecoverably lost.
`);
  return exitStatus.success;
}

/** Of the other repository, if they are wanted. */
async function chunkerParameters(options: InitCommandOptions, work: Work): Promise<string | undefined> {
  if (options.copyChunkerParams)
    return (await openGivenRepository(sourceOptions(options), work)).config.chunkerPolynomial;
  if (options.fromRepo === undefined && options.fromRepositoryFile === undefined) return undefined;
  throw new HoldfastError('usage.option', { message: '--from-repo means nothing without --copy-chunker-params.' });
}

async function makeRepository(
  options: RepositoryOptions,
  { signal, resources }: Work,
  chunkerPolynomial?: string,
): Promise<RepositoryConfig & { readonly location: string }> {
  const location = await requireRepository(options);
  const password = await readPassword(options, { confirm: true, signal });
  const target = await openTarget(location, { options, create: true, resources, signal });
  const { config } = await initRepository(target, { password, chunkerPolynomial, signal });
  return { ...config, location: target.location };
}

/** What a key file says about itself in the clear. */
const keyFile = z.object({
  hostname: z.string().default(''),
  username: z.string().default(''),
  created: z.string().default(''),
});

export async function showInfo(options: RepositoryOptions, { signal, resources }: Work): Promise<ExitStatus> {
  const repository = await openGivenRepository(options, { resources, signal });
  const [snapshots, indexFiles, packs] = await Promise.all(
    (['snapshot', 'index', 'data'] as const).map((type) => repository.list(type, { signal })),
  );
  const keys = await readKeys(repository, signal);
  const { id, version } = repository.config;
  const bytes = [snapshots, indexFiles, packs].flat().reduce((sum, info) => sum + (info?.sizeBytes ?? 0), 0);
  const counts = { snapshots: snapshots?.length ?? 0, indexFiles: indexFiles?.length ?? 0, packs: packs?.length ?? 0 };
  const { location } = repository.target;
  if (options.json) {
    await printJson({ kind: 'repository', id, version, location, ...counts, bytes, keys });
    return exitStatus.success;
  }
  const rows = keys.map((key) => [key.id.slice(0, 8), key.username, key.hostname, shownTime(key.createdAt)]);
  await print(
    `Repository ${id} at ${location}, format version ${version}\n` +
      `${formatCount(counts.snapshots)} snapshots, ${formatCount(counts.packs)} packs, ${formatCount(counts.indexFiles)} index files, ${formatBytes(bytes)}\n\n` +
      table([['Key', 'User', 'Host', 'Created'], ...rows]),
  );
  return exitStatus.success;
}

async function readKeys(repository: Repository, signal: AbortSignal) {
  const infos = await repository.list('key', { signal });
  const decoder = new TextDecoder();
  return Promise.all(
    infos.map(async ({ id }) => {
      const content = decoder.decode(await repository.target.read({ type: 'key', id }, { signal }));
      const { hostname, username, created } = keyFile.parse(parseJson(content));
      return { id, hostname, username, createdAt: created };
    }),
  );
}

/** A key file that is no JSON is shown without a name; `check` is what reports it. */
function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
