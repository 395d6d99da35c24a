import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import { type Command, Option } from 'commander';
import { print, printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';
import { chooseComputer, chooseMover, chooseRepository } from './names.ts';
import { performWithServer, type ServerWork } from './perform-with-server.ts';
import { requirePlace, writeSecretFile } from './secret-file.ts';
import { addServerOptions, type ServerOptions, serverHelp } from './server-options.ts';

interface CreateOptions extends ServerOptions {
  readonly mover?: string;
  readonly executor?: string;
  readonly zeroKnowledge?: boolean;
}

interface ExecutorOptions extends ServerOptions {
  readonly agent?: string;
  readonly mover?: boolean;
}

interface PasswordOptions extends ServerOptions {
  readonly out?: string;
  readonly show?: boolean;
}

/** `holdfast repo create`, `executor`, `list` and `password`: repositories that the server knows. */
export function registerServerRepositories(repositories: Command): void {
  addServerOptions(
    repositories
      .command('create')
      .description('by the server: make the place for a repository at a mover; its password goes to the vault')
      .argument('<name>', 'a-z, 0-9 and -'),
  )
    .option('--mover <name>', 'host name or id; needed where there are several')
    .option('--executor <agent>', 'the agent that prunes, checks and drills it, in the place of the mover')
    .option('--zero-knowledge', 'only that agent has the key, and the server never: docs/zero-knowledge.md')
    .addHelpText(
      'after',
      `\nExamples:
  $ holdfast repo create laptops
  $ holdfast repo create laptops --mover storage1
  $ holdfast repo create boss --zero-knowledge --executor boss-laptop

With --zero-knowledge run \`holdfast zero-knowledge setup\` at that computer. The server's recovery kit does not open such a
repository: who loses that computer and its recovery phrase loses the backups.\n${serverHelp}`,
    )
    .action((name: string, options: CreateOptions) =>
      performWithServer(options, (work) => createRepository(name, options, work)),
    );

  addServerOptions(
    repositories
      .command('executor')
      .description('by the server: have an agent, or the mover, prune, check and drill a repository')
      .argument('<name>', 'name or id'),
  )
    .addOption(new Option('--agent <name>', 'host name or id').conflicts('mover'))
    .option('--mover', 'the mover in front of it, as by default')
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast repo executor laptops --agent worker1\n  $ holdfast repo executor laptops --mover\n${serverHelp}`,
    )
    .action((name: string, options: ExecutorOptions) =>
      performWithServer(options, (work) => setExecutor(name, options, work)),
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

async function createRepository(
  name: string,
  options: CreateOptions,
  { client, signal, view }: ServerWork,
): Promise<ExitStatus> {
  const mover = await chooseMover(client, { text: options.mover, signal });
  const executor =
    options.executor === undefined
      ? undefined
      : await chooseComputer(client, { text: options.executor, role: 'agent', signal });
  const zeroKnowledge = options.zeroKnowledge === true;
  const body = { name, moverId: mover.id, zeroKnowledge, ...(executor && { executorId: executor.id }) };
  const repository = await client.call('createRepository', { body, signal });
  if (options.json) await printJson({ kind: 'repository', repository });
  else
    await printText(
      `Repository ${repository.name} (${repository.id}) has its place at ${mover.hostname}: ${repository.location}.\n`,
    );
  if (zeroKnowledge)
    view.note(
      `Its key will be on ${executor?.hostname ?? ''} alone: run \`holdfast zero-knowledge setup\` there. The server's recovery kit does not open it.`,
    );
  return exitStatus.success;
}

async function setExecutor(
  name: string,
  options: ExecutorOptions,
  { client, signal }: ServerWork,
): Promise<ExitStatus> {
  const { agent, mover } = options;
  if (agent === undefined && mover !== true)
    throw new HoldfastError('usage.option', { message: 'Say who: --agent NAME, or --mover.' });
  const { id } = await chooseRepository(client, { text: name, signal });
  const executor =
    agent === undefined ? undefined : await chooseComputer(client, { text: agent, role: 'agent', signal });
  const repository = await client.call('setRepositoryExecutor', {
    params: { id },
    body: { executorId: executor?.id ?? null },
    signal,
  });
  if (options.json) await printJson({ kind: 'repository', repository });
  else await printText(`Work in ${repository.name} is done by ${executor?.hostname ?? 'its mover'}.\n`);
  return exitStatus.success;
}

async function listRepositories(options: ServerOptions, { client, signal, view }: ServerWork): Promise<ExitStatus> {
  const [repositories, computers] = await Promise.all([
    client.list('repositories', { signal }),
    client.list('computers', { signal }),
  ]);
  if (options.json) {
    await printJson({ kind: 'repositories', repositories });
    return exitStatus.success;
  }
  const hostOf = new Map(computers.map(({ id, hostname }) => [id, hostname]));
  const rows = repositories.map(({ id, name, moverId, location, createdAt, initialisedAt, ...rest }) => [
    name,
    hostOf.get(moverId) ?? moverId,
    location,
    shownTime(createdAt),
    initialisedAt === undefined ? 'no backup yet' : shownTime(initialisedAt),
    rest.zeroKnowledge ? 'zero-knowledge' : '',
    id,
  ]);
  for (const { name, executorId, delayed = [] } of repositories)
    for (const { kind, since } of delayed)
      view.note(
        `Warning: ${kind} of ${name} waits since ${shownTime(since)} for ${hostOf.get(executorId ?? '') ?? 'its executor'}, which is not there.`,
      );
  await printText(table([['Name', 'Mover', 'Location', 'Created', 'In use since', 'Key', 'Id'], ...rows]));
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
