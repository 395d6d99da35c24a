import { type ExitStatus, exitStatus } from '@holdfast/core';
import type { Command } from 'commander';
import { print, printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';
import { chooseMover, chooseRepository } from './names.ts';
import { performWithServer, type ServerWork } from './perform-with-server.ts';
import { requirePlace, writeSecretFile } from './secret-file.ts';
import { addServerOptions, type ServerOptions, serverHelp } from './server-options.ts';

interface PasswordOptions extends ServerOptions {
  readonly out?: string;
  readonly show?: boolean;
}

/** `holdfast repo create`, `list` and `password`: repositories that the server knows. */
export function registerServerRepositories(repositories: Command): void {
  addServerOptions(
    repositories
      .command('create')
      .description('by the server: make the place for a repository at a mover; its password goes to the vault')
      .argument('<name>', 'a-z, 0-9 and -'),
  )
    .option('--mover <name>', 'host name or id; needed where there are several')
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast repo create laptops\n  $ holdfast repo create laptops --mover storage1\n${serverHelp}`,
    )
    .action((name: string, options: ServerOptions & { readonly mover?: string }) =>
      performWithServer(options, async ({ client, signal }) => {
        const mover = await chooseMover(client, { text: options.mover, signal });
        const repository = await client.call('createRepository', { body: { name, moverId: mover.id }, signal });
        if (options.json) await printJson({ kind: 'repository', repository });
        else
          await printText(
            `Repository ${repository.name} (${repository.id}) has its place at ${mover.hostname}: ${repository.location}.\n`,
          );
        return exitStatus.success;
      }),
    );

  addServerOptions(repositories.command('list').description('by the server: its repositories'))
    .addHelpText('after', `\nExample:\n  $ holdfast repo list\n${serverHelp}`)
    .action((options: ServerOptions) => performWithServer(options, (work) => listRepositories(options, work)));

  addServerOptions(
    repositories
      .command('password')
      .description("by the server: a repository's password, to use it with restic; audited")
      .argument('<name>', 'name or id'),
  )
    .option('--out <file>', 'write it to a new file of mode 0600')
    .option('--show', 'show it on the screen')
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast repo password laptops --out laptops.password\n  $ holdfast repo password laptops --show\n${serverHelp}`,
    )
    .action((name: string, options: PasswordOptions) =>
      performWithServer(options, (work) => givePassword(name, options, work)),
    );
}

async function listRepositories(options: ServerOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  const [repositories, computers] = await Promise.all([
    client.list('repositories', { signal }),
    client.list('computers', { query: { role: 'mover' }, signal }),
  ]);
  if (options.json) {
    await printJson({ kind: 'repositories', repositories });
    return exitStatus.success;
  }
  const hostOf = new Map(computers.map(({ id, hostname }) => [id, hostname]));
  const rows = repositories.map(({ id, name, moverId, location, createdAt, initialisedAt }) => [
    name,
    hostOf.get(moverId) ?? moverId,
    location,
    shownTime(createdAt),
    initialisedAt === undefined ? 'no backup yet' : shownTime(initialisedAt),
    id,
  ]);
  await printText(table([['Name', 'Mover', 'Location', 'Created', 'In use since', 'Id'], ...rows]));
  return exitStatus.success;
}

async function givePassword(
  name: string,
  options: PasswordOptions,
  { client, signal }: ServerWork,
): Promise<ExitStatus> {
  requirePlace(options, 'password');
  const repository = await chooseRepository(client, { text: name, signal });
  const { password } = await client.call('repositoryPassword', { params: { id: repository.id }, signal });
  if (options.out === undefined) {
    if (options.json) await printJson({ kind: 'password', repository: repository.name, password });
    else await print(`${password}\n`);
    return exitStatus.success;
  }
  const file = await writeSecretFile(options.out, `${password}\n`);
  if (options.json) await printJson({ kind: 'password', repository: repository.name, passwordFile: file });
  else await printText(`The password of ${repository.name} is in ${file}.\n`);
  return exitStatus.success;
}
