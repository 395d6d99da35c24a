import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import { type Command, Option } from 'commander';
import { lifetime } from '../option-values.ts';
import { print, printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';
import { restAddress, writeAccess } from './grant-files.ts';
import { chooseMover, chooseRepository } from './names.ts';
import { performWithServer, type ServerWork } from './perform-with-server.ts';
import { shellWord, writeSecretFile } from './secret-file.ts';
import { addServerOptions, type ServerOptions, serverHelp } from './server-options.ts';

interface PasswordOptions extends ServerOptions {
  readonly out?: string;
  readonly show?: boolean;
}

interface GrantOptions extends PasswordOptions {
  readonly mode: 'append' | 'read' | 'maintain';
  readonly lifetime: number;
  readonly note: string;
  readonly withPassword?: boolean;
}

/** `holdfast repo create`, `list`, `password` and `grant`: repositories that the server knows. */
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

  addServerOptions(
    repositories
      .command('grant')
      .description('by the server: access for an unmodified restic or `holdfast --repo`, for a limited time; audited')
      .argument('<name>', 'name or id'),
  )
    .addOption(
      new Option('--mode <mode>', 'append: back up; read: restore and check; maintain: delete as well')
        .choices(['append', 'read', 'maintain'])
        .default('read'),
    )
    .option('--lifetime <time>', 'as long as this, at most 30d', lifetime, 86_400_000)
    .option('--note <text>', 'who or what it is for, in the audit', 'restic')
    .option('--out <folder>', 'write everything to files of mode 0600 in this folder')
    .option('--with-password', "the repository's password as well")
    .option('--show', 'show the grant on the screen')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast repo grant laptops --out access --with-password
  $ . access/environment && restic snapshots                    or: holdfast ls latest
  $ holdfast repo grant laptops --mode append --lifetime 7d --note 'restic on nas1' --out access

restic reads user name and grant from the environment from version 0.17 on; an older one needs them in the address, as
--show prints it.
${serverHelp}`,
    )
    .action((name: string, options: GrantOptions) =>
      performWithServer(options, (work) => giveGrant(name, options, work)),
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

/** Secrets reach the screen only when somebody asked for that. */
function requirePlace(options: PasswordOptions, what: string): void {
  if ((options.out === undefined) !== (options.show !== true)) return;
  throw new HoldfastError('usage.option', {
    message: options.show ? '--out and --show exclude each other.' : `Where to put the ${what} was not said.`,
    guidance: 'Use --out for files that only you can read, or --show for the screen.',
  });
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

async function giveGrant(name: string, options: GrantOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  requirePlace(options, 'grant');
  const repository = await chooseRepository(client, { text: name, signal });
  const access = await client.call('repositoryGrant', {
    params: { id: repository.id },
    body: { mode: options.mode, lifetimeSeconds: Math.ceil(options.lifetime / 1000), note: options.note },
    signal,
  });
  const password = options.withPassword
    ? (await client.call('repositoryPassword', { params: { id: repository.id }, signal })).password
    : undefined;
  const { expiresAt } = access;
  const about = { kind: 'grant', repository: repository.name, mode: options.mode, expiresAt };
  if (options.out !== undefined) {
    const environment = await writeAccess(options.out, { ...access, password });
    if (options.json) await printJson({ ...about, url: restAddress(access.url), environmentFile: environment });
    else
      await printText(
        `${grantText(repository.name, options.mode, expiresAt)}\n  . ${shellWord(environment)} && restic snapshots\n`,
      );
    return exitStatus.success;
  }
  if (options.json) await printJson({ ...about, ...access, url: restAddress(access.url), password });
  else {
    const url = new URL(access.url);
    url.username = access.username;
    url.password = access.grant;
    await print(
      `${grantText(repository.name, options.mode, expiresAt)}\n  restic -r ${shellWord(restAddress(url.href))} --cacert ca.pem snapshots\n\n` +
        `${password === undefined ? '' : `Password: ${password}\n`}ca.pem:\n${access.caPem.trimEnd()}\n`,
    );
  }
  return exitStatus.success;
}

function grantText(repository: string, mode: string, expiresAt: string): string {
  return `Grant for ${repository}, mode ${mode}, until ${shownTime(expiresAt)}. To use it:\n`;
}
