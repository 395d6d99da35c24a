import { type ExitStatus, exitStatus, formatBytes, formatCount } from '@holdfast/core';
import { initRepository, type Repository } from '@holdfast/repository';
import type { Command } from 'commander';
import { z } from 'zod';
import { registerServerRepositories } from '../managed/repositories.ts';
import { print, printJson, shownTime } from '../output.ts';
import { openGivenRepository, openTarget, requireRepository } from '../stand-alone/open-repository.ts';
import { readPassword } from '../stand-alone/password.ts';
import {
  addOutputOptions,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { table } from '../terminal.ts';
import { perform, type Work } from '../work.ts';

/** `holdfast repo`: repositories, alone with --repo or by the server. */
export function registerRepo(program: Command): void {
  const repositories = program
    .command('repo')
    .description('repositories: init and info work without a server, the others with one');
  const alone = environmentHelp.replace('Without --repo the command talks to the backup server. ', '');

  const init = repositories.command('init').description('make a repository, without a server');
  addRepositoryOptions(init, { orServer: false });
  addOutputOptions(init)
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast repo init --repo /mnt/disk/repo -p password.txt
  $ holdfast repo init --repo /mnt/disk/repo                    asks for the password, twice

Whoever loses the password loses the backups. Any restic can use the repository (format version 2).
${alone}

JSON: {kind: "repository", id, version, location}
${exitStatusHelp}`,
    )
    .action((options: RepositoryOptions) => perform(options, (work) => initialise(options, work)));

  const info = repositories
    .command('info')
    .description('what a repository holds and which keys open it, without a server');
  addRepositoryOptions(info, { orServer: false });
  addOutputOptions(info)
    .addHelpText(
      'after',
      `
Example:
  $ holdfast repo info --repo /mnt/disk/repo -p password.txt
${alone}

JSON: {kind: "repository", id, version, location, snapshots, indexFiles, packs, bytes, keys: [{id, hostname, username, createdAt}]}
${exitStatusHelp}`,
    )
    .action((options: RepositoryOptions) => perform(options, (work) => showInfo(options, work)));

  registerServerRepositories(repositories);
}

async function initialise(options: RepositoryOptions, { signal, resources }: Work): Promise<ExitStatus> {
  const location = await requireRepository(options);
  const password = await readPassword(options, { confirm: true, signal });
  const target = await openTarget(location, { options, create: true, resources, signal });
  const repository = await initRepository(target, { password, signal });
  const { id, version } = repository.config;
  if (options.json) await printJson({ kind: 'repository', id, version, location: target.location });
  else if (!options.quiet) {
    await print(
      `Repository ${id.slice(0, 8)} is made at ${target.location}.\nKeep the password safe: without it nobody can read the backups.\n`,
    );
  }
  return exitStatus.success;
}

/** What a key file says about itself in the clear. */
const keyFile = z.object({
  hostname: z.string().default(''),
  username: z.string().default(''),
  created: z.string().default(''),
});

async function showInfo(options: RepositoryOptions, { signal, resources }: Work): Promise<ExitStatus> {
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
